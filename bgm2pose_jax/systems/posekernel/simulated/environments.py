"""Which rooms are simulated, where their pairs and their camera stand.

The four pairs stand near the corners of a square of 4 x 4 m, the camera at the
middle of one of its sides. Sizes, absorptions and places are ours; of the
released data's rooms nothing is known but that there are six.

The room's frame is that of `simulate.pulse_echo`: y up, the lowest corner at
the origin. The camera looks along -z of the room, a little down or up.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.pulse_echo.pairs import Pairs
from bgm2pose_jax.simulate.pulse_echo.shoebox import OCTAVES_HZ, Shoebox
from bgm2pose_jax.systems.posekernel.rig import Camera, Rig

SQUARE_M = 4.0
_JITTER_M = 0.2
_LOW_M, _HIGH_M = 0.3, 1.8
_CAMERA_M = (0.8, 1.8)
# What the camera's axis is aimed at: the middle of a person who stands 2.6 m
# away.
_AIM_M = (2.6, 0.95)
# Free space between the square and a wall: a part of its own for each wall,
# and one for the room, small to large.
_MARGIN_M, _ROOM_MARGIN_M = (0.4, 1.0), (0.0, 1.6)
_CEILING_M = (2.4, 3.4)
_TEMPERATURE_C = (19.0, 22.0)
# Mean absorption of a room's walls at 1 kHz, hard to soft; the floor and the
# ceiling have their own.
_ABSORPTION = (0.12, 0.5)
# What moving the walls means: each wall by this much, another absorption.
_MOVED_M = (0.3, 0.7)


@dataclasses.dataclass(frozen=True, eq=False)
class Environment:
  """A room with its rig.

  Attributes:
    name: such as `room01`.
    room: as built.
    moved: the same place after its walls were moved.
    middle_m: [3], middle of the square on the floor, in `room`'s frame.
    moved_middle_m: the same in `moved`'s frame.
    pairs: relative to the middle of the square on the floor, y up; the
      loudspeakers look at 1 m above it.
    camera_m: [3], likewise.
    pitch_rad: how far the camera looks down.
    temperature_c: the temperature of the air.
    camera: the camera.
  """

  name: str
  room: Shoebox
  moved: Shoebox
  middle_m: np.ndarray
  moved_middle_m: np.ndarray
  pairs: Pairs
  camera_m: np.ndarray
  pitch_rad: float
  temperature_c: float
  camera: Camera

  def to_camera(self, points_m: np.ndarray) -> np.ndarray:
    """Turns points [..., 3] relative to the square's middle to camera axes."""
    return (np.asarray(points_m, np.float64) - self.camera_m) @ self._axes.T

  def from_camera(self, points_m: np.ndarray) -> np.ndarray:
    """Turns points [..., 3] in camera axes back, see `to_camera`."""
    return np.asarray(points_m, np.float64) @ self._axes + self.camera_m

  @property
  def _axes(self) -> np.ndarray:
    """Rows: the camera's right, down and forward in the room's axes."""
    cos, sin = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
    return np.array([[1, 0, 0], [0, -cos, sin], [0, -sin, -cos]])

  @property
  def rig(self) -> Rig:
    """The camera and the pairs in its frame."""
    return Rig(self.camera, self.to_camera(self.pairs.positions_m))

  @property
  def grid_centre_m(self) -> np.ndarray:
    """Middle of the voxels, float64 [3], camera frame: the pairs' centroid."""
    return self.to_camera(self.pairs.positions_m).mean(axis=0)

  def walls(self, state: str) -> tuple[Shoebox, np.ndarray]:
    """The room and the square's middle in it, `as_built` or `moved`."""
    if state == "moved":
      return self.moved, self.moved_middle_m
    return self.room, self.middle_m


def environment(number: int, seed: int) -> Environment:
  """Draws a room, its pairs and its camera.

  Args:
    number: the environment's number, from 0.
    seed: seed of the plan.
  """
  name = f"room{number + 1:02d}"
  rng = random_stream(seed, "room", name)
  largeness, level, height = (
    _fifth(number * stride + 1, rng) for stride in (3, 2, 1)
  )
  margins = rng.uniform(*_MARGIN_M, (2, 2))  # [x and z, near and far]
  margins = margins + _between(_ROOM_MARGIN_M, largeness)
  ceiling = _between(_CEILING_M, largeness)
  level = _between(_ABSORPTION, level)
  room, middle = _shoebox(margins, ceiling, level, rng)
  step = rng.uniform(*_MOVED_M, (2, 2)) * rng.choice([-1.0, 1.0], (2, 2))
  shifted = np.where(margins + step < 0.3, margins - step, margins + step)
  moved, moved_middle = _shoebox(
    shifted, ceiling + 0.3, sum(_ABSORPTION) - level, rng
  )
  corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * SQUARE_M / 2
  corners = corners + rng.uniform(-_JITTER_M, _JITTER_M, (4, 2))
  places = np.insert(corners, 1, _heights(rng), axis=1)
  height = _between(_CAMERA_M, height)
  return Environment(
    name=name,
    room=room,
    moved=moved,
    middle_m=middle,
    moved_middle_m=moved_middle,
    pairs=Pairs(places, np.array([0.0, 1.0, 0.0]) - places),
    camera_m=np.array([0.0, height, SQUARE_M / 2]),
    pitch_rad=math.atan2(height - _AIM_M[1], _AIM_M[0]),
    temperature_c=float(rng.uniform(*_TEMPERATURE_C)),
    camera=Camera(),
  )


def _fifth(number: int, rng: np.random.Generator) -> float:
  """A number from one fifth of 0 to 1, so that five rooms differ."""
  return (number % 5 + rng.uniform()) / 5


def _between(ends: tuple[float, float], part: float) -> float:
  low, high = ends
  return low + (high - low) * part


def _heights(rng: np.random.Generator) -> np.ndarray:
  """Heights of four pairs, their mean within 5 cm of 1 m."""
  while True:
    heights = rng.uniform(_LOW_M, _HIGH_M, 4)
    if abs(heights.mean() - 1.0) < 0.05 and np.ptp(heights) > 0.6:
      return heights


def _shoebox(
  margins_m: np.ndarray,
  ceiling_m: float,
  level: float,
  rng: np.random.Generator,
) -> tuple[Shoebox, np.ndarray]:
  """A room around the square, and the square's middle in it."""
  x, z = SQUARE_M + margins_m.sum(axis=1)
  bands = np.log2(np.array(OCTAVES_HZ) / 1000)
  # Rugs, curtains and tiles take more the higher the sound.
  rise = rng.uniform(0.02, 0.06, (6, 1)) * bands
  walls = level * rng.uniform(0.6, 1.4, (6, 1)) + rise
  middle = SQUARE_M / 2 + np.array([margins_m[0, 0], 0, margins_m[1, 0]])
  middle[1] = 0.0
  return Shoebox((float(x), float(ceiling_m), float(z)), _clip(walls)), middle


def _clip(absorption: np.ndarray) -> np.ndarray:
  return np.clip(absorption, 0.03, 0.95)
