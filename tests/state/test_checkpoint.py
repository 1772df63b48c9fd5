"""Checkpoints: sealed steps only; two newest and the best kept."""

from __future__ import annotations

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.state import checkpoint, train_state
from bgm2pose_jax.state.step_folders import Best


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
  store = checkpoint.Checkpoints(tmp_path / "checkpoints", best=Best("error"))
  for step, error in ((10, 0.5), (20, 0.2), (30, 0.4), (40, 0.3)):
    store.save(_state(step), {"error": error})
  store.wait()
  yield tmp_path, store
  store.close()


def test_two_newest_and_best_are_kept(saved):
  folder, store = saved
  assert checkpoint.committed_steps(folder / "checkpoints") == [20, 30, 40]
  assert store.latest() == 40
  assert store.best() == 20
  assert _equal(store.restore(20, _state(0)), _state(20))
  store.save(_state(50), {"error": 0.6})
  assert store.latest() == 50
  assert checkpoint.committed_steps(folder / "checkpoints") == [20, 40, 50]


def test_a_passing_state_displaces_nothing_and_goes(saved):
  folder, store = saved
  steps = functools.partial(checkpoint.committed_steps, folder / "checkpoints")
  store.save(_state(43), None, {"a": 1}, passing=True)
  assert store.latest() == 43
  assert store.facts(43) == {"a": 1}
  assert store.best() == 20
  assert steps() == [20, 30, 40, 43]
  # The same step again, as after an epoch's end.
  store.save(_state(43), {"error": 0.6})
  store.wait()
  assert steps() == [20, 40, 43]
  store.save(_state(44), None, passing=True)
  store.save(_state(50), {"error": 0.1})
  store.wait()
  assert steps() == [43, 50]


def test_a_step_that_was_to_be_deleted_is(saved):
  folder, store = saved
  place = folder / "checkpoints"
  shutil.copytree(place / "30", folder / "30")
  store.save(_state(50), {"error": 0.6})
  store.close()
  # As if killed before it came to that.
  (folder / "30").rename(place / "30")
  checkpoint.Checkpoints(place, best=Best("error")).close()
  assert checkpoint.committed_steps(place) == [20, 40, 50]


def test_unfinished_saves_do_not_count(saved):
  folder, store = saved
  store.close()
  place = folder / "checkpoints"
  shutil.copytree(place / "40", place / "saving-50")
  shutil.copytree(place / "40", place / "saving-50.orbax-checkpoint-tmp")
  (place / "deleted-10").mkdir()
  # Killed between the two renames of a step that is saved again.
  (place / "30").rename(place / "replaced-30")
  again = checkpoint.Checkpoints(place, best=Best("error"))
  assert again.latest() == 40
  assert again.best() == 20
  again.close()
  assert sorted(p.name for p in place.iterdir()) == ["20", "30", "40"]


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
  with pytest.raises(InputError, match="no such folder"):
    checkpoint.load_weights(str(folder / "nowhere"), fresh)
