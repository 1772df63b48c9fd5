"""Checkpoints: committed steps only, newest and best kept."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax import checkpoint, train_state
from bgm2pose_jax.errors import InputError


def _state(step: int, width: int = 3) -> train_state.TrainState:
  state = train_state.create(
    {"layer": {"kernel": jnp.arange(width, dtype=jnp.float32) + step}},
    {"mean": jnp.ones(2)},
    ({"mu": jnp.zeros(width)},),
    {"std": jnp.ones(4)},
    snapshots=2,
  )
  return state.replace(step=jnp.int32(step))


def _equal(a, b) -> bool:
  same = jax.tree.map(lambda x, y: bool((x == y).all()), a, b)
  return all(jax.tree.leaves(same))


@pytest.fixture
def saved(tmp_path):
  store = checkpoint.Checkpoints(tmp_path / "checkpoints", metric="error")
  for step, error in ((10, 0.5), (20, 0.2), (30, 0.4), (40, 0.3)):
    store.save(_state(step), {"error": error})
  yield tmp_path, store
  store.close()


def test_newest_and_best_are_kept(saved):
  folder, store = saved
  assert checkpoint.committed_steps(folder / "checkpoints") == [20, 40]
  assert store.latest() == 40
  assert store.best() == 20
  assert _equal(store.restore(20, _state(0)), _state(20))


def test_unfinished_saves_do_not_count(saved):
  folder, store = saved
  store.close()
  (folder / "checkpoints" / "90").mkdir()
  again = checkpoint.Checkpoints(folder / "checkpoints", metric="error")
  assert again.latest() == 40
  assert again.best() == 20
  assert not (folder / "checkpoints" / "90").exists()
  again.close()


def test_another_shape_is_refused(saved):
  _, store = saved
  with pytest.raises(InputError, match="opt_state/0/mu is float32"):
    store.restore(40, _state(0, width=5))


def test_weights_of_another_run(saved):
  folder, _ = saved
  fresh = _state(0)
  loaded = checkpoint.load_weights(str(folder), fresh)
  np.testing.assert_array_equal(
    loaded.params["layer"]["kernel"], _state(40).params["layer"]["kernel"]
  )
  assert int(loaded.step) == 0
  with pytest.raises(InputError, match="layer/kernel is float32"):
    checkpoint.load_weights(str(folder), _state(0, width=5))
  with pytest.raises(InputError, match="no finished checkpoint"):
    checkpoint.load_weights(str(folder / "nowhere"), fresh)
