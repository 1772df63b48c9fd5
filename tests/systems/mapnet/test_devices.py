"""MAPnet's steps lower for TPUs and GPUs, and train alike on eight devices."""

from __future__ import annotations

import types

import device_case
import numpy as np
import pytest

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.mapnet import noise, windows
from bgm2pose_jax.systems.mapnet.system import make_config
from bgm2pose_jax.systems.mapnet.task import RefinePoses

BATCH = 8
SMALL = {
  "network.width": 8,
  "network.heads": 2,
  "network.mlp": 8,
  "network.branch_layers": 1,
  "network.hidden": 10,
  "network.dropout": 0.1,
  "batch.size": BATCH,
  "optim.optimizer": "sgd",
}


def _task(**changes):
  config = schema.overlay(make_config("demo", "mapnet", "none"), SMALL)
  return RefinePoses(schema.overlay(config, changes))


def _table(rows):
  rng = np.random.default_rng(0)
  audio = len(windows.spec()["audio"])
  swaps = np.zeros((rows, noise.MAX_EVENTS, 4), np.float32)
  swaps[::2, 0] = 10, 90, 3, 4
  return {
    "pose": rng.normal(size=(rows, 150, 13, 3)).astype(np.float32),
    "audio": rng.normal(size=(rows, 150, audio)).astype(np.float32),
    "swaps": swaps,
    "noise_key": np.arange(rows, dtype=np.int32),
    "first_frame": np.full(rows, 50, np.int32),
  }


def _fitted(task, columns):
  rows = np.arange(len(columns["pose"]))
  return task.fit(types.SimpleNamespace(**columns), rows)


def trained(parallel, *kinds):
  """What two steps make of the parameters, on the devices there are."""
  columns = _table(2 * BATCH)
  found = {}
  for kind in kinds:
    task = _task(**{"run.compute_dtype": "float64", "data.noise": kind})
    fitted = _fitted(task, columns)
    found[kind] = device_case.moved(task, fitted, columns, BATCH, parallel)
  return found


@pytest.mark.slow
@pytest.mark.long
def test_eight_devices_train_like_one_under_both_wrappers():
  found = {
    (devices, parallel): device_case.on_devices(
      devices, __file__, f"trained({parallel!r}, *{kinds!r})"
    )
    for devices, parallel, *kinds in (
      (1, "jit", "fixed", "fresh"),
      (8, "jit", "fixed", "fresh"),
      (8, "pmap", "fresh"),
    )
  }
  one = found[1, "jit"]
  assert max(map(abs, one["fixed"][:-1])) > 1e-4
  assert one["fixed"] != one["fresh"]
  for key in ((8, "jit"), (8, "pmap")):
    for kind, moved in found[key].items():
      np.testing.assert_allclose(
        moved, one[kind], rtol=1e-7, atol=1e-10, err_msg=f"{key} {kind}"
      )


@pytest.mark.parametrize("devices", [1, 256])
def test_steps_lower_for_tpus_and_gpus(devices):
  task = _task(**{"batch.size": BATCH * devices, "data.noise": "fresh"})
  columns = _table(2)
  device_case.check_steps_lower(
    task, _fitted(task, columns), columns, BATCH, devices, "dot_general"
  )
