"""Parts of a scene that may be left out: reverberation, a real chain, noises.

Each is a frozen dataclass of plain numbers, saved with the scene. Levels are in
decibels; a part that is None, a level that is None and a share that is 0 are
off.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError

OCTAVES_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
# Octave bands between these edges: the ones that real rooms were measured in.
BAND_EDGES_HZ = (62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)

# One number for all octaves, or one for each.
Octaves = float | tuple[float, ...]


def check(ok: bool, field: str, value: object, fix: str) -> None:
  """Refuses a field of a scene.

  Args:
    ok: whether the value can be used.
    field: its name, without "scene.".
    value: what it is.
    fix: what to do.

  Raises:
    InputError: when it is not ok.
  """
  if not ok:
    raise InputError(f"scene.{field}", f"cannot be {value}", fix)


def _octaves(part: object, name: str, count: int, at: str) -> Octaves:
  """A field that is one number, or one for each of `count` octaves."""
  value = getattr(part, name)
  fix = f"give one finite number or {count}, one an octave"
  if isinstance(value, (int, float)) and not isinstance(value, bool):
    check(math.isfinite(value), f"{at}.{name}", value, fix)
    return float(value)
  check(isinstance(value, Sequence), f"{at}.{name}", value, fix)
  numbers = tuple(value if isinstance(value, Sequence) else ())
  check(
    len(numbers) == count
    and all(isinstance(v, (int, float)) and math.isfinite(v) for v in numbers),
    f"{at}.{name}",
    value,
    fix,
  )
  return tuple(map(float, numbers))


def _level(part: object, name: str, at: str) -> None:
  value = getattr(part, name)
  check(
    value is None or (isinstance(value, (int, float)) and abs(value) <= 200),
    f"{at}.{name}",
    value,
    "give decibels between -200 and 200, or null for none",
  )


@dataclasses.dataclass(frozen=True)
class Tail:
  """A seeded diffuse reverberation tail, added to the image sources.

  Attributes:
    t60_s: time in which its energy falls by 60 dB; one number, or one for each
      of `OCTAVES_HZ`.
    level_db: its energy per loudspeaker relative to the direct sound's, in W;
      one number, or one per octave.
    start_s: when it begins after the direct sound (it fades in from there).
    stirred: energy that a person scatters in this field, relative to what the
      spheres of the body scatter (`late_field`); 0 leaves the tail still.
    seed: seed of its noise, so that a room keeps its tail over recordings.
  """

  t60_s: Octaves = 0.4
  level_db: Octaves = 0.0
  start_s: float = 0.01
  stirred: float = 1.0
  seed: int = 0

  def __post_init__(self) -> None:
    for name in ("t60_s", "level_db"):
      value = _octaves(self, name, len(OCTAVES_HZ), "tail")
      object.__setattr__(self, name, value)
    longest = self.t60_s if isinstance(self.t60_s, tuple) else (self.t60_s,)
    check(
      all(0 < t <= 20 for t in longest), "tail.t60_s", self.t60_s,
      "use more than 0 and at most 20 s",
    )  # fmt: skip
    check(0 <= self.start_s <= 1, "tail.start_s", self.start_s, "use 0 to 1 s")
    check(
      0 <= self.stirred <= 100, "tail.stirred", self.stirred, "use 0 to 100"
    )

  @property
  def longest_s(self) -> float:
    """The longest reverberation time of any octave."""
    return max(self.t60_s) if isinstance(self.t60_s, tuple) else self.t60_s


@dataclasses.dataclass(frozen=True)
class Loudspeaker:
  """What a small loudspeaker does to the music.

  Attributes:
    bass_hz: below it the response falls by 12 dB an octave; 0 is none.
    directivity: 0 radiates alike to all sides, 1 as a box with a driver of
      5 cm radius does (`loudspeaker`).
    distortion_db: products of bass excursion and music, relative to the music,
      at a music level of `reference_rms`; they grow with the level. None is
      none.
    reference_rms: the music's RMS that `distortion_db` is stated for.
  """

  bass_hz: float = 70.0
  directivity: float = 1.0
  distortion_db: float | None = -40.0
  reference_rms: float = 0.1

  def __post_init__(self) -> None:
    at = "loudspeaker"
    check(
      0 <= self.bass_hz <= 500, f"{at}.bass_hz", self.bass_hz, "use 0 to 500 Hz"
    )
    check(
      0 <= self.directivity <= 1,
      f"{at}.directivity",
      self.directivity,
      "use 0 to 1",
    )
    check(
      0 < self.reference_rms <= 10,
      f"{at}.reference_rms",
      self.reference_rms,
      "use more than 0, at most 10",
    )
    _level(self, "distortion_db", at)


@dataclasses.dataclass(frozen=True)
class Residual:
  """The part of a recording that no fixed linear response of the music gives.

  Attributes:
    level_db: its level relative to the empty room's recording, for each octave
      between `BAND_EDGES_HZ` (the last holds above 8 kHz too). One number
      holds for all.
    slow_share: share of its energy that is slow change of the room's response
      (air, temperature); the rest is noise that follows the music's energy in
      each octave.
    slow_s: the shortest period of the slow change.
    seed: seed of the change, so that takes of a room differ by `render`'s seed
      alone.
  """

  level_db: Octaves = -27.0
  slow_share: float = 0.32
  slow_s: float = 12.0
  seed: int = 0

  def __post_init__(self) -> None:
    value = _octaves(self, "level_db", len(BAND_EDGES_HZ) - 1, "residual")
    object.__setattr__(self, "level_db", value)
    check(
      0 <= self.slow_share <= 1,
      "residual.slow_share",
      self.slow_share,
      "use a share between 0 and 1",
    )
    check(
      1 <= self.slow_s <= 3600,
      "residual.slow_s",
      self.slow_s,
      "use 1 to 3600 s",
    )


@dataclasses.dataclass(frozen=True)
class Background:
  """Sounds that do not come from the loudspeakers.

  Levels are relative to the recording of the empty room, in W.

  Attributes:
    fan_db: a fan in a corner: noise that falls by 3 dB an octave, with a hum.
    music_db: another piece of music from another place.
    babble_db: speech-like babble of several talkers.
    door_db: level of a slamming door while it sounds, every half minute or so.
    self_noise_db: the microphone's own white noise, independent in the four
      channels.
  """

  fan_db: float | None = None
  music_db: float | None = None
  babble_db: float | None = None
  door_db: float | None = None
  self_noise_db: float | None = None

  def __post_init__(self) -> None:
    for field in dataclasses.fields(self):
      _level(self, field.name, "background")


@dataclasses.dataclass(frozen=True)
class Bystander:
  """Another person, who moves in the room.

  Attributes:
    place_m: (x, z) of where they stand.
    seed: who they are and what they do.
  """

  place_m: tuple[float, float] = (-2.5, -1.8)
  seed: int = 1

  def __post_init__(self) -> None:
    place = tuple(float(v) for v in self.place_m)
    check(
      len(place) == 2 and all(math.isfinite(v) for v in place),
      "bystander.place_m",
      self.place_m,
      "give (x, z) in metres",
    )
    object.__setattr__(self, "place_m", place)


# Fields of a scene that hold a part, and the part's class.
PARTS = {
  "tail": Tail,
  "loudspeaker": Loudspeaker,
  "residual": Residual,
  "background": Background,
  "bystander": Bystander,
}
