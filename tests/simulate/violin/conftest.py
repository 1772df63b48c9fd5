"""Takes that several tests look at, made once."""

from __future__ import annotations

import functools

import pytest

from bgm2pose_jax.simulate.violin import performance, players


@pytest.fixture(scope="session")
def played():
  """A function (technique, player, seed, seconds) -> Performance."""

  @functools.cache
  def play(
    technique: str, player: str = "P01", seed: int = 3, seconds: float = 20.0
  ) -> performance.Performance:
    return performance.perform(
      players.draw_player(player, 0), technique, seconds, seed
    )

  return play
