"""A camera and the pairs of loudspeaker and microphone around a person.

All positions are in the camera's frame, metres: x right, y down, z forward
(the Kinect's convention).
"""

from __future__ import annotations

import dataclasses

import numpy as np

SOUND_SPEED_M_S = 343.0


@dataclasses.dataclass(frozen=True)
class Camera:
  """A pinhole camera without distortion.

  The defaults are those of a typical Azure Kinect's colour camera.

  Attributes:
    focal_px: focal lengths along x and y, pixels.
    centre_px: principal point (u, v), pixels.
    image_px: width and height of the image, pixels.
  """

  focal_px: tuple[float, float] = (610.0, 610.0)
  centre_px: tuple[float, float] = (640.0, 360.0)
  image_px: tuple[int, int] = (1280, 720)

  def as_array(self) -> np.ndarray:
    """float32 [6]: focal x, y, centre u, v, width, height; pixels."""
    values = (*self.focal_px, *self.centre_px, *self.image_px)
    return np.asarray(values, np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Rig:
  """A camera and its pairs.

  Attributes:
    camera: the camera.
    pairs_m: float64 [pair, 3], a loudspeaker and its own microphone at one
      point, metres, in the camera's frame.
  """

  camera: Camera
  pairs_m: np.ndarray
