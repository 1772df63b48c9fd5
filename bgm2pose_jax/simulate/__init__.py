"""The acoustic simulator: motion and music in, four-channel recordings out.

`scene` states the room, `room` its static response, `body`, `scattering` and
`shadow` what a person does to the sound, `recorder` puts them together;
`motion`, `music` and `sessions` are what moves and what is heard.
`one_recording` makes a recording in memory; calling the package does the same,
so that `bgm2pose_jax.simulate(...)` is both this folder and that function.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class _Callable(types.ModuleType):
  """A package that can be called, as a function of its name would be."""

  def __call__(self, *arguments: Any, **options: Any) -> Any:
    from bgm2pose_jax.simulate import one_recording

    return one_recording.record(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
