"""Arrays of samples, checked before anything is computed from them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.base.errors import InputError

_CHANNELS = {"recording": 4, "music": 2, "static": 4}


def check_sound(
  recording: ArrayLike,
  music: ArrayLike,
  static: ArrayLike | None = None,
  *,
  shortest: int = 1,
) -> list[jax.Array]:
  """Checks that sounds belong together.

  Args:
    recording: [..., channel=4, s].
    music: [..., channel=2, s].
    static: [..., channel=4, s], or None for none.
    shortest: samples needed.

  Returns:
    The sounds given, as float32 on the device.

  Raises:
    InputError: naming the array whose shape or type is not right.
  """
  sounds = {"recording": recording, "music": music, "static": static}
  given = {
    name: array if isinstance(array, jax.Array) else np.asarray(array)
    for name, array in sounds.items()
    if array is not None
  }
  first = given["recording"]
  for name, array in given.items():
    shape, channels = tuple(array.shape), _CHANNELS[name]
    if len(shape) < 2 or shape[-2] != channels:
      raise InputError(
        name,
        f"shape {shape}",
        f"pass [..., channel={channels}, samples] with samples last",
      )
    if not jnp.issubdtype(array.dtype, jnp.floating):
      raise InputError(
        name,
        f"dtype {array.dtype}",
        "pass floating point samples with full scale at 1",
      )
    if shape[:-2] != first.shape[:-2]:
      raise InputError(
        name,
        f"leading axes {shape[:-2]} against {first.shape[:-2]} of the "
        "recording",
        "pass one for each recording",
      )
    if shape[-1] != first.shape[-1]:
      raise InputError(
        name,
        f"{shape[-1]} samples against {first.shape[-1]} of the recording",
        "cut both to the same length",
      )
  if first.shape[-1] < shortest:
    raise InputError(
      "recording",
      f"{first.shape[-1]} samples",
      f"pass {shortest} or more, context included",
    )
  return [jnp.asarray(array, jnp.float32) for array in given.values()]
