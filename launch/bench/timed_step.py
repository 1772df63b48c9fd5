"""The package's own train step on made-up windows, ready to be timed.

Task, losses, optimiser, donated state and device cache are those of a
training run.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.runtime import mesh as mesh_lib
from launch.bench import harness, network, product_count

# Distinct random batches in the cache; steps walk through them.
_BATCHES = 4


class OurStep:
  """One configuration's compiled step and everything it needs.

  Attributes:
    name: the name in the table.
    compute_dtype: the type that it computes in.
    flops: matrix products and convolutions of one step, by our own count,
      which takes the fast convolution on CPU for the plain one.
    run_flops: operations that run here, fewer with the fast convolution.
    xla_flops: operations of one step by XLA's analysis of the compiled
      program, all devices together; None where XLA does not say (pmap).
    parameters: trained numbers.
    compile_s: seconds to trace and compile.
    first_loss: the loss of the first dispatch, a mean over its steps.
  """

  def __init__(
    self,
    config: Config,
    *,
    table: WindowTable | None = None,
    mesh: jax.sharding.Mesh | None = None,
  ):
    """Compiles the step and runs it twice.

    Args:
      config: the run's configuration.
      table: windows to train on, in their order, over and over; a multiple
        of the batch. Random ones if not given.
      mesh: the devices; all if not given.

    Raises:
      InputError: the batch cannot be spread over the devices.
    """
    self.compute_dtype = config.run.compute_dtype
    self.name = f"bgm2pose_jax {self.compute_dtype}"
    mesh = mesh_lib.make_mesh() if mesh is None else mesh
    batch, devices = config.batch.size, mesh.devices.size
    if batch % devices:
      raise InputError(
        "--batch", f"{batch} is no multiple of {devices} devices", "change it"
      )
    if table is None:
      table = network.made_up_for(config, _BATCHES * batch)
    made = network.Training(config, table, mesh)
    self.parameters = sum(x.size for x in jax.tree.leaves(made.state.params))
    self._state, self._dispatch = made.state, made.per_call
    self._given = made.cache, made.control
    self._batches = len(table) // batch
    rows = np.arange(self._batches * batch, dtype=np.int32)
    rows = rows.reshape(self._batches, batch)
    spread = jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS))
    ahead = np.arange(self._dispatch)
    self._indices = [
      jax.device_put(rows[(i + ahead) % self._batches], spread)
      for i in range(self._batches)
    ]
    self._calls = 0
    arguments = (self._state, made.cache, self._indices[0], made.control)
    self.flops, self.run_flops = (
      product_count.count(made.step, *arguments, plain=plain) / self._dispatch
      for plain in (True, False)
    )
    self.xla_flops: float | None = None
    self._step: Any = made.step

    def compile_and_call() -> None:
      if hasattr(self._step, "lower"):
        self._step = self._step.lower(*arguments).compile()
        # One device's program; XLA counts a loop, over steps too, once.
        counted = (self._step.cost_analysis() or {}).get("flops")
        self.xla_flops = counted * devices if counted else None
      self._once()

    self.compile_s, _ = harness.timed(compile_and_call)
    self.first_loss = self.last_loss()
    self._once()

  def run(self, count: int) -> list[tuple[float, float]]:
    """Runs steps now.

    Args:
      count: how many; rounded up to whole dispatches.

    Returns:
      (seconds, seconds of processor time) of each step; the steps of one
      dispatch share its time evenly.
    """
    times = []
    while len(times) < count:
      wall, cpu = harness.timed(self._once)
      times += [(wall / self._dispatch, cpu / self._dispatch)] * self._dispatch
    return times

  def last_loss(self) -> float:
    """Loss of the last dispatch."""
    return float(self._figures["loss"])

  def program(self) -> str | None:
    """Text of the compiled program, one device's; None under pmap."""
    return self._step.as_text() if hasattr(self._step, "as_text") else None

  def close(self) -> None:
    """Nothing to end."""

  def _once(self) -> None:
    index = self._indices[self._calls % self._batches]
    self._calls += 1
    cache, control = self._given
    self._state, self._figures = self._step(self._state, cache, index, control)
    jax.block_until_ready((self._state, self._figures))
