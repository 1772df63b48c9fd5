"""Order and gains of ambisonics channels, between conventions.

Relative to AmbiX (SN3D), W is 3 dB lower in FuMa, and X, Y, Z are sqrt(3)
higher in N3D (first order; Nachbar et al., Ambisonics Symposium 2011).
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.scene import FORMATS
from bgm2pose_jax.systems.bgm2pose.align import sound_field
from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel


def order(stated: str | None, model: MusicModel) -> str:
  """Order of a recording's channels, one of `ambisonics.ORDERS`.

  Args:
    stated: that of the recording; None says that it is as the files of the
      training were.
    model: knows these.
  """
  return stated or model.channel_order or ambisonics.DEFAULT_ORDER


def gains_warnings(
  field: SoundField | None, stated: str | None, model: MusicModel
) -> list[str]:
  """Says that a recording has other gains than it is used with.

  Args:
    field: what its direct sound says; None where nothing was heard.
    stated: convention of the recording; None says that it is the model's.
    model: knows that of its training recordings, or not.
  """
  if field is None:
    return []
  expected = stated or model.ambisonic_format
  warning = sound_field.gains_warning(field, expected)
  if warning is None:
    return []
  convert = field.gains != model.ambisonic_format
  return [warning + (" and --convert_format" if convert else "")]


def gains(
  stated: str | None, model: MusicModel, *, convert: bool
) -> np.ndarray | None:
  """What the channels of a recording are multiplied by before use.

  Args:
    stated: convention of the recording; None says that it is the model's.
    model: knows that of its training recordings, or not.
    convert: whether another convention is converted.

  Returns:
    float32 [4, 1] for W X Y Z, or None for nothing to do.

  Raises:
    InputError: another convention and not to be converted, or a model that
      does not know its own.
  """
  own = model.ambisonic_format
  if stated is None or stated == own:
    return None
  if own is None:
    raise InputError(
      f"--ambisonic_format={stated}",
      f"but {model.folder} does not know what it was trained on",
      "drop the flag if the recordings were alike, or train with "
      "--ambisonic_format",
    )
  if not convert:
    raise InputError(
      f"--ambisonic_format={stated}",
      f"but the model was trained on {own}",
      "add --convert_format to have the recording converted",
    )
  (w, first), (own_w, own_first) = FORMATS[stated], FORMATS[own]
  ratio = [own_w / w, *[own_first / first] * 3]
  return np.asarray(ratio, np.float32)[:, None]
