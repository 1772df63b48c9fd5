"""One sample: what a simulator makes and a reader reads."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.systems.posekernel.rig import Camera

SAMPLE_RATE_HZ = 96_000
# 5.5 m from a pair and back: the farthest corner of a grid of 3.5 m between
# pairs that stand 4 m apart.
KERNEL_TAPS = 3072
# Pairs of loudspeaker and microphone in every rig.
PAIRS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
  """A person's pose, the kernels it makes and where a camera sees it.

  Attributes:
    environment: name of the room and its rig.
    index: number of the sample within its environment.
    person: who stands there; empty where unknown.
    walls: `as_built`, or `moved` where the room was changed.
    kernels: float32 [pair, tap=KERNEL_TAPS], what the body adds to each pair's
      own impulse response, at 96 kHz; tap 0 is when the sound leaves.
    pairs_m: float32 [pair, 3], camera frame.
    pose_m: float32 [joint=15, 3], `poses.body15`, camera frame, metres.
    keypoints: float32 [joint, 3]: u and v in pixels, and the detector's
      confidence, 0 where a joint was not found.
    camera: the camera.
    grid_centre_m: float32 [3], middle of the environment's voxels.
  """

  environment: str
  index: int
  person: str
  walls: str
  kernels: np.ndarray
  pairs_m: np.ndarray
  pose_m: np.ndarray
  keypoints: np.ndarray
  camera: Camera
  grid_centre_m: np.ndarray
