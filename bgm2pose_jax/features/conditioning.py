"""What the model sees of the features: the recording with the music removed.

In decibels, recording minus music is the response of the room and of the
person in it (BGM2Pose, section 3.2; specification section 4, step 1).
Channels are chosen by role, so a feature set with more channels fits too.
"""

from __future__ import annotations

from typing import Any

from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features.spec import FeatureSpec

# Roles handed to the model as they are, after the differences.
_DIRECT_ROLES = ("intensity", "response", "confidence")


def _direct(spec: FeatureSpec) -> list[int]:
  return [i for role in _DIRECT_ROLES for i in spec.indices(role)]


def difference_channels(spec: FeatureSpec) -> tuple[str, ...]:
  """Names of the audio channels that `conditioned` makes, in order.

  W-m0 X-m0 Y-m0 Z-m0 W-m1 ... Z-m1 Ix Iy Iz for `logmel_intensity`.
  """
  names = spec.names
  differences = [
    f"{names[r]}-{names[m]}"
    for m in spec.indices("music")
    for r in spec.indices("recording")
  ]
  return (*differences, *(names[i] for i in _direct(spec)))


def conditioned(features: Any, spec: FeatureSpec) -> tuple[Any, Any]:
  """Splits features into audio (music removed) and music.

  Args:
    features: [..., t, f, c], NumPy or JAX.
    spec: what the channels are.

  Returns:
    audio [..., t, f, len(difference_channels(spec))]: for each music channel
    every recording channel minus it, then intensity (and response and
    confidence where the set has them); and music [..., t, f, music channels].
    Same kind and dtype as `features`.

  Raises:
    InputError: the channel axis does not fit the spec.
  """
  if features.shape[-1] != len(spec.channels):
    raise InputError(
      "features",
      f"{features.shape[-1]} channels in shape {tuple(features.shape)}",
      f"pass [..., t, f, c={len(spec.channels)}] of {spec.name!r}: "
      f"{' '.join(spec.names)}",
    )
  xp = features.__array_namespace__()
  recording = features[..., list(spec.indices("recording"))]
  music = features[..., list(spec.indices("music"))]
  differences = [
    recording - music[..., i : i + 1] for i in range(music.shape[-1])
  ]
  audio = xp.concat([*differences, features[..., _direct(spec)]], axis=-1)
  return audio, music
