"""One law for every system's steps: devices agree, and programs lower.

Several devices are forced CPU devices of a process of their own; in float64, so
that a difference is a mistake and not the order of a sum.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.training import steps


def _flat(params):
  leaves = jax.tree.leaves(jax.device_get(params))
  return np.concatenate([np.ravel(leaf) for leaf in leaves])


def moved(task, fitted, columns, batch, parallel):
  """What two steps add to the parameters, and the loss of the second.

  Args:
    task: in float64.
    fitted: its statistics.
    columns: {field: array of 2 * batch rows}.
    batch: rows of a step.
    parallel: `jit` or `pmap`.
  """
  mesh = mesh_lib.make_mesh()
  state = mesh_lib.replicate(mesh, jax.device_get(task.init_state(0, fitted)))
  cache = mesh_lib.replicate(mesh, columns)
  step = steps.make_train_step(task, mesh, cached=True, parallel=parallel)
  control = mesh_lib.replicate(mesh, steps.make_control(0, 0.1, 0))
  start = _flat(state.params)
  for row in np.arange(2 * batch, dtype=np.int32).reshape(2, batch):
    rows = jax.make_array_from_process_local_data(
      jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS)), row[None]
    )
    state, figures = step(state, cache, rows, control)
  return [*(_flat(state.params) - start).tolist(), float(figures["loss"])]


def on_devices(devices, test_file, call):
  """Calls a function of a test's file in a process with so many devices.

  Args:
    devices: how many.
    test_file: path of the test.
    call: Python text, such as `trained('jit')`; its value goes through JSON.
  """
  test_file = pathlib.Path(test_file)
  module = test_file.stem
  code = f"import json, {module}; print(json.dumps({module}.{call}))"
  folders = (str(test_file.parent), os.path.dirname(__file__))
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
      "PYTHONPATH": os.pathsep.join(folders),
      "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    },
  )
  assert done.returncode == 0, done.stderr[-2000:]
  return json.loads(done.stdout.splitlines()[-1])


def check_steps_lower(task, fitted, columns, batch, devices, operation):
  """Training and prediction become programs for TPUs and GPUs.

  Args:
    task: whose batch is `batch` rows on each device.
    fitted: its statistics.
    columns: {field: array [rows, ...]}, for shapes and types.
    batch: rows of a device.
    devices: how many.
    operation: one that the programs must have, such as `dot_general`.
  """
  mesh = (
    mesh_lib.make_mesh()
    if devices == 1
    else jax.sharding.AbstractMesh((devices,), (mesh_lib.DATA_AXIS,))
  )

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
  rows = jax.ShapeDtypeStruct((4, batch * devices), np.int32)
  train = (
    state,
    placed(shapes(64), whole),
    placed(rows, jax.P(None, mesh_lib.DATA_AXIS)),
    placed(control, whole),
  )
  given = placed(shapes(batch * devices), jax.P(mesh_lib.DATA_AXIS))
  for platform in ("tpu", "cuda"):
    for step, arguments in (
      (steps.make_train_step(task, mesh, cached=True), train),
      (steps.make_predict_step(task, mesh), (state, given)),
    ):
      exported = jax.export.export(step, platforms=(platform,))(*arguments)
      assert exported.platforms == (platform,)
      assert f"stablehlo.{operation}" in exported.mlir_module()
