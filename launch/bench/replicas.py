"""Measures replicas: windows a second, all together, as their number grows.

  python -m launch.bench.replicas --preset=demo --replicas=1,2,4

Replicas are runs that differ in seed and fold and share their windows. Each
way of training them (`bgm2pose_jax/replicated.py`) is timed beside one after
another (`separate`, the peer: the same compiled step for each), on made-up
windows, in turns. The ratio is aggregate windows/s over one replica's. Each
form also states how far its losses and parameters are from the separate
runs', after one step and after `--steps` of plain gradient descent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import app, flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.tasks import make_task
from bgm2pose_jax.training import replicated, steps
from bgm2pose_jax.training.loop import SEPARATE
from launch.bench import ceilings, harness, product_count, timed_step

_PRESET = flags.DEFINE_enum("preset", "demo", list(presets.PRESETS), "start")
_SET = flags.DEFINE_multi_string(
  "set", [], "key.path=value, as in the main command"
)
_REPLICAS = flags.DEFINE_list("replicas", ["1", "2", "4"], "how many")
_FORMS = flags.DEFINE_list(
  "forms", list(replicated.FORMS), "tried beside separate"
)
_STEPS = flags.DEFINE_integer("steps", 5, "steps a round", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "the forms take turns", 1)
_JSON = flags.DEFINE_string("json", None, "file to write the rows to")

COLUMNS = (
  "replicas", "form", "windows_per_s", "ratio", "compile_s", "share",
  "loss_apart", "parameters_apart",
)  # fmt: skip
# Small enough that rounding stays rounding over the steps compared.
_RATE = 1e-6


class Side:
  """Some replicas trained in one form.

  Attributes:
    form: `SEPARATE` or one of `replicated.FORMS`.
    compile_s: of the first call.
    flops: of one step of all replicas.
    losses: [steps so far][replica].
  """

  def __init__(self, config: config_lib.Config, count: int, form: str):
    """Makes the states and compiles.

    Args:
      config: of each run.
      count: of replicas.
      form: how they are trained.
    """
    batch, per_call = config.batch.size, steps.steps_per_dispatch(None)
    mesh = mesh_lib.make_mesh()
    table = timed_step.made_up_windows(4 * batch)
    task = make_task(config, table.spec, 1)
    statistics = task.fit(table, np.arange(len(table)))
    cache = device_cache.put(
      table, task.fields, jax.NamedSharding(mesh, jax.P())
    )
    rng = np.random.default_rng(0)
    orders = [
      rng.permutation(4 * batch).astype(np.int32).reshape(4, batch)
      for _ in range(count)
    ]
    rows = replicated.stack_orders(orders)[np.arange(per_call) % 4]
    controls = [steps.make_control(seed, _RATE, 0) for seed in range(count)]
    self.states: Any = [
      mesh_lib.replicate(mesh, task.init_state(seed, statistics))
      for seed in range(count)
    ]
    self.form, self.losses = form, []
    self.windows = count * per_call * batch

    def place(x: np.ndarray) -> jax.Array:
      axes = [None] * (x.ndim - 1)
      spec = jax.P(*axes, mesh_lib.DATA_AXIS)
      return jax.device_put(x, jax.NamedSharding(mesh, spec))

    if form == SEPARATE:
      step = steps.make_train_step(task, mesh, cached=True)
      own = [place(rows[:, i]) for i in range(count)]
      controls = mesh_lib.replicate(mesh, controls)
      arguments = (self.states[0], cache, own[0], controls[0])
      self.flops = count * product_count.count(step, *arguments) / per_call

      def advance() -> list:
        found = []
        for i, state in enumerate(self.states):
          self.states[i], figures = step(state, cache, own[i], controls[i])
          found.append(figures["loss"])
        return found
    else:
      step = replicated.make_train_step(task, mesh, form=form)
      index = place(rows)
      control = mesh_lib.replicate(mesh, replicated.stack_control(controls))
      arguments = (tuple(self.states), cache, index, control)
      self.flops = product_count.count(step, *arguments) / per_call

      def advance() -> list:
        self.states, figures = step(tuple(self.states), cache, index, control)
        return [figures["loss"]]

    self._advance: Callable[[], list] = advance
    started = time.perf_counter()
    self.run(1)
    self.compile_s = time.perf_counter() - started

  def run(self, calls: int) -> None:
    """Does some calls and waits for their end."""
    for _ in range(calls):
      losses = self._advance()
      self.losses.append(losses)
    jax.block_until_ready((self.states, self.losses[-1]))

  def parameters(self) -> list[np.ndarray]:
    """Returns each replica's parameters, flat."""
    return [
      np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params)])
      for state in jax.device_get(list(self.states))
    ]


def apart(side: Side, other: Side, start: list[np.ndarray]) -> dict[str, float]:
  """How far a form is from the separate runs after as many steps.

  Args:
    side: of the form.
    other: of the separate runs.
    start: parameters before the first step.

  Returns:
    The largest relative difference of a loss, and of the parameters the
    largest norm of a difference over the norm of the way they went.
  """
  ours, theirs = (
    np.array([np.concatenate([np.ravel(x) for x in row]) for row in s.losses])
    for s in (side, other)
  )
  moved = [
    float(np.linalg.norm(a - b) / max(np.linalg.norm(b - c), 1e-30))
    for a, b, c in zip(side.parameters(), other.parameters(), start)
  ]
  return {
    "loss_apart": float(np.abs(ours / theirs - 1).max()),
    "parameters_apart": max(moved),
  }


def measure(config: config_lib.Config, count: int) -> list[dict[str, Any]]:
  """Times every form at a number of replicas.

  Args:
    config: of each run.
    count: of replicas.
  """
  forms = [SEPARATE, *(_FORMS.value if count > 1 else [])]
  peak = ceilings.matmul_flops_per_second(config.run.compute_dtype)
  start = _start(config, count)
  sides = [Side(config, count, form) for form in forms]
  calls = max(1, _STEPS.value // steps.steps_per_dispatch(None))
  times: dict[str, list[float]] = {form: [] for form in forms}
  for _ in range(_ROUNDS.value):
    for side in sides:
      started = time.perf_counter()
      side.run(calls)
      times[side.form].append((time.perf_counter() - started) / calls)
  rows = []
  for side in sides:
    spent = float(np.median(times[side.form]))
    row = {
      "preset": _PRESET.value,
      "width": float(config.network["width"]),
      "batch": config.batch.size,
      "compute_dtype": config.run.compute_dtype,
      "replicas": count,
      "form": side.form,
      "windows_per_s": side.windows / spent,
      "compile_s": side.compile_s,
      "share": side.flops * steps.steps_per_dispatch(None) / spent / peak,
    }
    if side is not sides[0]:
      row |= apart(side, sides[0], start)
    rows.append(row)
  return rows


def _start(config: config_lib.Config, count: int) -> list[np.ndarray]:
  table = timed_step.made_up_windows(4)
  task = make_task(config, table.spec, 1)
  statistics = task.fit(table, np.arange(len(table)))
  return [
    np.concatenate(
      [np.ravel(x) for x in jax.tree.leaves(jax.device_get(state.params))]
    )
    for state in (task.init_state(seed, statistics) for seed in range(count))
  ]


def main(argv: Sequence[str]) -> None:
  """Measures every count and prints; input errors end with code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    config = config_lib.overlay(
      presets.get_config(_PRESET.value),
      {"preset": _PRESET.value, "optim.optimizer": "sgd"}
      | tree.parse_assignments(_SET.value),
    )
    about = harness.facts("jaxlib", "flax")
    print(harness.headline(about))
    print(
      f"{_PRESET.value}, width {config.network['width']}, batch "
      f"{config.batch.size}, {config.run.compute_dtype}"
    )
    rows: list[dict[str, Any]] = []
    one = None
    for count in map(int, _REPLICAS.value):
      for row in measure(config, count):
        one = one or row["windows_per_s"] / row["replicas"]
        rows.append(row | {"ratio": row["windows_per_s"] / one})
      print(harness.table(rows, COLUMNS), flush=True)
  print(
    "windows_per_s: of all replicas together; ratio: over one replica's "
    "(first row). share: of a\nlarge matrix product's operations. apart: from "
    "the separate runs, losses and the way of the parameters."
  )
  harness.write_json(_JSON.value, about, rows=rows)


if __name__ == "__main__":
  app.run(main)
