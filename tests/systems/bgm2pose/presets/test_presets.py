"""Every field of the presets at full width, against the specification."""

from __future__ import annotations

import pytest

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import presets

# Key -> (paper, official). A row without a section is a choice of this code:
# of how a run is carried out, or of data that the specification leaves open.
FIELDS = {
  "preset": ("paper", "official"),  # specification, head
  "setting": ("single", "single"),  # specification 3
  "model": ("bgm2pose", "bgm2pose"),  # specification 4
  "ablation": ("none", "none"),  # specification 7
  "test_track": (None, None),  # specification 3: all three are run
  "test_subject": (None, None),  # specification 3: all folds are run
  "fold": (0, 0),  # specification 3
  "fold_by": ("subject", "subject"),  # specification 3
  "seed": (0, 0),  # specification 3: seeds 0, 1, 2
  "init_from": (None, None),  # specification 5: trained from scratch
  "network.width": (1.0, 1.0),  # specification 4: 64, 128, 256 channels
  "network.frequency_attention": (True, True),  # specification 4.3
  "network.music_conditioning": (True, True),  # specification 4.2
  "network.contrastive": (True, True),  # specification 4, CPE heads
  "network.fa_query": ("audio", "music"),  # specification 9.1
  "network.fa_heads": (1, 8),  # specification 9.2
  "network.fa_residual": (False, True),  # specification 9.3
  "network.tf_merge": ("permute", "view"),  # specification 9.5
  "network.contrastive_heads": (8, 8),  # specification 4, CPE heads
  "network.dropout": (0.0, 0.0),  # specification 4.7 and 5
  "network.attention_dropout": (0.1, 0.1),  # specification 4.3
  "network.stem_pool": (1, 1),  # specification 4.2: no pooling
  "data.dataset": ("ampl/simulated", "ampl/simulated"),
  "data.ampl_dir": (None, None),
  "data.mocap_dir": (None, None),
  "data.joint_map": (None, None),
  "data.music_dir": (None, None),
  "data.feature_set": ("logmel_intensity",) * 2,  # specification 2.2
  "data.static_response": ("whole", "whole"),
  "data.ambisonic_format": (None, None),  # specification 2: not stated
  "data.channel_order": (None, None),  # specification 2: W, X, Y, Z
  "data.noise_snr_db": (None, None),  # specification 2.4: default clean
  "data.feature_norm": ("track_channel",) * 2,  # specification 2.6
  "data.norm_stats": ("table", "table"),  # specification 2.6
  "data.inputs": (None, None),  # specification 4.1: the network's own
  "data.context_frames": (0, 0),  # specification 1: 0.6 s in
  "data.heading": ("room", "room"),
  "data.pose_norm": ("none", "none"),  # specification 2.5
  "data.validation_fraction": (0.1, 0.1),
  "data.simulate.subjects": (7, 7),
  "data.simulate.minutes": (5.0, 5.0),
  "data.simulate.seed": (0, 0),
  "data.simulate.snr_db": (40.0, 40.0),
  "data.simulate.performers": (0, 0),
  "data.simulate.scene": ("plain", "plain"),
  "batch.size": (64, 64),  # specification 5
  "batch.grouping": ("segment", "segment"),  # specification 5.1
  "batch.dedup": (True, False),  # specification 5.1: the code repeats samples
  "batch.workers": (0, 0),
  "batch.device_cache": ("auto", "auto"),
  "batch.cache_budget_gib": (4.0, 4.0),
  "loss.smoothness": (100.0, 100.0),  # specification 5 and 9.8
  "loss.contrastive": (1.0, 1.0),  # specification 5
  "loss.contrastive_scale": (14.286, 2.659),  # specification 9.4
  "optim.optimizer": ("adam", "adam"),  # specification 5
  "optim.learning_rate": (0.003, 0.003),  # specification 5
  "optim.learning_rate_min": (0.001, 0.001),  # specification 5
  "optim.schedule": ("cosine", "cosine"),  # specification 5
  "optim.schedule_by": ("epoch", "epoch"),  # specification 5
  "optim.decay": (1.0, 1.0),
  "optim.epochs": (30, 30),  # specification 5
  "optim.steps_per_epoch": (None, None),  # specification 5.1: (N - 1) // 64
  "optim.weight_decay": (0.0, 0.0),  # specification 5
  "optim.clip_norm": (None, None),  # specification 5: plain Adam
  "optim.snapshot_average": ("off", "replace"),  # specification 5.2 and 9.8
  "optim.snapshots": (3, 3),  # specification 5.2
  "optim.input_noise": (0.0, 0.0),  # specification 5: no augmentation
  "optim.max_skipped_steps": (10, 10),
  "run.parallel": ("jit", "jit"),
  # No specification: PyTorch's default is each device's own.
  "run.batch_norm": ("global", "global"),
  "run.compute_dtype": ("float32", "float32"),  # specification 5
  "run.steps_per_dispatch": (None, None),
  "run.eval_batch": (128, 128),
  "run.log_every_steps": (20, 20),
  "run.validate_every_epochs": (1, 1),
  "run.save_every_epochs": (1, 1),
  "run.report_weights": ("final", "final"),  # specification 5.2
}
# What becomes of these fields for a network that BGM2Pose is compared with.
RIVAL_FIELDS = {
  "batch.size": 256,  # specification 8
  "optim.epochs": 50,  # specification 8
  "batch.grouping": "random",  # specification 5.1: BGM2Pose's own
  "batch.dedup": True,
  "loss.contrastive": 0.0,  # specification 5: BGM2Pose's own
}
# Rival -> its own fields, (paper, official).
RIVAL_NETWORKS = {
  "wipose": {"width": (1.0, 1.0)},  # specification 8.1
  "speech2gesture": {
    "width": (1.0, 1.0),  # specification 8.2
    "tf_merge": ("permute", "view"),  # specification 9.5
    "adversary": ("off", "off"),  # specification 8.2: default off
    "adversary_ratio": (1.0, 1.0),  # specification 8.2: lambda
    "critic_learning_rate": (1e-4, 1e-4),  # specification 8.2
  },
  "acousticpose": {
    "width": (1.0, 1.0),  # specification 8.3
    "tf_merge": ("permute", "view"),  # specification 9.5
    "adversary": ("std", "std"),  # specification 8.3
    "adversary_ratio": (1.0, 1.0),  # specification 8.3
    "adversary_epochs": (35, 35),  # specification 8.3
    "critic_learning_rate": (1e-3, 1e-3),  # specification 8.3
    "subject_labels": ("dense", "dense"),  # specification 8.3
  },
}
PRESETS = ("paper", "official")


def _compared(found):
  """The scale of the cosines as the specification writes it."""
  scale = "loss.contrastive_scale"
  return {**found, scale: round(found[scale], 3)}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_is_the_specifications(preset):
  found = config_lib.flatten(presets.get_config(preset))
  column = PRESETS.index(preset)
  assert _compared(found) == {key: row[column] for key, row in FIELDS.items()}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", RIVAL_NETWORKS)
def test_every_field_of_a_rival_is_the_specifications(preset, model):
  found = config_lib.flatten(presets.get_config(preset, model))
  column = PRESETS.index(preset)
  wanted = {
    key: row[column]
    for key, row in FIELDS.items()
    if not key.startswith("network.")
  }
  own = RIVAL_NETWORKS[model]
  wanted |= {f"network.{key}": row[column] for key, row in own.items()}
  wanted |= {**RIVAL_FIELDS, "model": model}
  assert _compared(found) == wanted
