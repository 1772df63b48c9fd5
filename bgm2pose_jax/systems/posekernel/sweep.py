"""Tables that a sweep fills: inputs, splits, pairs, noise and walls."""

from __future__ import annotations

from bgm2pose_jax.contract.sweep import Cell, Sweep
from bgm2pose_jax.systems.posekernel.config import INPUTS, SPLITS

PAIR_COUNTS = ("4", "3", "2", "1")
SNRS_DB = ("30", "20", "10")
_MODELS = {
  "posekernel": "PoseKernelLifter",
  "fixed_height": "fixed height",
  "ground_plane": "ground plane",
  "time_of_arrival": "time of arrival",
}
_INPUTS = {
  "both": "keypoints and kernels",
  "visual": "keypoints alone (oracle 2D)",
  "audio": "kernels alone",
}
# What makes other test windows or other baselines is a column.
_COLUMNS = {
  "split_by": "split by {}",
  "pairs": "{} pairs",
  "kernel_snr_db": "{} dB",
  "moved_walls": "walls of an unseen room",
}


def _labels(cell: Cell) -> tuple[str, str]:
  """Labels of a cell's row and column."""
  row = _MODELS[cell["model"]]
  if "inputs" in cell:
    row = f"{row}, {_INPUTS[cell['inputs']]}"
  columns = [
    text.format(cell[key]) for key, text in _COLUMNS.items() if key in cell
  ]
  return row, ", ".join(columns) or "all runs"


SWEEP = Sweep(
  tables={
    "posekernel_main": [
      {"model": "posekernel", "inputs": inputs, "split_by": by}
      for by in SPLITS
      for inputs in INPUTS
    ],
    "posekernel_pairs": [
      {"model": "posekernel", "inputs": inputs, "pairs": pairs}
      for pairs in PAIR_COUNTS
      for inputs in ("both", "audio")
    ],
    "posekernel_noise": [
      {"model": "posekernel", "inputs": inputs, "kernel_snr_db": snr}
      for snr in SNRS_DB
      for inputs in ("both", "audio")
    ],
    # Split by environment: every fold tests samples with both kinds of walls.
    "posekernel_walls": [
      {"model": "posekernel", "inputs": inputs, "moved_walls": "true"}
      for inputs in INPUTS
    ],
  },
  axes={"model": ("posekernel",)},
  varied={
    "ablation": "",
    "inputs": "",
    "split_by": "",
    "pairs": "pairs",
    "kernel_snr_db": "snr",
    "moved_walls": "moved",
  },
  labels=_labels,
)
