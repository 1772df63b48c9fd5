"""Level and room of a recording beside those of a training."""

from __future__ import annotations

import types

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import training_sound
from bgm2pose_jax.systems.bgm2pose.features import (
  logmel_intensity,
  music_kernel,
)

SPEC = logmel_intensity.SPEC
FRAMES = 240


def room(seed: int) -> np.ndarray:
  """dB that each channel has over the music in each band, [f, channel]."""
  return np.random.default_rng([7, seed]).normal(0, 3, (SPEC.bands, 4))


def features(which: int, *, seed: int = 0, gain_db: float = 0.0) -> np.ndarray:
  """[frames, f, c] of some music in a room, with a person who moves in it."""
  rng = np.random.default_rng(seed)
  music = rng.normal(-30, 8, (FRAMES, SPEC.bands, 1))
  out = np.zeros((FRAMES, SPEC.bands, len(SPEC.channels)), np.float32)
  out[:, :, 4:6] = music
  moves = rng.normal(0, 1.5, (1, SPEC.bands, 4))
  out[:, :, :4] = music + room(which) + moves + gain_db
  return out


@pytest.fixture(scope="module")
def known():
  parts = [features(0, seed=seed).reshape(20, 12, 128, 9) for seed in (1, 2)]
  table = types.SimpleNamespace(
    spec=SPEC,
    features=np.concatenate(parts),
    recording=np.repeat([0, 1], 20),
  )
  found = training_sound.of_training(table, np.arange(40))
  return training_sound.read(found)


def test_another_recording_in_the_room_is_like_them(known):
  found = training_sound.compare(features(0, seed=3), SPEC, known)
  assert not found.is_other_room
  assert not found.is_other_level
  assert found.room > 0.6


def test_another_room_is_told(known):
  found = training_sound.compare(features(1, seed=3), SPEC, known)
  assert found.is_other_room
  assert not found.is_other_level


@pytest.mark.parametrize("gain_db", [-12, 12])
def test_another_level_is_told_with_its_side(known, gain_db):
  found = training_sound.compare(
    features(0, seed=3, gain_db=gain_db), SPEC, known
  )
  assert found.is_other_level
  assert found.level_db == pytest.approx(gain_db, abs=1)
  assert not found.is_other_room


def test_channels_in_another_order_are_no_room_of_the_training(known):
  turned = features(0, seed=3)
  turned[:, :, :4] = turned[:, :, [0, 2, 3, 1]]
  assert training_sound.compare(turned, SPEC, known).is_other_room


def test_where_nobody_can_tell_nothing_is_said(known):
  assert training_sound.compare(features(0), SPEC, None) is None
  assert training_sound.compare(features(0)[:9], SPEC, known) is None
  kernel = music_kernel.SPEC
  made = np.zeros((FRAMES, kernel.bands, len(kernel.channels)), np.float32)
  assert training_sound.compare(made, kernel, known) is None
  table = types.SimpleNamespace(
    spec=kernel, features=made[None], recording=np.zeros(1, int)
  )
  assert training_sound.of_training(table, np.arange(1)) is None


def test_a_broken_record_is_refused(known):
  for value in ({}, 3, {**known, "room": ["a", "b"]}, {**known, "least": "x"}):
    with pytest.raises(InputError, match="what the training sounded like"):
      training_sound.read(value)
  assert training_sound.read({"method": 99}) is None
