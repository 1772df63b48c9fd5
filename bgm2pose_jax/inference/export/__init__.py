"""A trained network taken away to another runtime, and back.

The folder that `python -m bgm2pose_jax.export` writes holds the weights with
their names, the network as StableHLO, and what a reader has to know.
"""

from __future__ import annotations

from bgm2pose_jax.inference.export.reading import Export as Export
from bgm2pose_jax.inference.export.reading import read as read
from bgm2pose_jax.inference.export.restoring import restore as restore
from bgm2pose_jax.inference.export.writing import write as write
