"""Tables and figures of many runs, from the folders they left."""

from __future__ import annotations

from bgm2pose_jax.comparison.write import write_comparison as write_comparison
