"""The lifter's steps lower for TPUs and GPUs, and train alike on devices."""

from __future__ import annotations

import device_case
import numpy as np
import pytest

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.posekernel.rig import Camera
from bgm2pose_jax.systems.posekernel.system import make_config
from bgm2pose_jax.systems.posekernel.task import LiftPoses

BATCH = 8
SMALL = {
  "encoding.grid": [7, 7, 7],
  "encoding.voxel_m": 0.4,
  "loss.sigma_m": 0.4,
  "network.width": 4,
  "network.sound_width": 2,
  "network.stages": 2,
  "network.depth": 1,
  "network.groups": 2,
  "batch.size": BATCH,
  "optim.optimizer": "sgd",
}


def _task(**changes):
  config = schema.overlay(make_config("demo", "posekernel", "none"), SMALL)
  return LiftPoses(schema.overlay(config, changes))


def _table(rows):
  rng = np.random.default_rng(0)

  def drawn(*shape):
    return rng.normal(size=(rows, *shape)).astype(np.float32)

  pose = 0.4 * drawn(15, 3) + np.array([0, 0, 2.5], np.float32)
  keypoints = np.concatenate(
    [640 + 200 * drawn(15, 2), np.ones((rows, 15, 1))], axis=-1
  )
  return {
    "kernels": drawn(4, 3072),
    "pairs": 2 * drawn(4, 3),
    "keypoints": keypoints.astype(np.float32),
    "camera": np.tile(Camera().as_array(), (rows, 1)),
    "grid_centre": np.tile(np.float32([0, 0, 2.5]), (rows, 1)),
    "pose": pose.astype(np.float32),
  }


def trained(parallel):
  """What two steps make of the parameters, on the devices there are."""
  task = _task(**{"run.compute_dtype": "float64"})
  return device_case.moved(task, {}, _table(2 * BATCH), BATCH, parallel)


@pytest.mark.slow
@pytest.mark.long
def test_eight_devices_train_like_one_under_both_wrappers():
  one, jit, pmap = (
    device_case.on_devices(devices, __file__, f"trained({parallel!r})")
    for devices, parallel in ((1, "jit"), (8, "jit"), (8, "pmap"))
  )
  assert max(map(abs, one[:-1])) > 1e-5
  for moved in (jit, pmap):
    np.testing.assert_allclose(moved, one, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("devices", [1, 256])
def test_steps_lower_for_tpus_and_gpus(devices):
  task = _task(**{"batch.size": BATCH * devices})
  columns = _table(2)
  device_case.check_steps_lower(
    task, {}, columns, BATCH, devices, "convolution"
  )
