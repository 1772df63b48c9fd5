"""The paper's ablations (table 3), and a control, as changes of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose.config import Config

# "w/o FA" is not defined beyond its name: the audio stem goes straight to the
# body. Without it no music is left to attend to.
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
  "none": {},
  # Without contrastive pose extraction.
  "no_cpe": {"network.contrastive": False, "loss.contrastive": 0.0},
  # A batch of windows from anywhere.
  "no_hard_negatives": {"batch.grouping": "random"},
  # Without frequency-wise attention.
  "no_fa": {"network.frequency_attention": False},
  # Neither differences nor a music stem: the recording attends to itself.
  "no_bgm": {"data.inputs": "recording", "network.music_conditioning": False},
  # No ablation but a control: nothing of the recording. Whatever is better
  # than the mean pose now is told by the music or a leak.
  "music_only": {"data.inputs": "music"},
}
DESCRIPTIONS = {
  "none": "nothing",
  "no_cpe": "contrastive pose extraction",
  "no_hard_negatives": "batches of windows of the same music",
  "no_fa": "attention over frequency bands",
  "no_bgm": "the music",
  "music_only": "the recording, as a control; for any network",
}
# These are parts of BGM2Pose alone.
_OWN = ("no_cpe", "no_hard_negatives", "no_fa", "no_bgm")


def apply(config: Config, ablation: str) -> Config:
  """Returns a preset with an ablation's changes.

  Args:
    config: the configuration of the run.
    ablation: one of `ABLATIONS`.

  Raises:
    InputError: for another name, or an ablation of BGM2Pose for another
      model.
  """
  if ablation not in ABLATIONS:
    raise InputError(
      f"--ablation={ablation}",
      "unknown",
      f"choose one of {', '.join(ABLATIONS)}",
    )
  if config.model != "bgm2pose" and ablation in _OWN:
    raise InputError(
      f"--ablation={ablation}",
      f"takes a part out of bgm2pose, not of {config.model}",
      "drop it, or take --ablation=music_only",
    )
  changes = {"ablation": ablation, **ABLATIONS[ablation]}
  return config_lib.overlay(config, changes)
