"""The compiled steps: they learn, they guard, and all paths agree."""

from __future__ import annotations

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import window_table

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.evaluation import predict_rows
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import steps

WINDOWS, BATCH = 48, 8


def _config(**changes):
  base = {
    "network.width": 0.03125,
    "network.stem_pool": 8,
    "batch.size": BATCH,
    "optim.input_noise": 0.1,
  }
  return config_lib.overlay(presets.get_config("demo"), base | changes)


def _table(seed: int = 0) -> MusicWindows:
  """Windows whose left hand's height is written into the recording's bands."""
  rng = np.random.default_rng(seed)
  code = rng.uniform(-1, 1, (WINDOWS, 12)).astype(np.float32)
  x = rng.normal(-30, 3, (WINDOWS, 12, 128, 9)).astype(np.float32)
  x[..., :64, 0] += 10 * code[..., None]
  pose = np.zeros((WINDOWS, 12, 21, 3), np.float32)
  pose[..., 8, 1] = 10 + 3 * code
  return window_table.one_recording(x, pose)


@pytest.fixture(scope="module")
def setup():
  """One task, one mesh and one compiled step, shared by the tests below."""
  table, config = _table(), _config()
  task = PoseFromMusic(config, table.spec, 1)
  mesh = mesh_lib.make_mesh()
  state = task.init_state(0, task.fit(table, np.arange(WINDOWS)))
  train_step = steps.make_train_step(task, mesh, cached=True)
  cache = device_cache.put(table, task.fields)
  control = steps.make_control(0, 3e-3, 0)

  def copy():
    # The step takes its state's memory over.
    return mesh_lib.replicate(mesh, jax.tree.map(jnp.array, state))

  return types.SimpleNamespace(
    table=table,
    config=config,
    task=task,
    mesh=mesh,
    copy=copy,
    step=train_step,
    cache=cache,
    control=control,
  )


def _index(start: int) -> jnp.ndarray:
  rows = (np.arange(BATCH) + start * BATCH) % WINDOWS
  return jnp.asarray(rows[None], jnp.int32)


def _same(a, b) -> bool:
  return all(
    jax.tree.leaves(jax.tree.map(lambda x, y: bool((x == y).all()), a, b))
  )


def test_it_learns_a_planted_code_in_one_program(setup):
  state, losses = setup.copy(), []
  for i in range(60):
    state, figures = setup.step(state, setup.cache, _index(i), setup.control)
    losses.append(float(figures["loss_pose"]))
  assert np.mean(losses[-6:]) < 0.5 * np.mean(losses[:6])
  assert int(state.step) == 60
  assert int(state.skipped) == 0
  assert setup.step._cache_size() == 1


def test_same_seed_same_bytes_and_other_seed_other(setup):
  runs = []
  for seed in (0, 0, 1):
    control = setup.control | {"seed": jnp.uint32(seed)}
    state = setup.copy()
    for i in range(2):
      state, _ = setup.step(state, setup.cache, _index(i), control)
    runs.append(state.params)
  assert _same(runs[0], runs[1])
  assert not _same(runs[0], runs[2])


def test_a_non_finite_batch_changes_nothing_but_the_counters(setup):
  poisoned = setup.cache | {
    "features": setup.cache["features"].at[0, 0, 0, 0].set(jnp.nan)
  }
  before = setup.copy()
  state, figures = setup.step(setup.copy(), poisoned, _index(0), setup.control)
  assert not np.isfinite(float(figures["loss"]))
  assert int(state.skipped) == 1
  assert int(state.step) == 1
  for name in ("params", "model_state", "opt_state"):
    assert _same(getattr(state, name), getattr(before, name))


def test_streamed_batches_give_the_cached_result(setup):
  streamed = steps.make_train_step(setup.task, setup.mesh, cached=False)
  index = _index(2)
  rows = np.asarray(index[0])
  batch = {
    name: jnp.asarray(setup.table.column(name)[rows])[None]
    for name in setup.task.fields
  }
  one, _ = setup.step(setup.copy(), setup.cache, index, setup.control)
  other, _ = streamed(setup.copy(), batch, index, setup.control)
  for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(other.params)):
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_several_steps_in_one_dispatch_are_the_same_steps(setup):
  both = jnp.concatenate([_index(0), _index(1)])
  together, figures = setup.step(setup.copy(), setup.cache, both, setup.control)
  apart, losses = setup.copy(), []
  for i in range(2):
    apart, one = setup.step(apart, setup.cache, _index(i), setup.control)
    losses.append(float(one["loss"]))
  assert int(together.step) == 2
  assert float(figures["loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
  # Adam's first steps move every weight by about the learning rate, 3e-3.
  for a, b in zip(
    jax.tree.leaves(together.model_state), jax.tree.leaves(apart.model_state)
  ):
    np.testing.assert_allclose(a, b, atol=1e-3, rtol=1e-3)


def test_bfloat16_computes_with_a_float32_state(setup):
  config = _config(**{"run.compute_dtype": "bfloat16"})
  task = PoseFromMusic(config, setup.table.spec, 1)
  step = steps.make_train_step(task, setup.mesh, cached=True)
  state, figures = step(setup.copy(), setup.cache, _index(0), setup.control)
  _, exact = setup.step(setup.copy(), setup.cache, _index(0), setup.control)
  assert {x.dtype for x in jax.tree.leaves(state.params)} == {
    jnp.dtype("float32")
  }
  assert {x.dtype for x in jax.tree.leaves(state.model_state)} == {
    jnp.dtype("float32")
  }
  assert float(figures["loss"]) != float(exact["loss"])
  assert float(figures["loss"]) == pytest.approx(float(exact["loss"]), rel=0.03)


def test_padded_last_batch_is_exact(setup):
  predict = steps.make_predict_step(setup.task, setup.mesh)
  rows = np.arange(WINDOWS)
  arguments = {
    "fields": [f for f in setup.task.fields if f != "pose"],
    "mesh": setup.mesh,
  }
  state = setup.copy()

  def predicted(rows):
    found = predict_rows.batches(
      predict, state, setup.table, rows, batch_size=16, **arguments
    )
    return np.concatenate([part for _, part in found])

  whole, part = predicted(rows), predicted(rows[:21])
  assert part.shape == (21, 12, 21, 3)
  np.testing.assert_array_equal(part, whole[:21])


def test_keys_depend_on_the_position_in_the_global_batch():
  mesh = mesh_lib.make_mesh()
  draw = mesh_lib.over_devices(
    lambda seed, step: jax.random.key_data(steps.example_keys(seed, step, 4)),
    mesh,
    in_axes=(None, None),
    out_axes=0,
  )
  first = np.asarray(draw(jnp.uint32(0), jnp.int32(5)))
  assert len({tuple(row) for row in first}) == 4
  again = np.asarray(draw(jnp.uint32(0), jnp.int32(6)))
  assert not (first == again).all()


def test_centred_targets_are_undone_in_predictions(setup):
  state = setup.copy()
  mean = setup.table.pose.mean(axis=(0, 1))
  np.testing.assert_allclose(state.statistics["pose_mean"], mean, atol=1e-5)
  plain = PoseFromMusic(
    _config(**{"data.pose_norm": "none"}), setup.table.spec, 1
  )
  statistics = plain.fit(setup.table, np.arange(WINDOWS))
  assert not statistics["pose_mean"].any()
