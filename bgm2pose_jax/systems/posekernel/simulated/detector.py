"""A simulated detector of joints in the image.

It knows the true pose: what it gives is the projection of the truth with
errors. A result that used it is one with 2D input from the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.simulate.motion import random_stream

ERROR_PX = 3.0
MISSING = 0.05
_LEAST_CONFIDENCE = 0.5
_NEAREST_M = 0.1


def project(pose_m: Any, camera: Any) -> Any:
  """Projects joints into the image.

  Args:
    pose_m: [..., joint, 3], camera frame, NumPy or JAX.
    camera: [..., 6], `Camera.as_array`.

  Returns:
    [..., joint, 2], pixels; a joint that is not in front of the camera is
    projected as if it was 10 cm in front.
  """
  xp = pose_m.__array_namespace__()
  depth = xp.maximum(pose_m[..., 2:], xp.asarray(_NEAREST_M, pose_m.dtype))
  focal, centre = camera[..., None, 0:2], camera[..., None, 2:4]
  return focal * pose_m[..., :2] / depth + centre


def detect(pose_m: Any, camera: Any, normal: Any, uniform: Any) -> Any:
  """Adds a detector's errors to projected joints.

  A joint is missed with probability `MISSING`, and when it lies outside the
  image. Of a joint that is found, both coordinates err by N(0, `ERROR_PX`);
  its confidence is uniform in 0.5 to 1 and says nothing about the error.

  Args:
    pose_m: [..., joint, 3], camera frame, NumPy or JAX.
    camera: [..., 6], `Camera.as_array`.
    normal: [..., joint, 2], standard normal.
    uniform: [..., joint, 2], uniform in 0 to 1.

  Returns:
    [..., joint, 3]: u, v in pixels and the confidence, all 0 where missed.
  """
  xp = pose_m.__array_namespace__()
  true_px = project(pose_m, camera)
  size = camera[..., None, 4:6]
  inside = xp.all((true_px >= 0) & (true_px < size), axis=-1)
  inside = inside & (pose_m[..., 2] > _NEAREST_M)
  found = inside & (uniform[..., 0] >= MISSING)
  sure = _LEAST_CONFIDENCE + (1 - _LEAST_CONFIDENCE) * uniform[..., 1]
  seen = xp.concat([true_px + ERROR_PX * normal, sure[..., None]], axis=-1)
  return xp.where(found[..., None], seen, xp.zeros_like(seen))


def keypoints(
  pose_m: np.ndarray,
  camera: np.ndarray,
  seed: int,
  environment: str,
  index: int,
) -> np.ndarray:
  """The detector's answer for one sample of the data set.

  Args:
    pose_m: [joint, 3], camera frame.
    camera: [6], `Camera.as_array`.
    seed: seed of the plan.
    environment: name of the environment.
    index: number of the sample within it.

  Returns:
    float32 [joint, 3], a function of the arguments alone.
  """
  rng = random_stream(seed, "detector", environment, str(index))
  shape = (BODY15.num_joints, 2)
  normal, uniform = rng.standard_normal(shape), rng.uniform(size=shape)
  found = detect(
    np.asarray(pose_m, np.float64),
    np.asarray(camera, np.float64),
    normal,
    uniform,
  )
  return found.astype(np.float32)
