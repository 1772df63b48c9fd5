"""Inverse kinematics of both arms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bgm2pose_jax.simulate.violin import arms, instrument, players


def test_two_bones_keep_their_lengths_and_point_out():
  rng = np.random.default_rng(0)
  root = rng.normal(size=(200, 3))
  target = root + 0.3 * rng.normal(size=(200, 3)).clip(-0.8, 0.8)
  pole = rng.normal(size=(200, 3))
  distance = np.linalg.norm(target - root, axis=-1)
  keep = distance > 0.05
  root, target, pole = root[keep], target[keep], pole[keep]
  middle = arms.two_bones(root, target, pole, 0.5, 0.46)
  upper = np.linalg.norm(middle - root, axis=-1)
  lower = np.linalg.norm(target - middle, axis=-1)
  np.testing.assert_allclose(upper, 0.5, atol=1e-12)
  np.testing.assert_allclose(lower, 0.46, atol=1e-12)
  line = (target - root) / np.linalg.norm(target - root, axis=-1, keepdims=True)
  out = (middle - root) - np.sum((middle - root) * line, -1)[:, None] * line
  assert np.all(np.sum(out * pole, axis=-1) > 0)


@pytest.mark.parametrize("distance", [0.97, 0.03])
def test_out_of_reach_is_said_and_not_clamped(distance):
  with pytest.raises(arms.OutOfReachError, match=r"reach 0\.040 to 0\.960"):
    arms.two_bones(
      np.zeros((1, 3)), np.array([[distance, 0, 0]]), np.eye(3)[1], 0.5, 0.46
    )


def test_violin_axes_are_square_and_point_as_named():
  player = players.draw_player("P01", 0)
  axes = arms.violin_axes(player, np.zeros(1), np.zeros(1))[0]
  np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
  right, up, scroll = axes
  assert scroll[0] > 0.3
  assert scroll[2] > 0.3
  assert right[0] < 0
  assert right[1] < 0
  assert up[1] > 0.5


def test_shoulders_keep_their_distance_to_c7():
  player = players.draw_player("P02", 0)
  lifts = np.linspace(-0.2, 0.3, 50)
  for side in (-1.0, 1.0):
    length = np.linalg.norm(arms.shoulders(player, lifts, side), axis=-1)
    np.testing.assert_allclose(length, length[0], atol=1e-12)


def test_players_use_what_their_arms_allow():
  hair = {}
  for number in range(99):
    player = players.draw_player(f"P{number:02d}", 7)
    low, high = arms.usable_hair_m(player)
    assert 0.0 < low < 0.1
    assert 0.35 < high < instrument.HAIR_M
    hair[high] = player.upper_arm_m + player.forearm_m
  short, long = (hair[f(hair)] for f in (min, max))
  assert long > short


def test_too_short_an_arm_is_refused():
  player = players.draw_player("P01", 0)
  child = dataclasses.replace(player, upper_arm_m=0.2, forearm_m=0.17)
  with pytest.raises(arms.OutOfReachError, match="P01 can use"):
    arms.usable_hair_m(child)
