"""The simulated data set: who plays what, and takes as they are stored."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.simulate.violin.techniques import TECHNIQUES
from bgm2pose_jax.systems.mapnet.simulated import plan


def test_every_player_plays_every_technique_when_there_is_room():
  count = len(TECHNIQUES)
  made = plan.takes(3, count, 10.0, 0)
  for player in ("P01", "P02", "P03"):
    played = [p.technique for p in made if p.player == player]
    assert sorted(played) == sorted(TECHNIQUES)


def test_with_few_takes_the_players_together_play_all():
  made = plan.takes(4, 4, 10.0, 0)
  assert {p.technique for p in made} == set(TECHNIQUES)


def test_names_and_scores_are_unique():
  made = plan.takes(3, 20, 10.0, 5)
  assert len({p.name for p in made}) == len({p.score_seed for p in made}) == 60
  assert made[0].name == "P01T01"
  assert made[-1].name == "P03T20"
  other = plan.takes(3, 20, 10.0, 6)
  assert not {p.score_seed for p in made} & {p.score_seed for p in other}


def test_a_take_is_what_the_record_says():
  made = plan.make(plan.takes(1, 1, 4.0, 0)[0])
  assert made.pose_m.shape == (200, 13, 3)
  assert made.pose_m.dtype == np.float32
  assert made.sound.shape == (4 * 44100,)
  assert made.sound.dtype == np.float32
  assert made.sample_rate_hz == 44100
  assert 0.5 < np.abs(made.sound).max() <= 0.72
  toe = np.median(made.pose_m[:, BODY13.index("LTOE")], axis=0)
  np.testing.assert_allclose(toe, 0, atol=1e-7)
  assert made.pose_m[:, BODY13.index("C7"), 1].min() > 1.1


def test_a_take_follows_from_its_plan_alone():
  one = plan.takes(2, 13, 3.0, 0)[15]
  again = plan.make(one)
  plan.make(plan.takes(2, 13, 3.0, 0)[3])
  same = plan.make(one)
  np.testing.assert_array_equal(again.pose_m, same.pose_m)
  np.testing.assert_array_equal(again.sound, same.sound)
  other = plan.make(dataclasses.replace(one, score_seed=one.score_seed + 1))
  assert np.abs(other.pose_m - same.pose_m).max() > 0.05
  assert np.abs(other.sound - same.sound).max() > 0.1


@pytest.mark.parametrize(
  ("numbers", "words"),
  [
    ((0, 1, 10.0, 0), "players: is 0"),
    ((1, 0, 10.0, 0), "takes_per_player: is 0"),
    ((1, 1, 0.5, 0), "take_s: is 0.5"),
    ((1, 1, float("nan"), 0), "take_s: is nan"),
    ((1, 1, 10.0, -1), "seed: is -1"),
  ],
)
def test_what_cannot_be_planned_is_refused(numbers, words):
  with pytest.raises(InputError, match=words):
    plan.takes(*numbers)
