"""Every network takes every feature set: channels are data, not code."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import features, presets
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic


def _table(spec, windows: int = 6) -> MusicWindows:
  rng = np.random.default_rng(0)
  zeros = np.zeros(windows, np.int32)
  shape = (windows, spec.window_frames, spec.bands, len(spec.channels))
  return MusicWindows(
    features=rng.normal(size=shape).astype(np.float32),
    pose=rng.normal(size=(windows, 12, 21, 3)).astype(np.float32),
    subject=np.arange(windows, dtype=np.int32) % 2,
    track=zeros,
    genre=zeros,
    recording=np.arange(windows, dtype=np.int32) % 2,
    label=zeros,
    window_index=np.arange(windows, dtype=np.int32),
    valid=np.ones(windows, bool),
    has_pose=np.ones(windows, bool),
    subjects=("0", "1"),
    tracks=("haze",),
    genres=("ambient",),
    recordings=("a", "b"),
    labels=("wave",),
    spec=spec,
    simulated=True,
    fingerprint="0",
  )


@pytest.mark.parametrize("feature_set", list(features.FEATURE_SETS))
@pytest.mark.parametrize(
  "model", ["bgm2pose", "acousticpose", "speech2gesture", "wipose"]
)
def test_a_network_takes_a_feature_set(model, feature_set):
  spec = features.get_feature_set(feature_set).spec
  config = config_lib.overlay(
    presets.get_config("demo", model), {"data.feature_set": feature_set}
  )
  task = PoseFromMusic(config, spec, num_tracks=1)
  table = _table(spec)
  statistics = task.fit(table, np.arange(6))
  state = task.state_shapes(statistics)
  batch = {
    "features": jnp.asarray(table.features),
    "track": jnp.asarray(table.track),
    "recording": jnp.asarray(table.recording),
  }
  # Shapes alone: what each network computes is tested where it is.
  pose = jax.eval_shape(task.predict, state, batch)
  assert pose.shape == (6, 12, 21, 3)
