"""Tables of many runs: what is given, how many pairs, how much noise, walls.

The paper's tables could not be read (see the data set's README), so nothing
published stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from bgm2pose_jax.contract.comparison import ByName, Comparison, GroupTable
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.config import RELEASED

TITLES = {
  "posekernel_main": "Inputs, with unseen rooms and with seen ones",
  "posekernel_pairs": "Number of pairs",
  "posekernel_noise": "Level of the kernels over noise",
  "posekernel_walls": "Walls of an unseen room as built, and moved",
}


def data_label(dataset: str, sections: Sequence[str]) -> str:
  """Kind of the recordings, for readers: all have simulated keypoints."""
  del sections
  name = "PoseKernel" if dataset == RELEASED else dataset
  return f"{name}, oracle 2D"


COMPARISON = Comparison(
  heading="Metric poses from keypoints and echoes: runs compared",
  titles=TITLES,
  whole=("posekernel", "none"),
  window=(BODY15.num_joints, 3),
  by_group={
    "posekernel_walls": GroupTable(
      block="per_walls",
      figure="mpjpe_cm",
      names={"as_built": "As built", "moved": "Moved"},
    )
  },
  data_label=data_label,
  by_name=(
    ByName(
      title="Error in each environment (MPJPE, cm)",
      block="per_environment",
      figure="mpjpe_cm",
    ),
    ByName(
      title="Error of each joint (MPJPE, cm)",
      block="per_joint",
      figure="mpjpe_cm",
      names=BODY15.joints,
      is_marked=True,
    ),
  ),
)
