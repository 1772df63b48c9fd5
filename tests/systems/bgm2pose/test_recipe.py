from __future__ import annotations

import pytest

from bgm2pose_jax.systems.bgm2pose import recipe
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe


def _digest(made: Recipe, source: str = "a") -> str:
  return recipe.recordings_digest(
    {"format": 1, **made.identity(), "raw": source}
  )


@pytest.mark.parametrize(
  "other",
  [
    Recipe(feature_set="music_kernel"),
    Recipe(feature_set="music_kernel", static_response="causal"),
    Recipe(noise_snr_db=10.0),
  ],
)
def test_recordings_are_the_same_whatever_is_made_of_their_sound(other):
  assert _digest(other) == _digest(recipe.DEFAULT)
  assert _digest(other, "b") != _digest(recipe.DEFAULT)


def test_other_poses_of_a_recording_are_other_recordings():
  other = Recipe(pose_resample="mean6")
  assert _digest(other) != _digest(recipe.DEFAULT)
