"""What a model sees of the features: which channels, and how music is used.

In decibels, recording minus music is the response of the room and of the
person in it (BGM2Pose, section 3.2; specification section 4, step 1). That is
the `difference` layout; the networks it is compared with read the channels
side by side. Channels are chosen by role, so a feature set with more channels
fits too.
"""

from __future__ import annotations

from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec

# difference: every recording channel minus every music channel, intensity, and
# what is measured against the music already.
# stacked: every channel as it is. logmel: the same without intensity.
# confidence: `difference` with the confidence among the music as well, so that
# attention to music knows where there is some.
# recording: nothing of the music ("w/o BGM conditioning" of the ablation).
# music: `difference` with nothing of the recording, a control.
LAYOUTS = (
  "difference",
  "stacked",
  "logmel",
  "confidence",
  "recording",
  "music",
)
# Roles handed to the model as they are, after recording and music.
_CHANGE_ROLES = ("response", "direction", "ratio", "confidence")
_DIRECT_ROLES = ("intensity", *_CHANGE_ROLES)
_PLAIN = {
  "stacked": ("recording", "music", *_DIRECT_ROLES),
  "logmel": ("recording", "music", *_CHANGE_ROLES),
  "recording": ("recording", *_DIRECT_ROLES),
}


def _indices(spec: FeatureSpec, roles: tuple[str, ...]) -> list[int]:
  return [i for role in roles for i in spec.indices(role)]


def check_layout(layout: str) -> None:
  """Refuses an unknown layout.

  Args:
    layout: one of `LAYOUTS`.

  Raises:
    InputError: for another.
  """
  if layout not in LAYOUTS:
    raise InputError(
      "data.inputs", f"is {layout!r}", f"choose one of {', '.join(LAYOUTS)}"
    )


def audio_channels(
  spec: FeatureSpec, layout: str = "difference"
) -> tuple[str, ...]:
  """Names of the audio channels that `conditioned` makes, in order.

  W-m0 X-m0 Y-m0 Z-m0 W-m1 ... Z-m1 Ix Iy Iz for `logmel_intensity`.

  Args:
    spec: what the stored channels are.
    layout: one of `LAYOUTS`.

  Raises:
    InputError: an unknown layout.
  """
  check_layout(layout)
  names = spec.names
  if layout in _PLAIN:
    return tuple(names[i] for i in _indices(spec, _PLAIN[layout]))
  differences = [
    f"{names[r]}-{names[m]}"
    for m in spec.indices("music")
    for r in spec.indices("recording")
  ]
  return (*differences, *(names[i] for i in _indices(spec, _DIRECT_ROLES)))


def music_channels(
  spec: FeatureSpec, layout: str = "difference"
) -> tuple[str, ...]:
  """Names of the music channels that `conditioned` makes; see there."""
  check_layout(layout)
  return tuple(spec.names[i] for i in _music_indices(spec, layout))


def _music_indices(spec: FeatureSpec, layout: str) -> list[int]:
  if layout == "recording":
    return []
  more = ("confidence",) if layout == "confidence" else ()
  return _indices(spec, ("music", *more))


def conditioned(
  features: Any, spec: FeatureSpec, layout: str = "difference"
) -> tuple[Any, Any]:
  """Splits features into audio and music.

  Args:
    features: [..., t, f, c], NumPy or JAX.
    spec: what the channels are.
    layout: one of `LAYOUTS`.

  Returns:
    audio [..., t, f, len(audio_channels(spec, layout))]: for `difference` each
    recording channel minus each music channel, then intensity, responses,
    directions, ratios and confidence, as far as the set has them; and music
    [..., t, f, music channels], see `music_channels`. Same kind and dtype
    as `features`.

  Raises:
    InputError: an unknown layout, or a channel axis that does not fit the
      spec.
  """
  check_layout(layout)
  if features.shape[-1] != len(spec.channels):
    raise InputError(
      "features",
      f"{features.shape[-1]} channels in shape {tuple(features.shape)}",
      f"pass [..., t, f, c={len(spec.channels)}] of {spec.name!r}: "
      f"{' '.join(spec.names)}",
    )
  xp = features.__array_namespace__()
  handed = features[..., _music_indices(spec, layout)]
  if layout in _PLAIN:
    return features[..., _indices(spec, _PLAIN[layout])], handed
  music = features[..., list(spec.indices("music"))]
  recording = features[..., list(spec.indices("recording"))]
  direct = features[..., _indices(spec, _DIRECT_ROLES)]
  if layout == "music":
    recording, direct = xp.zeros_like(recording), xp.zeros_like(direct)
  differences = [
    recording - music[..., i : i + 1] for i in range(music.shape[-1])
  ]
  return xp.concat([*differences, direct], axis=-1), handed
