"""Joints on the rays of a camera, at depths that a mean pose gives them.

What the baselines share: each of them finds one depth, that of the mid-hip, and
the skeleton follows.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.metrics import ROOT

# No joint comes closer to the camera.
_NEAREST_M = 0.1


def bearings(keypoints: np.ndarray, camera: np.ndarray) -> np.ndarray:
  """Points on the rays of keypoints, a metre before the camera.

  Args:
    keypoints: [n, joint, 3], u and v in pixels, and confidence.
    camera: [n, 6], see `rig.Camera.as_array`.

  Returns:
    float64 [n, joint, 3], camera frame; z is 1.
  """
  focal, centre = camera[:, None, 0:2], camera[:, None, 2:4]
  points = (keypoints[..., :2].astype(np.float64) - centre) / focal
  return np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)


def are_found(keypoints: np.ndarray) -> np.ndarray:
  """Which joints the detector found: [n, joint, 3] -> bool [n, joint]."""
  return np.asarray(keypoints[..., 2] > 0)


@dataclasses.dataclass(frozen=True, eq=False)
class Template:
  """The mean training pose.

  Attributes:
    offsets_m: float64 [joint, 3], joints from the mid-hip, camera axes.
    root_m: float64 [3], mean place of the mid-hip, camera frame.
  """

  offsets_m: np.ndarray
  root_m: np.ndarray

  @classmethod
  def of(cls, pose_m: np.ndarray) -> Template:
    """The template of poses [n, joint, 3], metres, camera frame."""
    poses = pose_m.astype(np.float64)
    roots = poses[:, ROOT]
    return cls((poses - roots[:, None]).mean(axis=0), roots.mean(axis=0))

  def placed(
    self, depth_m: np.ndarray, bearing: np.ndarray, found: np.ndarray
  ) -> np.ndarray:
    """Poses whose mid-hip is at a depth.

    A joint that was found lies on its ray, as far before or behind the mid-hip
    as in the mean pose. The others keep their places in the mean pose, which is
    shifted to where it fits the joints that were found. With no joint found it
    stands on the camera's axis.

    Args:
      depth_m: [n], z of the mid-hip, metres.
      bearing: [n, joint, 3] from `bearings`.
      found: bool [n, joint].

    Returns:
      float64 [n, joint, 3], metres, camera frame.
    """
    depths = np.maximum(depth_m[:, None] + self.offsets_m[:, 2], _NEAREST_M)
    on_rays = bearing * depths[..., None]
    shift = np.where(found[..., None], on_rays - self.offsets_m, 0).sum(axis=1)
    count = found.sum(axis=1)[:, None]
    on_axis = depth_m[:, None] * np.array([0.0, 0.0, 1.0])
    middle = np.where(count > 0, shift / np.maximum(count, 1), on_axis)
    shifted = middle[:, None] + self.offsets_m
    return np.where(found[..., None], on_rays, shifted)


def bone_lengths_m(pose_m: np.ndarray) -> np.ndarray:
  """Lengths of bones: [..., joint, 3] -> [..., bone] of `BODY15.bones`."""
  parent, child = np.asarray(BODY15.bones).T
  return np.linalg.norm(pose_m[..., child, :] - pose_m[..., parent, :], axis=-1)


def bones_found(found: np.ndarray) -> np.ndarray:
  """Bones with both ends found: bool [n, joint] -> bool [n, bone]."""
  parent, child = np.asarray(BODY15.bones).T
  return found[:, parent] & found[:, child]
