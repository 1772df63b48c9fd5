"""A script: the same few steps on any number of devices and processes.

    python tests/parallel_case.py OUT.npz --devices=8 --parallel=pmap

writes the loss and gradients of the first step, and the parameters after three
SGD steps.
Several processes: add --process=I --processes=N --coordinator=HOST:PORT, each
with `--devices` of its own.
"""

from __future__ import annotations

import argparse
import os
import sys

BATCH, STEPS, RATE = 16, 3, 1e-6


def main() -> None:
  """Runs what the arguments say."""
  parser = argparse.ArgumentParser()
  parser.add_argument("out")
  parser.add_argument("--preset", default="paper")
  parser.add_argument("--devices", type=int, default=1)
  parser.add_argument("--parallel", nargs="+", default=["jit"])
  parser.add_argument("--process", type=int, default=0)
  parser.add_argument("--processes", type=int, default=1)
  parser.add_argument("--coordinator")
  parser.add_argument("--dtype", default="float64")
  given = parser.parse_args()
  os.environ["JAX_PLATFORMS"] = "cpu"
  os.environ["XLA_FLAGS"] = (
    f"--xla_force_host_platform_device_count={given.devices}"
  )
  os.environ["JAX_ENABLE_X64"] = str(int(given.dtype == "float64"))
  import jax
  import numpy as np

  if given.processes > 1:
    jax.distributed.initialize(
      given.coordinator, given.processes, given.process
    )
  assert jax.device_count() == given.devices * given.processes
  out = {}
  for parallel in given.parallel:
    for name, value in _run(given.preset, parallel, given.dtype).items():
      out[f"{parallel}/{name}"] = value
  if given.process == 0:
    np.savez(given.out, **out)
  if given.processes > 1:
    jax.distributed.shutdown()


def _run(preset: str, parallel: str, dtype: str) -> dict:
  import types

  import jax
  import numpy as np

  from bgm2pose_jax.config import schema as config_lib
  from bgm2pose_jax.runtime import mesh as mesh_lib
  from bgm2pose_jax.systems.bgm2pose import features, presets
  from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
  from bgm2pose_jax.training import steps

  config = config_lib.overlay(
    presets.get_config(preset),
    {
      # Small, with every random number in use: dropout, noise.
      "network.width": 0.0625,
      "network.stem_pool": 8,
      "network.dropout": 0.1,
      "optim.input_noise": 0.1,
      "optim.optimizer": "sgd",
      "run.compute_dtype": dtype,
      "batch.size": BATCH,
    },
  )
  spec = features.get_feature_set("logmel_intensity").spec
  rng = np.random.default_rng(0)
  shape = (STEPS * BATCH, spec.window_frames, spec.bands, len(spec.channels))
  columns = {
    "features": _features(rng, shape),
    "pose": _poses(rng, *shape[:2]),
    "track": np.zeros(shape[0], np.int32),
    "recording": np.arange(shape[0], dtype=np.int32) // (2 * BATCH),
    "valid": np.ones(shape[0], bool),
  }
  table = types.SimpleNamespace(
    **columns, tracks=("t",), recordings=("a", "b", "c"), simulated=True
  )
  task = PoseFromMusic(config, spec, 1)
  mesh = mesh_lib.make_mesh()
  state = task.init_state(0, task.fit(table, np.arange(shape[0])))
  state = mesh_lib.replicate(mesh, jax.device_get(state))

  share = jax.process_index(), jax.process_count()

  def own(rows):
    batch = {name: x[rows] for name, x in columns.items()}
    return jax.tree.map(lambda x: np.split(x, share[1])[share[0]], batch)

  def spread(tree, axis):
    sharding = jax.NamedSharding(
      mesh, jax.P(*([None] * axis), mesh_lib.DATA_AXIS)
    )
    return jax.tree.map(
      lambda x: jax.make_array_from_process_local_data(sharding, x), tree
    )

  control = mesh_lib.replicate(mesh, steps.make_control(0, RATE, 0))
  start = _flat(state.params)
  step = steps.make_train_step(task, mesh, cached=False, parallel=parallel)

  def advance(state, number, control):
    rows = np.arange(BATCH) + number * BATCH
    batch = {k: x[None] for k, x in own(rows).items()}
    index = np.split(rows.astype(np.int32)[None], share[1], axis=1)[share[0]]
    return step(state, spread(batch, 1), spread(index, 1), control)

  # SGD at rate 1 moves by the gradient itself, and the program is shared.
  whole = mesh_lib.replicate(mesh, steps.make_control(0, 1.0, 0))
  copy = mesh_lib.replicate(mesh, jax.tree.map(np.array, jax.device_get(state)))
  moved, figures = advance(copy, 0, whole)
  out = {f"figure/{k}": np.asarray(v) for k, v in figures.items()}
  out["gradients"] = start - _flat(moved.params)
  for number in range(STEPS):
    state, figures = advance(state, number, control)
  out["start"] = start
  out["last_loss"] = np.asarray(figures["loss"])
  out["parameters"] = _flat(state.params)
  out["statistics"] = _flat(state.model_state)
  return out


def _features(rng, shape: tuple[int, ...]):
  """Sounds that differ by window, frame and band, float32 `shape`.

  White noise would be averaged out by the attention over bands; the batch
  statistics behind it would blow up what rounding leaves.
  """
  import numpy as np

  n, t, f, c = shape
  out = rng.normal(-30, 10, (n, 1, 1, c)) + rng.normal(0, 5, (n, 1, f, c))
  out = out + rng.normal(0, 5, (n, t, 1, c)) + rng.normal(0, 3, shape)
  return out.astype(np.float32)


def _poses(rng, windows: int, frames: int):
  """Smoothly swinging joints, float32 [windows, frames, 21, 3]."""
  import numpy as np

  swing = rng.normal(0, 1, (windows, 1, 21, 3))
  phase = rng.uniform(0, 2 * np.pi, (windows, 1, 1, 1))
  time = np.arange(frames).reshape(1, -1, 1, 1)
  return (swing * np.sin(phase + 0.3 * time)).astype(np.float32)


def _flat(tree):
  import jax
  import numpy as np

  return np.concatenate([np.asarray(x).ravel() for x in jax.tree.leaves(tree)])


if __name__ == "__main__":
  sys.exit(main())
