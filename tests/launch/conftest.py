"""The scripts import each other by name, as when run from their folder."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "launch"))

# And `launch.sweep` is a package, run from the repository's root.
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
