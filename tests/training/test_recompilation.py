"""After the first epoch of a run nothing is compiled any more."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state import train_state
from bgm2pose_jax.systems.bgm2pose.config import OptimConfig
from bgm2pose_jax.training import optim, steps

ROWS, BATCH, EPOCHS = 12, 4, 4
_COMPILED = "/jax/core/compile/backend_compile_duration"


class _LeastSquares:
  """Small enough to compile at once, with every kind of state a run has."""

  context = 0

  def __init__(self):
    self.adam = optim.make_transformation(OptimConfig())

  def init_state(self):
    params = {"kernel": jnp.zeros((3, 2))}
    return train_state.create(
      params,
      {"mean": jnp.zeros(2)},
      self.adam.init(params),
      {"std": np.ones(3, np.float32)},
      snapshots=2,
    )

  def update(self, state, batch, keys, control):
    x = batch["x"] + jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)

    def loss(params):
      return jnp.mean((x @ params["kernel"] - batch["y"]) ** 2)

    value, grads = jax.value_and_grad(loss)(mesh_lib.to_varying(state.params))
    value, grads = jax.lax.pmean((value, grads), mesh_lib.DATA_AXIS)
    updates, opt_state = self.adam.update(grads, state.opt_state, state.params)
    rate = control["learning_rate"]
    return state.replace(
      step=state.step + 1,
      params=jax.tree.map(lambda p, u: p - rate * u, state.params, updates),
      model_state={"mean": state.model_state["mean"] + 1},
      opt_state=opt_state,
    ), {"loss": value}


@pytest.fixture
def compiled():
  """Names of what was compiled so far."""
  names: list[str] = []

  def listen(event, seconds, **fields):
    del seconds
    if event == _COMPILED:
      names.append(str(fields.get("fun_name", "")))

  jax.monitoring.register_event_duration_secs_listener(listen)
  yield names
  jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("snapshots", ["off", "replace"])
@pytest.mark.parametrize("parallel", ["jit", "pmap"])
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "streamed"])
def test_one_program_serves_every_epoch(compiled, cached, parallel, snapshots):
  rng = np.random.default_rng(0)
  columns = {
    "x": rng.normal(size=(ROWS, 3)).astype(np.float32),
    "y": rng.normal(size=(ROWS, 2)).astype(np.float32),
  }
  mesh = mesh_lib.make_mesh()
  task = _LeastSquares()
  step = steps.make_train_step(task, mesh, cached=cached, parallel=parallel)
  end_epoch = steps.make_end_epoch(snapshots)
  spread = jax.NamedSharding(mesh, jax.P(None, mesh_lib.DATA_AXIS))
  source = mesh_lib.replicate(mesh, columns)
  state = mesh_lib.replicate(mesh, task.init_state())
  counts = []
  for epoch in range(EPOCHS):
    rate = optim.learning_rate(OptimConfig(), epoch)
    control = steps.make_control(0, rate, epoch)
    control = mesh_lib.replicate(mesh, control)
    for rows in rng.permutation(ROWS).reshape(-1, BATCH).astype(np.int32):
      if not cached:
        batch = {name: x[rows][None] for name, x in columns.items()}
        source = jax.device_put(batch, spread)
      index = jax.device_put(rows[None], spread)
      state, figures = step(state, source, index, control)
    float(figures["loss"])
    state = end_epoch(state)
    int(state.step)
    counts.append(len(compiled))
  assert counts[0] > 0
  assert counts == [counts[0]] * EPOCHS, compiled
  assert int(state.step) == EPOCHS * ROWS // BATCH
  if parallel == "jit":
    assert step._cache_size() == 1


def test_the_listener_hears_another_shape(compiled):
  double = jax.jit(lambda x: 2 * x)
  double(np.ones(3, np.float32))
  first = len(compiled)
  double(np.ones(3, np.float32))
  assert len(compiled) == first > 0
  double(np.ones(4, np.float32))
  assert len(compiled) == first + 1
