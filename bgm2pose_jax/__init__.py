"""3D human pose from sound in a room, in JAX.

What Python code needs is here by name, and is loaded when it is first used:

>>> import bgm2pose_jax as b2p
>>> run = b2p.load("runs/RUN")
>>> poses = run.predict("recording.wav", "music.flac", offset_ms=0)
>>> poses.positions_m.shape  # frame, joint, xyz
(20, 21, 3)
>>> poses.to_bvh("poses.bvh").name
'poses.bvh'
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from bgm2pose_jax.api.run import Run, load
  from bgm2pose_jax.base.errors import InputError
  from bgm2pose_jax.report.poses import Poses
  from bgm2pose_jax.simulate.one_recording import record as simulate

  __version__: str

# `python -m bgm2pose_jax.align` and its like run the files of `commands/`.
__path__.append(os.path.join(__path__[0], "commands"))

__all__ = ["InputError", "Poses", "Run", "__version__", "load", "simulate"]

# `simulate` is a folder that can be called; see there.
_PLACES = {
  "InputError": "bgm2pose_jax.base.errors",
  "Poses": "bgm2pose_jax.report.poses",
  "Run": "bgm2pose_jax.api.run",
  "load": "bgm2pose_jax.api.run",
}


def __getattr__(name: str) -> Any:
  """Loads a public name when it is first asked for: JAX takes seconds."""
  if name == "simulate":
    return importlib.import_module(f"{__name__}.simulate")
  if name == "__version__":
    from importlib import metadata

    return metadata.version("bgm2pose-jax")
  if name not in _PLACES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  found = getattr(importlib.import_module(_PLACES[name]), name)
  globals()[name] = found
  return found


def __dir__() -> list[str]:
  """Names of the package, also those that are not loaded yet."""
  return sorted({*globals(), *__all__})
