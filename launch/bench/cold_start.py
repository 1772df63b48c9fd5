"""How long a fresh process takes to its first result, phase by phase.

A process of its own for each measurement: imports, the device, parameters and
the compiler all start from nothing. Run as a module this file is that process.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any

from launch.bench import child

# The interpreter has started by now.
_ENTERED = time.time()

PHASES = (
  "python", "import", "device", "parameters", "trace", "compile", "first",
)  # fmt: skip
KINDS = ("train", "predict features", "predict audio")


@dataclasses.dataclass(frozen=True)
class Case:
  """What the process does.

  Attributes:
    kind: one of `KINDS`.
    preset: the preset to start from.
    changes: laid over it, as `config.overlay` takes them.
    programs: folder of compiled programs; None keeps none.
    checkpoints: folder with a saved state to restore; None draws parameters.
    deterministic: see `compilation.set_deterministic`.
  """

  kind: str
  preset: str
  changes: dict[str, Any]
  programs: str | None = None
  checkpoints: str | None = None
  deterministic: bool = False


def measure(case: Case) -> dict[str, float]:
  """Runs a case in a process of its own.

  Args:
    case: what to do.

  Returns:
    Seconds of each phase, and `total` from the start of the process.

  Raises:
    RuntimeError: the process fails; with its last line.
  """
  # The case says where programs are kept, and which operations are taken.
  environment = child.environment(
    without=("JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS")
  )
  started = time.time()
  found = child.run(
    "launch.bench.cold_start", case, where="cold start", environment=environment
  )
  found["python"] = found.pop("entered") - started
  found["total"] = sum(found[phase] for phase in PHASES)
  return {name: found[name] for name in (*PHASES, "total")}


def save_state(case: Case, folder: str | pathlib.Path) -> None:
  """Saves a fresh state for `Case.checkpoints`.

  Args:
    case: the case of the state's network.
    folder: the folder to make.
  """
  from bgm2pose_jax.state.checkpoint import Checkpoints
  from launch.bench import network

  task, table = _task(case)
  checkpoints = Checkpoints(folder, best=task.best)
  state = task.init_state(0, network.statistics_of(task, table))
  checkpoints.save(state, {task.best.figure: 0.0})
  checkpoints.close()


def _task(case: Case):
  from launch.bench import network

  config = network.config(case.preset, case.changes)
  table = network.made_up_windows(config.batch.size)
  return network.task_of(config, table), table


def _run(case: Case) -> dict[str, float]:
  """Does the work; seconds of each phase, and when the script was entered."""
  found = {"entered": _ENTERED}
  last = time.time()

  def phase(name: str) -> None:
    nonlocal last
    now = time.time()
    found[name] = now - last
    last = now

  import jax
  import numpy as np

  from bgm2pose_jax.data import device_cache
  from bgm2pose_jax.runtime import compilation
  from bgm2pose_jax.runtime import mesh as mesh_lib
  from bgm2pose_jax.state import checkpoint
  from bgm2pose_jax.training import steps
  from launch.bench import network, timed_predict

  phase("import")
  compilation.set_deterministic(case.deterministic)
  if case.programs is not None:
    compilation.keep_programs(pathlib.Path(case.programs))
  mesh = mesh_lib.make_mesh(jax.devices()[:1])
  phase("device")

  task, table = _task(case)
  statistics = network.statistics_of(task, table)
  config, batch = task.config, task.config.batch.size
  # Made-up inputs are no part of a start.
  last = time.time()
  whole = jax.NamedSharding(mesh, jax.P())
  if case.checkpoints is None:
    state = mesh_lib.replicate(mesh, task.init_state(0, statistics))
  else:
    shapes = task.state_shapes(statistics)
    template = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=whole), shapes
    )
    saved = checkpoint.Checkpoints(case.checkpoints, best=task.best)
    newest = saved.latest()
    assert newest is not None
    state = saved.restore(newest, template)
    saved.close()
  jax.block_until_ready(state)
  phase("parameters")

  if case.kind == "train":
    step: Any = steps.make_train_step(
      task, mesh, cached=True, parallel=config.run.parallel
    )
    dispatch = steps.steps_per_dispatch(config.run.steps_per_dispatch)
    rows = np.tile(np.arange(batch, dtype=np.int32), (dispatch, 1))
    spread = jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS))
    control = steps.make_control(0, config.optim.learning_rate, 0)
    arguments = (
      state,
      device_cache.put(table, task.fields, whole),
      jax.device_put(rows, spread),
      mesh_lib.replicate(mesh, control),
    )
  else:
    source = case.kind.removeprefix("predict ")
    seen = task if source == "features" else timed_predict.FromAudio(task)
    step = steps.make_predict_step(seen, mesh)
    (group,) = set(task.fields) - {"features", "pose"}
    arguments = (
      timed_predict.inputs_only(state),
      mesh_lib.shard_rows(
        mesh, timed_predict.make_inputs(source, batch, group)
      ),
    )
  last = time.time()
  lowered = step.lower(*arguments)
  phase("trace")
  compiled = lowered.compile()
  phase("compile")
  jax.block_until_ready(compiled(*arguments))
  phase("first")
  return found


if __name__ == "__main__":
  print(json.dumps(_run(Case(**child.case()))))
