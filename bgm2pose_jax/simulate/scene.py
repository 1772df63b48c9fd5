"""The scene of a simulated recording: one frozen, serialisable dataclass.

Frame: metres, seconds, right-handed, y up, origin on the floor below the
midpoint of microphone and loudspeakers, +z from the loudspeakers to the
microphone. (+x then points to the right of someone who stands at the
microphone and looks at the loudspeakers, so channel 0 is their left speaker.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from bgm2pose_jax.simulate.scene_parts import (
  OCTAVES_HZ,
  PARTS,
  Background,
  Bystander,
  Loudspeaker,
  Residual,
  Tail,
)
from bgm2pose_jax.simulate.scene_parts import check as _check

WALLS = ("x_min", "x_max", "floor", "ceiling", "z_min", "z_max")

# Gains of W and of X, Y, Z for a plane wave of unit pressure. AmbiX is SN3D.
FORMATS: dict[str, tuple[float, float]] = {
  "ambix": (1.0, 1.0),
  "fuma": (math.sqrt(0.5), 1.0),
  "n3d": (1.0, math.sqrt(3.0)),
}

# Rows are the microphone's X, Y, Z written in scene axes. `scene` is the plain
# one; `facing_speakers` is a first-order microphone (X front, Y left, Z up)
# pointed at the loudspeakers.
AXES: dict[str, tuple[tuple[float, float, float], ...]] = {
  "scene": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
  "facing_speakers": ((0.0, 0.0, -1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
}
NOISES = ("none", "white", "room")


# A stadium; image sources grow with the cube of their order.
_LARGEST_M = 1000.0
_HIGHEST_ORDER = 60
# Fields that hold one number, and whether it is a whole one.
_NUMBERS = {
  "temperature_c": False,
  "max_order": True,
  "sample_rate_hz": True,
  "snr_db": False,
  "body_hop_s": False,
  "body_ceiling_hz": False,
  "seed": True,
}


@dataclasses.dataclass(frozen=True)
class Scene:
  """Room, microphone, loudspeakers and how finely they are simulated.

  Attributes:
    room_m: extents of the shoebox along x, y, z.
    room_centre_m: (x, z) of the middle of its floor. Off the origin on
      purpose: in a mirror-symmetric room image sources coincide.
    mic_m: microphone position.
    speakers_m: loudspeaker positions, one per music channel.
    temperature_c: air temperature; it sets the speed of sound.
    reflection: pressure reflection coefficient: one number, or one per wall
      in the order of `WALLS`, each a number or one number per `OCTAVES_HZ`.
    max_order: highest image-source order (0 = direct sound only).
    sample_rate_hz: sample rate of music and recording.
    format: `ambix`, `fuma` or `n3d`; the channel order is always W, X, Y, Z.
    axes: name in `AXES` of the map from scene axes to X, Y, Z.
    tail: diffuse tail, or None.
    loudspeaker: what the loudspeakers do to the music; None is nothing.
    residual: what no fixed linear response gives, or None.
    background: other sounds, or None.
    bystander: another person who moves in the room, or None.
    noise: `none`, `white`, or `room` (falling 6 dB an octave above 100 Hz).
    snr_db: level of the recording's W over the noise in W.
    body_floor_image: whether the floor images of the loudspeakers light the
      body too (doubles its cost; breaks reciprocity, as the microphone's own
      floor image is left out).
    body_hop_s: hop of the body's time-varying spectra, see `body_response`.
    body_ceiling_hz: above it the body's response is rolled off to nothing.
    seed: seed of everything drawn in the scene that render() is not given.
  """

  room_m: tuple[float, float, float] = (8.0, 3.0, 6.0)
  room_centre_m: tuple[float, float] = (0.3, 0.2)
  mic_m: tuple[float, float, float] = (0.0, 1.1, 1.5)
  speakers_m: tuple[tuple[float, float, float], ...] = (
    (-0.6, 1.0, -1.5),
    (0.6, 1.0, -1.5),
  )
  temperature_c: float = 20.0
  reflection: float | tuple[float | tuple[float, ...], ...] = 0.7
  max_order: int = 3
  sample_rate_hz: int = 48000
  format: str = "ambix"
  axes: str = "scene"
  tail: Tail | None = None
  loudspeaker: Loudspeaker | None = None
  residual: Residual | None = None
  background: Background | None = None
  bystander: Bystander | None = None
  noise: str = "white"
  snr_db: float = 60.0
  body_floor_image: bool = False
  body_hop_s: float = 0.0025
  body_ceiling_hz: float = 16000.0
  seed: int = 0

  def __post_init__(self) -> None:
    for name in ("room_m", "room_centre_m", "mic_m"):
      value = tuple(float(v) for v in getattr(self, name))
      object.__setattr__(self, name, value)
    speakers = tuple(tuple(float(v) for v in s) for s in self.speakers_m)
    object.__setattr__(self, "speakers_m", speakers)
    if not isinstance(self.reflection, (int, float)):
      walls = tuple(
        float(w) if isinstance(w, (int, float)) else tuple(map(float, w))
        for w in self.reflection
      )
      object.__setattr__(self, "reflection", walls)
    self._validate()

  def _validate(self) -> None:
    for name, whole in _NUMBERS.items():
      value = getattr(self, name)
      kinds = int if whole else (int, float)
      _check(
        isinstance(value, kinds)
        and not isinstance(value, bool)
        and abs(value) < 2**63,  # NaN is not
        name,
        value,
        f"give a {'whole ' if whole else ''}number",
      )
    _check(
      len(self.room_m) == 3 and all(0 < x <= _LARGEST_M for x in self.room_m),
      "room_m",
      self.room_m,
      f"give three positive extents in metres, at most {_LARGEST_M:g}",
    )
    _check(
      len(self.room_centre_m) == 2
      and all(abs(x) <= _LARGEST_M for x in self.room_centre_m),
      "room_centre_m",
      self.room_centre_m,
      "give (x, z) in metres",
    )
    low, high = self.room_corners_m()
    for name, points in (
      ("mic_m", [self.mic_m]),
      ("speakers_m", self.speakers_m),
    ):
      _check(len(points) > 0, name, points, "give at least one position")
      for point in points:
        inside = len(point) == 3 and all(
          a < p < b for a, p, b in zip(low, point, high)
        )
        _check(
          inside, name, point, f"keep it between {tuple(low)} and {tuple(high)}"
        )
    gains = self.wall_reflection()
    _check(
      bool(np.all(np.abs(gains) <= 1)),
      "reflection",
      self.reflection,
      "use pressure coefficients between -1 and 1",
    )
    _check(
      0 <= self.max_order <= _HIGHEST_ORDER,
      "max_order",
      self.max_order,
      f"use 0 to {_HIGHEST_ORDER}",
    )
    _check(
      8000 <= self.sample_rate_hz <= 192000,
      "sample_rate_hz",
      self.sample_rate_hz,
      "use 8000 to 192000",
    )
    for name, known in (
      ("format", FORMATS),
      ("axes", AXES),
      ("noise", NOISES),
    ):
      value = getattr(self, name)
      _check(value in known, name, value, f"use one of {', '.join(known)}")
    _check(
      2e-4 <= self.body_hop_s <= 5e-3,
      "body_hop_s",
      self.body_hop_s,
      "use 0.0002 to 0.005 s",
    )
    _check(
      self.body_ceiling_hz > 0,
      "body_ceiling_hz",
      self.body_ceiling_hz,
      "use a positive frequency",
    )
    for name, part in PARTS.items():
      value = getattr(self, name)
      _check(
        value is None or isinstance(value, part),
        name,
        value,
        f"give an object with {', '.join(f.name for f in fields(part))}",
      )
    if self.bystander is not None:
      x, z = self.bystander.place_m
      _check(
        bool(low[0] < x < high[0] and low[2] < z < high[2]),
        "bystander.place_m",
        self.bystander.place_m,
        "keep them inside the room",
      )

  @property
  def speed_of_sound_m_s(self) -> float:
    """Speed of sound in m/s: 343 at 20 degrees C, as sqrt(T) elsewhere."""
    return 343.0 * math.sqrt((self.temperature_c + 273.15) / 293.15)

  def room_corners_m(self) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner of the room, two [3] arrays."""
    x, y, z = self.room_m
    cx, cz = self.room_centre_m
    low = np.array([cx - x / 2, 0.0, cz - z / 2])
    return low, low + np.array([x, y, z])

  def wall_reflection(self) -> np.ndarray:
    """Reflection coefficients, float64 [6 walls, 1 or 7 octaves]."""
    if isinstance(self.reflection, (int, float)):
      return np.full((6, 1), float(self.reflection))
    _check(
      len(self.reflection) == 6,
      "reflection",
      self.reflection,
      f"give one number or one entry per wall: {', '.join(WALLS)}",
    )
    rows = [np.atleast_1d(np.asarray(w, np.float64)) for w in self.reflection]
    bands = max(len(row) for row in rows)
    for row in rows:
      _check(
        len(row) in (1, len(OCTAVES_HZ)),
        "reflection",
        row.tolist(),
        f"give one number or {len(OCTAVES_HZ)} octave values per wall",
      )
    return np.stack([np.broadcast_to(row, (bands,)) for row in rows])

  def to_dict(self) -> dict[str, Any]:
    """The scene as plain values that JSON can hold.

    Younger parts that are left out stay out, so that a digest of a scene that
    has none of them is what it was.
    """
    values = dataclasses.asdict(self)
    for name in PARTS:
      if values[name] is None and name != "tail":
        del values[name]
    return values

  @classmethod
  def from_dict(cls, values: Mapping[str, Any]) -> Scene:
    """Inverse of `to_dict`, also after a round trip through JSON.

    Raises:
      InputError: for a field that a scene does not have or cannot hold.
    """
    given = dict(values)
    unknown = set(given) - {f.name for f in fields(cls)}
    _check(not unknown, "fields", sorted(unknown), "remove them")
    for name, part in PARTS.items():
      if not isinstance(given.get(name), Mapping):
        continue
      own = dict(given[name])
      _check(
        "moving_fraction" not in own,
        f"{name}.moving_fraction",
        "set",
        "remove it: what moves follows from the room and the body now; "
        "`stirred` scales it",
      )
      unknown = set(own) - {f.name for f in fields(part)}
      _check(not unknown, name, sorted(unknown), "remove these fields")
      given[name] = part(**own)
    return cls(**given)
