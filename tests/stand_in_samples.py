"""Samples of known geometry, in place of simulated ones.

Every joint is a point that sends a click back: a kernel has 1 at its delay.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel import examples
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S, Camera
from bgm2pose_jax.systems.posekernel.sample import (
  KERNEL_TAPS,
  SAMPLE_RATE_HZ,
  Sample,
)
from bgm2pose_jax.systems.posekernel.table import SampleTable

# A person in a plane, facing the camera, y down; the mid-hip is the origin.
STANDING_M = np.array(
  [
    (0.0, -0.72, 0.0),  # Nose
    (0.0, -0.52, 0.0),
    (-0.18, -0.52, 0.0),  # RShoulder
    (-0.3, -0.28, 0.0),
    (-0.4, -0.05, 0.0),
    (0.18, -0.52, 0.0),  # LShoulder
    (0.3, -0.28, 0.0),
    (0.4, -0.05, 0.0),
    (0.0, 0.0, 0.0),  # MidHip
    (-0.1, 0.02, 0.0),
    (-0.12, 0.45, 0.0),
    (-0.13, 0.88, 0.0),  # RAnkle
    (0.1, 0.02, 0.0),
    (0.12, 0.45, 0.0),
    (0.13, 0.88, 0.0),  # LAnkle
  ]
)
PAIRS_M = np.array(
  [(-2.0, 0.6, 0.2), (2.0, -0.4, 0.1), (2.1, 0.5, 4.0), (-2.0, -0.3, 4.1)]
)
CENTRE_M = np.array([0.0, 0.1, 2.2])
CAMERA = Camera()


def keypoints(pose_m: np.ndarray) -> np.ndarray:
  """Exact projections [..., joint, 3], all found."""
  focal, centre = np.array(CAMERA.focal_px), np.array(CAMERA.centre_px)
  px = focal * pose_m[..., :2] / pose_m[..., 2:] + centre
  return np.concatenate([px, np.ones_like(px[..., :1])], axis=-1)


def kernels(pose_m: np.ndarray, pairs_m: np.ndarray = PAIRS_M) -> np.ndarray:
  """float32 [pair, tap] of one pose [joint, 3]."""
  far = np.linalg.norm(pose_m - pairs_m[:, None], axis=-1)
  taps = np.rint(2 * far / SOUND_SPEED_M_S * SAMPLE_RATE_HZ).astype(int)
  out = np.zeros((len(pairs_m), KERNEL_TAPS), np.float32)
  for row, at in zip(out, taps):
    np.add.at(row, at, 1.0)
  return out


def sample(environment: str, index: int, rng, **changes) -> Sample:
  """A person of STANDING_M's shape somewhere before the camera."""
  place = np.array([0.0, 0.3, 2.2]) + rng.uniform(-0.5, 0.5, 3) * (1, 0, 1)
  pose = STANDING_M + place
  values = {
    "environment": environment,
    "index": index,
    "person": f"p{index % 2}",
    "walls": examples.AS_BUILT,
    "kernels": kernels(pose),
    "pairs_m": PAIRS_M.astype(np.float32),
    "pose_m": pose.astype(np.float32),
    "keypoints": keypoints(pose).astype(np.float32),
    "camera": CAMERA,
    "grid_centre_m": CENTRE_M.astype(np.float32),
  }
  return Sample(**(values | changes))


class StandIn:
  """`source.Samples` of a few made-up environments.

  Attributes:
    simulated: always.
  """

  simulated = True

  def __init__(self, environments=3, samples=10, moved=0):
    self._names = tuple(f"room{i + 1}" for i in range(environments))
    self._samples, self._moved = samples, moved

  def environments(self):
    return dict.fromkeys(self._names, self._samples)

  def make(self, environment):
    rng = np.random.default_rng(self._names.index(environment))
    for index in range(self._samples):
      is_moved = index >= self._samples - self._moved
      walls = "moved" if is_moved else examples.AS_BUILT
      yield sample(environment, index, rng, walls=walls)

  def identity(self):
    return {"stand_in": [*self._names, self._samples, self._moved]}

  def inventory(self):
    return None


def table(made: StandIn | None = None) -> SampleTable:
  """The table that building, storing and loading would give."""
  made = made or StandIn()
  rows = [
    row
    for name, count in made.environments().items()
    for row in examples.examples(made.make(name), count)
  ]
  columns = SampleTable.columns
  values = {name: np.stack([r[name] for r in rows]) for name in columns.arrays}
  values |= {
    name: np.array([r[name] for r in rows]) for name in columns.all_numbers
  }
  for name, vocabulary in columns.all_names.items():
    texts = [r[name] for r in rows]
    names = tuple(dict.fromkeys(texts))
    values[vocabulary] = names
    values[name] = np.array([names.index(text) for text in texts], np.int32)
  return SampleTable(
    **values, spec=examples.spec(), simulated=True, fingerprint="f"
  )


JOINTS = BODY15.num_joints
