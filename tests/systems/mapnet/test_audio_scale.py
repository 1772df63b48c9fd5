"""Audio is scaled by what training windows hold, in training and in use."""

from __future__ import annotations

import types

import jax
import numpy as np

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.mapnet.system import make_config
from bgm2pose_jax.systems.mapnet.task import RefinePoses

SMALL = {
  "network.width": 8,
  "network.heads": 2,
  "network.mlp": 8,
  "network.branch_layers": 1,
  "network.fusion_layers": 1,
}
ROWS = np.array([0, 2, 3])


def _task(scale, **changes):
  config = make_config("demo", "mapnet", "none")
  changes = SMALL | {"data.audio_scale": scale} | changes
  return RefinePoses(schema.overlay(config, changes))


def _table(seed=0):
  rng = np.random.default_rng(seed)
  spread = rng.uniform(0.1, 3, 35)
  audio = rng.normal(rng.normal(size=35), spread, (4, 150, 35))
  audio[..., 33] = 0  # no peak was played
  return types.SimpleNamespace(
    audio=audio.astype(np.float32),
    pose=rng.normal(size=(4, 150, 13, 3)).astype(np.float32),
  )


def test_columns_of_training_windows_get_mean_zero_and_deviation_one():
  table = _table()
  statistics = _task("training").fit(table, ROWS)
  known = table.audio[ROWS].reshape(-1, 35).astype(np.float64)
  np.testing.assert_allclose(statistics["audio_mean"], known.mean(0), rtol=1e-6)
  wanted = np.where(np.arange(35) == 33, 1, known.std(0))
  np.testing.assert_allclose(statistics["audio_std"], wanted, rtol=1e-6)
  pose = table.pose[ROWS].mean((0, 1), dtype=np.float64)
  np.testing.assert_allclose(statistics["pose_mean"], pose, atol=1e-7)


def test_training_and_use_scale_alike():
  table = _table()
  scaled, plain = _task("training"), _task("take")
  statistics = scaled.fit(table, ROWS)
  assert "audio_mean" not in plain.fit(table, ROWS)
  batch = {
    "pose": table.pose,
    "audio": table.audio,
    "swaps": np.zeros((4, 1, 4), np.float32),
    "noise_key": np.zeros(4, np.int32),
    "first_frame": np.zeros(4, np.int32),
  }
  keys = jax.random.split(jax.random.key(0), 4)
  _, audio = scaled.training_inputs(statistics, batch, keys)
  wanted = table.audio - statistics["audio_mean"]
  wanted = wanted / statistics["audio_std"]
  np.testing.assert_allclose(audio, wanted, atol=1e-5)
  poses = table.pose[:, :50]
  state = scaled.init_state(0, statistics)
  out = scaled.refine(state, poses, table.audio)
  # The same weights given what was scaled by hand.
  np.testing.assert_allclose(plain.refine(state, poses, wanted), out, atol=1e-5)
  assert not np.allclose(plain.refine(state, poses, table.audio), out)


def test_no_sound_is_zeros_under_any_scale():
  table = _table()
  task = _task("training", **{"data.audio": "none"})
  statistics = task.fit(table, ROWS)
  state = task.init_state(0, statistics)
  heard = task.refine(state, table.pose[:, :50], table.audio)
  unheard = task.refine(state, table.pose[:, :50], 0 * table.audio)
  np.testing.assert_array_equal(heard, unheard)
