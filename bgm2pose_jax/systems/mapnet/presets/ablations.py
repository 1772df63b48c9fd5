"""The paper's ablations (tables 4 and 5), and controls."""

from __future__ import annotations

from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.mapnet.config import Config

DESCRIPTIONS = {
  "none": "nothing",
  "no_rebalancing": "the layers that bring pose and sound to equal length",
  "early_fusion": "the branches' depth, given to the fusion",
  "balanced_fusion": "half of that",
  "no_audio": "the sound",
  "shuffled_audio": "the window's own sound, as a control: another's is heard",
}
# Models that hear.
_HEARING = ("mapnet", "lstm_pose_audio")


def apply(config: Config, ablation: str) -> Config:
  """Returns a preset with an ablation's changes.

  Early fusion gives the fusion the branches' depth and the other way round;
  balanced fusion has the mean of both depths everywhere. With the paper's 12
  and 2 layers these are its 2 and 12, and its 7 and 7.

  Args:
    config: the preset.
    ablation: one of `DESCRIPTIONS`.

  Raises:
    InputError: an ablation of another model, or of a preset whose fusion is
      early or balanced as it is.
  """
  hearing = ablation in ("no_audio", "shuffled_audio")
  allowed = _HEARING if hearing else ("mapnet",)
  if ablation != "none" and config.model not in allowed:
    raise InputError(
      f"--ablation={ablation}",
      f"takes a part out of {' and '.join(allowed)}, not of {config.model}",
      "drop it",
    )
  changes: dict[str, Any] = {"ablation": ablation}
  if ablation == "no_rebalancing":
    changes["network.rebalance"] = False
  elif ablation in ("early_fusion", "balanced_fusion"):
    branch = config.network["branch_layers"]
    fusion = config.network["fusion_layers"]
    if branch <= fusion:
      raise InputError(
        f"--ablation={ablation}",
        f"--preset={config.preset} fuses early as it is ({branch} layers, then "
        f"{fusion})",
        "drop it, or take --preset=demo_late or paper",
      )
    if ablation == "balanced_fusion":
      branch = fusion = (branch + fusion) // 2
    changes["network.branch_layers"] = fusion
    changes["network.fusion_layers"] = branch
  if hearing:
    changes["data.audio"] = "none" if ablation == "no_audio" else "shuffled"
  return schema.overlay(config, changes)
