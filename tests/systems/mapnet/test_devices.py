"""MAPnet's steps lower for TPUs and GPUs, and train alike on eight devices.

The devices are forced CPU devices of a process of their own; in float64, so
that a difference is a mistake and not the order of a sum.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from bgm2pose_jax.config import schema
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.mapnet import noise, windows
from bgm2pose_jax.systems.mapnet.system import make_config
from bgm2pose_jax.systems.mapnet.task import RefinePoses
from bgm2pose_jax.training import steps

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


def trained(parallel, *kinds):
  """What two steps make of the parameters, on the devices there are."""
  columns = _table(2 * BATCH)
  found = {}
  for kind in kinds:
    task = _task(**{"run.compute_dtype": "float64", "data.noise": kind})
    mesh = mesh_lib.make_mesh()
    fitted = task.fit(
      types.SimpleNamespace(**columns), np.arange(len(columns["pose"]))
    )
    state = mesh_lib.replicate(mesh, jax.device_get(task.init_state(0, fitted)))
    cache = mesh_lib.replicate(mesh, columns)
    step = steps.make_train_step(task, mesh, cached=True, parallel=parallel)
    control = mesh_lib.replicate(mesh, steps.make_control(0, 0.1, 0))
    index = np.arange(2 * BATCH, dtype=np.int32).reshape(2, BATCH)
    start = _flat(state.params)
    for row in index:
      rows = jax.make_array_from_process_local_data(
        jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS)), row[None]
      )
      state, figures = step(state, cache, rows, control)
    moved = _flat(state.params) - start
    found[kind] = [*moved.tolist(), float(figures["loss"])]
  return found


def _flat(params):
  leaves = jax.tree.leaves(jax.device_get(params))
  return np.concatenate([np.ravel(leaf) for leaf in leaves])


@pytest.mark.slow
@pytest.mark.long
def test_eight_devices_train_like_one_under_both_wrappers():
  found = {}
  for devices, parallel, *kinds in (
    (1, "jit", "fixed", "fresh"),
    (8, "jit", "fixed", "fresh"),
    (8, "pmap", "fresh"),
  ):
    code = (
      "import json, sys; import test_devices; "
      f"print(json.dumps(test_devices.trained({parallel!r}, *{kinds!r})))"
    )
    done = subprocess.run(
      [sys.executable, "-c", code],
      capture_output=True,
      text=True,
      check=False,
      env={
        **os.environ,
        "JAX_ENABLE_X64": "1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.path.dirname(__file__),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
      },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found[devices, parallel] = json.loads(done.stdout.splitlines()[-1])
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
  mesh = (
    mesh_lib.make_mesh()
    if devices == 1
    else jax.sharding.AbstractMesh((devices,), (mesh_lib.DATA_AXIS,))
  )
  columns = _table(2)
  fitted = task.fit(types.SimpleNamespace(**columns), np.arange(2))

  def placed(tree, spec):
    sharding = jax.NamedSharding(mesh, spec)
    return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
    )

  def shapes(rows):
    return {
      name: jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype)
      for name, x in columns.items()
    }

  whole = jax.P()
  state = placed(task.state_shapes(fitted), whole)
  control = jax.eval_shape(lambda: steps.make_control(0, 1e-3, 0))
  rows = jax.ShapeDtypeStruct((4, BATCH * devices), np.int32)
  train = (
    state,
    placed(shapes(64), whole),
    placed(rows, jax.P(None, mesh_lib.DATA_AXIS)),
    placed(control, whole),
  )
  batch = placed(shapes(BATCH * devices), jax.P(mesh_lib.DATA_AXIS))
  for platform in ("tpu", "cuda"):
    for step, arguments in (
      (steps.make_train_step(task, mesh, cached=True), train),
      (steps.make_predict_step(task, mesh), (state, batch)),
    ):
      exported = jax.export.export(step, platforms=(platform,))(*arguments)
      assert exported.platforms == (platform,)
      assert "stablehlo.dot_general" in exported.mlir_module()
