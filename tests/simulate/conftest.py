"""The peer's room lies beside the benchmarks that time it, oracles lie here."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "launch"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
