"""Each ablation takes out the part that the paper's table names."""

from __future__ import annotations

import pytest

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.presets import ablations

# Specification 7; batches from anywhere are specification 5.1.
CHANGES = {
  "none": {},
  "no_cpe": {"network.contrastive": False, "loss.contrastive": 0.0},
  "no_hard_negatives": {"batch.grouping": "random"},
  "no_fa": {"network.frequency_attention": False},
  "no_bgm": {"data.inputs": "recording", "network.music_conditioning": False},
  "music_only": {"data.inputs": "music"},
}


@pytest.mark.parametrize("preset", ["paper", "official"])
@pytest.mark.parametrize("name", ablations.ABLATIONS)
def test_an_ablation_is_the_preset_with_these_changes(preset, name):
  plain = presets.get_config(preset)
  found = config_lib.flatten(ablations.apply(plain, name))
  wanted = config_lib.flatten(plain) | CHANGES[name] | {"ablation": name}
  assert found == wanted
