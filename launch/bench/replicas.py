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

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import flags

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.training import replicated, steps
from bgm2pose_jax.training.loop import SEPARATE
from launch.bench import ceilings, harness, network, product_count

network.define_flags("demo")
_REPLICAS = flags.DEFINE_list("replicas", ["1", "2", "4"], "how many")
_FORMS = flags.DEFINE_list(
  "forms", list(replicated.FORMS), "tried beside separate"
)
_STEPS = flags.DEFINE_integer("steps", 5, "steps a round", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "the forms take turns", 1)

_COLUMNS = (
  "replicas", "form", "windows_per_s", "ratio", "compile_s", "share",
  "loss_apart", "parameters_apart",
)  # fmt: skip
_FOOT = """\
windows_per_s: of all replicas together; ratio: over one replica's (first row).
share: of a large matrix product's operations. apart: from the separate runs,
losses and the way of the parameters."""
# Small enough that rounding stays rounding over the steps compared.
_RATE = 1e-6


class Side:
  """Some replicas trained in one form.

  Attributes:
    form: `SEPARATE` or one of `replicated.FORMS`.
    start: each replica's parameters before the first step, flat.
    compile_s: the duration of the first call.
    flops: the operations of one step of all replicas.
    losses: [steps so far][replica].
  """

  def __init__(self, config: Config, count: int, form: str):
    """Makes the states and compiles.

    Args:
      config: the configuration of each run.
      count: the number of replicas.
      form: how they are trained.
    """
    batch = config.batch.size
    mesh = mesh_lib.make_mesh()
    table = network.made_up_windows(4 * batch)
    made = network.Training(config, table, mesh)
    per_call = steps.steps_per_dispatch(None)
    rng = np.random.default_rng(0)
    orders = [
      rng.permutation(4 * batch).astype(np.int32).reshape(4, batch)
      for _ in range(count)
    ]
    rows = replicated.stack_orders(orders)[np.arange(per_call) % 4]
    controls: Any = [steps.make_control(i, _RATE, 0) for i in range(count)]
    self.states: Any = [
      mesh_lib.replicate(mesh, made.task.init_state(i, made.statistics))
      for i in range(count)
    ]
    self.start = self.parameters()
    self.form, self.losses = form, []
    self.windows = count * per_call * batch

    def place(x: np.ndarray) -> jax.Array:
      axes = [None] * (x.ndim - 1)
      spec = jax.P(*axes, mesh_lib.DATA_AXIS)
      return jax.device_put(x, jax.NamedSharding(mesh, spec))

    if form == SEPARATE:
      own = [place(rows[:, i]) for i in range(count)]
      controls = mesh_lib.replicate(mesh, controls)
      arguments = (self.states[0], made.cache, own[0], controls[0])
      self.flops = count * product_count.count(made.step, *arguments)

      def advance() -> list:
        found = []
        for i, state in enumerate(self.states):
          self.states[i], figures = made.step(
            state, made.cache, own[i], controls[i]
          )
          found.append(figures["loss"])
        return found
    else:
      step = replicated.make_train_step(made.task, mesh, form=form)
      control = mesh_lib.replicate(mesh, replicated.stack_control(controls))
      rest = made.cache, place(rows), control
      self.flops = product_count.count(step, tuple(self.states), *rest)

      def advance() -> list:
        self.states, figures = step(tuple(self.states), *rest)
        return [figures["loss"]]

    self.flops /= per_call
    self._advance: Callable[[], list] = advance
    self.compile_s, _ = harness.timed(lambda: self.run(1))

  def run(self, calls: int) -> None:
    """Does some calls and waits for their end."""
    for _ in range(calls):
      self.losses.append(self._advance())
    jax.block_until_ready((self.states, self.losses[-1]))

  def parameters(self) -> list[np.ndarray]:
    """Returns a copy of each replica's parameters, flat."""
    return [
      np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params)])
      for state in jax.device_get(list(self.states))
    ]


def _apart(side: Side, other: Side) -> dict[str, float]:
  """How far a form is from the separate runs after as many steps."""
  ours, theirs = (
    np.array([np.concatenate([np.ravel(x) for x in row]) for row in s.losses])
    for s in (side, other)
  )
  moved = [
    float(np.linalg.norm(a - b) / max(np.linalg.norm(b - c), 1e-30))
    for a, b, c in zip(side.parameters(), other.parameters(), other.start)
  ]
  return {
    "loss_apart": float(np.abs(ours / theirs - 1).max()),
    "parameters_apart": max(moved),
  }


def _measure(config: Config, count: int) -> list[dict[str, Any]]:
  """Times every form at a number of replicas."""
  peak = ceilings.matmul_flops_per_second(config.run.compute_dtype)
  forms = [SEPARATE, *(_FORMS.value if count > 1 else [])]
  sides = [Side(config, count, form) for form in forms]
  per_call = steps.steps_per_dispatch(None)
  calls = max(1, _STEPS.value // per_call)
  times = harness.turns(
    [lambda s=s: harness.timed(lambda: s.run(calls))[0] for s in sides],
    _ROUNDS.value,
  )
  rows = []
  for side, found in zip(sides, times):
    spent = float(np.median(found)) / calls
    rows.append(
      {
        "preset": config.preset,
        "width": float(config.network["width"]),
        "batch": config.batch.size,
        "compute_dtype": config.run.compute_dtype,
        "replicas": count,
        "form": side.form,
        "windows_per_s": side.windows / spent,
        "compile_s": side.compile_s,
        "share": side.flops * per_call / spent / peak,
        **({} if side is sides[0] else _apart(side, sides[0])),
      }
    )
  return rows


def main() -> None:
  """Measures every count and prints."""
  config = network.one_config(**{"optim.optimizer": "sgd"})
  counts = harness.numbers(_REPLICAS)
  about = harness.begin("jaxlib", "flax")
  print(network.title(config))
  rows: list[dict[str, Any]] = []
  one = None
  for count in counts:
    for row in _measure(config, count):
      one = one or row["windows_per_s"] / row["replicas"]
      rows.append(row | {"ratio": row["windows_per_s"] / one})
    harness.show(rows, _COLUMNS)
  print(_FOOT)
  harness.write(about, rows=rows)


if __name__ == "__main__":
  harness.start(main)
