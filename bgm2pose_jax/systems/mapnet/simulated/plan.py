"""Which takes the simulated data set has, and how one is made.

  for plan in takes(players=4, takes_per_player=13, take_s=25.0, seed=0):
    take = make(plan)

A take is a function of its plan alone. What the simulation is not:
`bgm2pose_jax.simulate.violin`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.simulate.violin.performance import SAMPLE_RATE_HZ, perform
from bgm2pose_jax.simulate.violin.players import draw_player
from bgm2pose_jax.simulate.violin.techniques import TECHNIQUES
from bgm2pose_jax.systems.mapnet.take import Take


@dataclasses.dataclass(frozen=True)
class TakePlan:
  """One take to be made.

  Attributes:
    name: unique within the data set, such as `P01T03`.
    player: who plays, such as `P01`.
    technique: a name in `TECHNIQUES`.
    take_s: length, seconds.
    population_seed: seed of the players.
    score_seed: seed of everything else in the take.
  """

  name: str
  player: str
  technique: str
  take_s: float
  population_seed: int
  score_seed: int


def takes(
  players: int, takes_per_player: int, take_s: float, seed: int
) -> tuple[TakePlan, ...]:
  """Plans of all takes, player by player.

  Techniques are dealt in turn, and each player starts where the one before
  stopped: with fewer takes than techniques a player misses some, but the
  players together play all. A technique played again has another score.

  Args:
    players: number of players, 1 to 99.
    takes_per_player: number of takes of each, 1 to 999.
    take_s: length of a take, 1 to 3600 seconds.
    seed: seed of the data set, not negative.

  Raises:
    InputError: if a number is out of its range.
  """
  _in_range("players", players, 1, 99)
  _in_range("takes_per_player", takes_per_player, 1, 999)
  _in_range("take_s", take_s, 1, 3600)
  _in_range("seed", seed, 0, 2**31)
  names = tuple(TECHNIQUES)
  plans = []
  for p in range(players):
    for t in range(takes_per_player):
      number = p * takes_per_player + t
      plans.append(
        TakePlan(
          name=f"P{p + 1:02d}T{t + 1:02d}",
          player=f"P{p + 1:02d}",
          technique=names[number % len(names)],
          take_s=float(take_s),
          population_seed=seed,
          score_seed=seed * 100_000 + number,
        )
      )
  return tuple(plans)


def make(plan: TakePlan) -> Take:
  """Simulates one take, in about 0.3 s of one core per minute of playing.

  Args:
    plan: the plan from `takes`.
  """
  player = draw_player(plan.player, plan.population_seed)
  played = perform(player, plan.technique, plan.take_s, plan.score_seed)
  return Take(
    name=plan.name,
    player=plan.player,
    technique=plan.technique,
    pose_m=from_left_toe(played.stage.pose_m).astype(np.float32),
    sound=played.sound,
    sample_rate_hz=SAMPLE_RATE_HZ,
  )


def from_left_toe(pose_m: np.ndarray) -> np.ndarray:
  """Moves poses [t, 13, 3] so that the median left toe is the origin."""
  return pose_m - np.median(pose_m[:, BODY13.index("LTOE")], axis=0)


def _in_range(name: str, value: float, low: float, high: float) -> None:
  if not low <= value <= high:
    raise InputError(name, f"is {value}", f"give {low} to {high}")
