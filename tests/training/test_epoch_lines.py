"""The learning rate that an epoch's steps get."""

from __future__ import annotations

import math
import types

import pytest

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import features, presets
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM
from bgm2pose_jax.training import epoch_lines


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_rate_falls_along_the_cosine_from_epoch_to_epoch(preset):
  """From 0.003 to 0.001 in 30 epochs, stepped per epoch (specification 5)."""
  config = config_lib.overlay(
    presets.get_config(preset), {"network.width": 0.03125}
  )
  spec = features.get_feature_set("logmel_intensity").spec
  task = SYSTEM.make_task(config, {"spec": spec.to_dict(), "tracks": ["haze"]})
  for epoch in range(30):
    run = types.SimpleNamespace(config=config, epoch=epoch, done=0, begun=None)
    control = epoch_lines.EpochLines(run, None, task, None).control()
    rate = 0.002 + 0.001 * math.cos(math.pi * epoch / 30)
    assert float(control["learning_rate"]) == pytest.approx(rate, rel=1e-6)
    assert int(control["epoch"]) == epoch
