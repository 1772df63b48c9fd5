"""Which spheres of a person a pair can see."""

from __future__ import annotations

import numpy as np

# Twice the radius of the first Fresnel zone, sqrt(wavelength a / 2), on a
# sphere of 6 cm at 20 kHz: the share of it that is hidden dims the echo.
_EDGE_M = 0.045


def visibility(
  viewpoints_m: np.ndarray, centres_m: np.ndarray, radii_m: np.ndarray
) -> np.ndarray:
  """How much of each sphere's nearest point is seen.

  The ray to the nearest point of a sphere is hidden by another sphere that it
  passes through, wholly if it passes more than half an edge inside. Sound that
  bends around the body is left out: below about 1 kHz the echoes of hidden
  spheres come out too weak.

  Args:
    viewpoints_m: [v, 3].
    centres_m: [sphere, 3].
    radii_m: [sphere].

  Returns:
    float64 [v, sphere], 1 for seen, 0 for hidden.
  """
  offset = centres_m - viewpoints_m[:, None]
  distance = np.linalg.norm(offset, axis=-1)
  ray = offset / distance[..., None]
  # [v, seen, hiding]: how far along the ray the other sphere is nearest.
  along = ray @ offset.swapaxes(-1, -2)
  stop = (distance - radii_m)[..., None]
  t = np.clip(along, 0, stop)
  square = distance[:, None] ** 2 - 2 * t * along + t * t
  clear = np.sqrt(np.maximum(square, 0.0)) - radii_m
  # The sphere itself begins where its ray stops.
  clear += 10 * np.eye(len(radii_m))
  seen = np.clip(0.5 + clear / _EDGE_M, 0, 1)
  seen = seen * seen * (3 - 2 * seen)
  return seen.prod(axis=-1)
