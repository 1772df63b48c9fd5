"""Steps of every system with shapes in the place of arrays.

What a compiler or a counter has to know of a step and its arguments, for
devices that need not be there. The device cache holds few windows: its size
changes nothing that a step does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.training import steps
from launch.bench import network, timed_predict

STEPS = ("train", "predict", "from_audio")
_CACHED_WINDOWS = 2

Step = tuple[Callable[..., Any], tuple[Any, ...]]


def of(name: str, config: Any, mesh: Any) -> Step:
  """Returns a step and its arguments, to be traced for `runtime.target`.

  Args:
    name: one of `STEPS`: the train step with a device cache; prediction from
      what the network sees; prediction from sound (BGM2Pose's alone).
    config: the run's; its batch is that of all devices.
    mesh: the devices, real, described or abstract.

  Returns:
    A jitted function and shapes with the shardings that training gives them.

  Raises:
    InputError: the system has no such step.
  """
  table = network.made_up_for(config, _CACHED_WINDOWS)
  task = network.task_of(config, table)
  state = task.state_shapes(network.statistics_of(task, table))
  whole = jax.NamedSharding(mesh, jax.P())
  rows = jax.NamedSharding(mesh, jax.P(mesh_lib.DATA_AXIS))
  batch = config.batch.size
  if name == "train":
    columns = jax.eval_shape(lambda: device_cache.put(table, task.fields))
    control = jax.eval_shape(lambda: steps.make_control(0, 1e-3, 0))
    spread = jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS))
    index = jax.ShapeDtypeStruct((1, batch), np.int32)
    step = steps.make_train_step(task, mesh, cached=True)
    return step, (
      _placed(state, whole),
      _placed(columns, whole),
      _placed(index, spread),
      _placed(control, whole),
    )
  seen, made = task, {f: table.column(f) for f in task.fields}
  if name == "from_audio":
    if not hasattr(table, "tracks"):
      raise InputError(
        f"--step={name}", f"{config.model} has no such step", "take predict"
      )
    (group,) = set(task.fields) - {"features", "pose"}
    made = timed_predict.make_inputs("audio", 1, group)
    seen = timed_predict.FromAudio(task)
  shapes = {
    field: jax.ShapeDtypeStruct((batch, *x.shape[1:]), x.dtype)
    for field, x in made.items()
  }
  step = steps.make_predict_step(seen, mesh)
  state = timed_predict.inputs_only(state)
  return step, (_placed(state, whole), _placed(shapes, rows))


def _placed(tree: Any, sharding: jax.NamedSharding) -> Any:
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
  )
