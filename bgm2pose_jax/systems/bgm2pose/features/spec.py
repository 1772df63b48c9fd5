"""What a feature array holds: channels with roles, bands, frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError

# recording: dB of a microphone channel. music: dB of a loudspeaker channel.
# intensity: unit-less direction of energy flow. response: unit-less change of
# the room's response. direction: unit-less, where the sound of such a change
# comes from. ratio: dB of such a change. confidence: dB, how far to
# trust them.
ROLES = (
  "recording",
  "music",
  "intensity",
  "response",
  "direction",
  "ratio",
  "confidence",
)
# Those whose unit is the decibel.
DECIBEL_ROLES: tuple[str, ...] = ("recording", "music", "ratio", "confidence")

_PREPARE = "prepare the data again with this version"
_KINDS = {
  "name": str,
  "channels": (list, tuple),
  "bands": int,
  "sample_rate_hz": int,
  "hop_s": (int, float),
  "window_frames": int,
  "context_frames": int,
}


@dataclasses.dataclass(frozen=True)
class Channel:
  """One feature channel.

  Attributes:
    name: short name, unique in its set, e.g. `"W"`.
    role: one of `ROLES`; models choose channels by it, never by number.
  """

  name: str
  role: str

  def __post_init__(self):
    if self.role not in ROLES:
      raise InputError(
        f"channel {self.name!r}",
        f"unknown role {self.role!r}",
        f"use one of {', '.join(ROLES)}",
      )


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
  """Layout of a feature array [..., frames, bands, channels].

  Attributes:
    name: name of the feature set.
    channels: the channels in stored order.
    bands: number of frequency bands.
    sample_rate_hz: sample rate the features were made at.
    hop_s: seconds per frame.
    window_frames: frames of one example.
    context_frames: frames of sound before and after that it is computed
      from.
  """

  name: str
  channels: tuple[Channel, ...]
  bands: int
  sample_rate_hz: int
  hop_s: float
  window_frames: int
  context_frames: int = 0

  def __post_init__(self):
    names = [channel.name for channel in self.channels]
    if len(set(names)) != len(names):
      raise InputError(
        f"feature set {self.name!r}",
        f"repeated channel names in {names}",
        "give every channel its own name",
      )

  @property
  def names(self) -> tuple[str, ...]:
    """Channel names in stored order."""
    return tuple(channel.name for channel in self.channels)

  def indices(self, role: str) -> tuple[int, ...]:
    """Positions on the channel axis of all channels with a role.

    Args:
      role: one of `ROLES`; a role that no channel has gives ().

    Raises:
      InputError: the role does not exist.
    """
    if role not in ROLES:
      raise InputError(
        f"feature set {self.name!r}",
        f"unknown role {role!r}",
        f"use one of {', '.join(ROLES)}",
      )
    return tuple(i for i, ch in enumerate(self.channels) if ch.role == role)

  def to_dict(self) -> dict[str, Any]:
    """Plain dict of JSON types; `from_dict` reads it back."""
    out = dataclasses.asdict(self)
    out["channels"] = [dataclasses.asdict(ch) for ch in self.channels]
    return out

  @classmethod
  def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpec:
    """Reads what `to_dict` wrote.

    Raises:
      InputError: a field is missing, unknown or of another kind.
    """
    if not isinstance(values, Mapping):
      raise InputError("feature spec", f"is {values!r}", _PREPARE)
    fields = {field.name for field in dataclasses.fields(cls)}
    wrong = sorted(fields.symmetric_difference(values))
    if wrong:
      raise InputError(
        "feature spec",
        f"missing or unknown fields {', '.join(wrong)}",
        _PREPARE,
      )
    for field, kinds in _KINDS.items():
      value = values[field]
      if not isinstance(value, kinds) or isinstance(value, bool):
        raise InputError("feature spec", f"{field} is {value!r}", _PREPARE)
    try:
      channels = tuple(Channel(**channel) for channel in values["channels"])
    except TypeError as error:
      raise InputError("feature spec", f"channels: {error}", _PREPARE) from None
    return cls(**{**values, "channels": channels})
