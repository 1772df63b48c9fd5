"""The voxels that poses are searched in."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.base.errors import InputError


@dataclasses.dataclass(frozen=True)
class Grid:
  """Voxels along the axes of the camera.

  Attributes:
    shape: voxels along x (right), z (forward) and y (down).
    voxel_m: edge of a voxel, metres.
  """

  shape: tuple[int, int, int] = (35, 35, 25)
  voxel_m: float = 0.1

  def __post_init__(self):
    if min(self.shape) < 5 or not self.voxel_m > 0:
      raise InputError(
        "grid",
        f"{self.shape} voxels of {self.voxel_m} m",
        "give at least 5 voxels along each axis, of a positive edge",
      )

  def axes_m(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres of the voxels along each axis, from the middle of the grid.

    Returns:
      float32 [x], [z] and [y], metres.
    """
    along_x, along_z, along_y = (
      ((np.arange(count) - (count - 1) / 2) * self.voxel_m).astype(np.float32)
      for count in self.shape
    )
    return along_x, along_z, along_y

  def offsets_m(self) -> np.ndarray:
    """Centres of the voxels from the middle of the grid.

    Returns:
      float32 [x, z, y, 3], the last axis x, y, z in the camera's frame.
    """
    x, z, y = np.meshgrid(*self.axes_m(), indexing="ij")
    return np.stack([x, y, z], axis=-1)
