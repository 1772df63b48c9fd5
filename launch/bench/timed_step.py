"""The package's own train step on made-up windows, ready to be timed.

Task, losses, optimiser, donated state and device cache are those of a
training run; the windows are random numbers of the size that features and
poses have.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.tasks import make_task
from bgm2pose_jax.training import steps
from launch.bench import product_count

# Distinct random batches in the cache; steps walk through them.
_BATCHES = 4


def made_up_windows(count: int, seed: int = 0) -> WindowTable:
  """Random windows: decibels, unit intensity vectors, poses of a person.

  Args:
    count: of windows.
    seed: of the numbers.
  """
  rng = np.random.default_rng(seed)
  spec = features.get_feature_set("logmel_intensity").spec
  x = rng.normal(-40, 12, (count, 12, 128, 9)).astype(np.float32)
  intensity = rng.normal(size=(count, 12, 128, 3))
  intensity /= np.linalg.norm(intensity, axis=-1, keepdims=True)
  x[..., list(spec.indices("intensity"))] = intensity
  pose = rng.normal(0, 0.5, (count, 12, 21, 3)).cumsum(axis=1)
  pose[..., 1] += np.linspace(0, 15, 21)
  zeros = np.zeros(count, np.int32)
  return WindowTable(
    features=x,
    pose=pose.astype(np.float32),
    subject=zeros,
    track=zeros,
    genre=zeros,
    recording=zeros,
    label=zeros,
    window_index=np.arange(count, dtype=np.int32),
    valid=np.ones(count, bool),
    has_pose=np.ones(count, bool),
    subjects=("0",),
    tracks=("noise",),
    genres=("noise",),
    recordings=("0",),
    labels=("",),
    spec=spec,
    simulated=True,
    fingerprint="made up",
  )


class OurStep:
  """One configuration's compiled step and everything it needs.

  Attributes:
    name: for the table.
    compute_dtype: it computes in.
    flops: of one step, matrix products and convolutions, by our own count,
      which takes the fast convolution on CPU for the plain one.
    run_flops: of those that run here, fewer with the fast convolution.
    xla_flops: of one step by XLA's analysis of the compiled program, all
      devices together; None where XLA does not say (pmap).
    parameters: trained numbers.
    compile_s: seconds to trace and compile.
    first_loss: of the first dispatch, a mean over its steps.
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
      config: of the run.
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
      table = made_up_windows(_BATCHES * batch)
    self._batches = len(table) // batch
    task = make_task(config, table.spec, len(table.tracks))
    statistics = task.fit(table, np.arange(len(table)))
    whole = jax.NamedSharding(mesh, jax.P())
    spread = jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS))
    state = task.init_state(config.seed, statistics)
    self.parameters = sum(x.size for x in jax.tree.leaves(state.params))
    self._state = mesh_lib.replicate(mesh, state)
    self._cache = device_cache.put(table, task.fields, whole)
    rate = config.optim.learning_rate
    control = steps.make_control(config.seed, rate, 0)
    self._control = mesh_lib.replicate(mesh, control)
    self._dispatch = steps.steps_per_dispatch(config.run.steps_per_dispatch)
    rows = np.arange(self._batches * batch, dtype=np.int32)
    rows = rows.reshape(self._batches, batch)
    ahead = np.arange(self._dispatch)
    self._indices = [
      jax.device_put(rows[(i + ahead) % self._batches], spread)
      for i in range(self._batches)
    ]
    self._calls = 0
    step = steps.make_train_step(
      task, mesh, cached=True, parallel=config.run.parallel
    )
    arguments = (self._state, self._cache, self._indices[0], self._control)
    self.flops, self.run_flops = (
      product_count.count(step, *arguments, plain=plain) / self._dispatch
      for plain in (True, False)
    )
    started = time.perf_counter()
    self.xla_flops: float | None = None
    self._step: Any = step
    if hasattr(step, "lower"):
      self._step = step.lower(*arguments).compile()
      # One device's program; XLA counts a loop, over steps too, once.
      counted = (self._step.cost_analysis() or {}).get("flops")
      self.xla_flops = counted * devices if counted else None
    self._once()
    self.compile_s = time.perf_counter() - started
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
      wall, cpu = time.perf_counter(), time.process_time()
      self._once()
      wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
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
    self._state, self._figures = self._step(
      self._state, self._cache, index, self._control
    )
    jax.block_until_ready((self._state, self._figures))
