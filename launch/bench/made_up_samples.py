"""Random samples, of the size that PoseKernelLifter's have."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel import examples
from bgm2pose_jax.systems.posekernel.rig import Camera
from bgm2pose_jax.systems.posekernel.table import SampleTable


def samples(count: int, seed: int = 0) -> SampleTable:
  """Noise for kernels, and people of random joints where they are seen.

  Args:
    count: how many samples.
    seed: the seed of the numbers.
  """
  rng = np.random.default_rng(seed)
  camera = Camera()
  spec = examples.spec()
  centre_m = np.array([0.0, 0.0, 2.5])
  pose = rng.normal(0, 0.4, (count, BODY15.num_joints, 3)) + centre_m
  pixels = camera.focal_px * pose[..., :2] / pose[..., 2:] + camera.centre_px
  sure = np.ones((*pose.shape[:2], 1))
  pairs = rng.uniform(-2, 2, (count, spec["pairs"], 3)) + centre_m
  kernels = rng.normal(size=(count, spec["pairs"], spec["taps"]))
  zeros = np.zeros(count, np.int32)
  order = np.arange(count, dtype=np.int32)
  return SampleTable(
    kernels=kernels.astype(np.float32),
    pairs=pairs.astype(np.float32),
    keypoints=np.concatenate([pixels, sure], axis=-1).astype(np.float32),
    camera=np.tile(camera.as_array(), (count, 1)),
    grid_centre=np.tile(centre_m.astype(np.float32), (count, 1)),
    pose=pose.astype(np.float32),
    sample=order,
    usable=np.ones(count, bool),
    recording=zeros,
    window_index=order,
    environment=zeros,
    person=zeros,
    walls=zeros,
    environments=("0",),
    persons=("0",),
    wall_states=(examples.AS_BUILT,),
    recordings=("0",),
    spec=spec,
    simulated=True,
    fingerprint="made up",
  )
