"""Snapshots: averaged as written down, whatever their number."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.state import train_state


def _state(value: float, snapshots: int = 3) -> train_state.TrainState:
  params = {"w": jnp.full((2,), value)}
  return train_state.create(
    params, {"mean": jnp.full((1,), -value)}, (), {}, snapshots=snapshots
  )


def _at(state, value: float):
  return state.replace(
    params={"w": jnp.full((2,), value)},
    model_state={"mean": jnp.full((1,), -value)},
  )


@pytest.mark.parametrize("values", [(1.0,), (1.0, 4.0), (1.0, 4.0, 7.0, 10.0)])
def test_eval_only_averages_the_last_three(values):
  state = _state(0.0)
  for value in values:
    state = train_state.end_epoch(_at(state, value), "eval_only")
    np.testing.assert_array_equal(state.params["w"], [value] * 2)
  mean = np.mean(values[-3:])
  got = train_state.averaged(state)
  np.testing.assert_allclose(got.params["w"], [mean] * 2)
  np.testing.assert_allclose(got.model_state["mean"], [-mean])


def test_replace_trains_on_from_the_mean_of_raw_snapshots():
  state = train_state.end_epoch(_at(_state(0.0), 1.0), "replace")
  state = train_state.end_epoch(_at(state, 4.0), "replace")
  # The second snapshot is the raw 4, not the mean.
  np.testing.assert_allclose(state.params["w"], [2.5] * 2)
  state = train_state.end_epoch(_at(state, 7.0), "replace")
  np.testing.assert_allclose(state.params["w"], [4.0] * 2)


def test_off_and_no_snapshot_change_nothing():
  state = _at(_state(0.0, snapshots=0), 5.0)
  assert train_state.end_epoch(state, "off") is state
  np.testing.assert_array_equal(
    train_state.averaged(state).params["w"], [5.0] * 2
  )
  fresh = train_state.averaged(_at(_state(0.0), 5.0))
  np.testing.assert_array_equal(fresh.params["w"], [5.0] * 2)
