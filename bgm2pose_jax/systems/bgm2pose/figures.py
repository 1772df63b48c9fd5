"""What results.json and predictions.npz hold of a run of BGM2Pose."""

from __future__ import annotations

import functools
from typing import Any

from bgm2pose_jax.evaluation import figures
from bgm2pose_jax.evaluation.bootstrap import Blocks
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS
from bgm2pose_jax.systems.bgm2pose.splits import MusicSplit
from bgm2pose_jax.systems.bgm2pose.verdict import verdict

DEFINITIONS = {
  "unit": (
    "hip-spine lengths (about 9.21 cm in AMPL); hips at the origin in x and z, "
    "lowest joint at y = 0"
  ),
  "mpjpe_cm": "mean distance of joints in centimetres, over joints and frames, "
  f"nothing aligned; a hip-spine length counts as {BODY21.unit_cm:g} cm",
  "rmse": "square root of the mean squared error over every coordinate of "
  "every joint and frame",
  "mae": "mean absolute error over every coordinate of every joint and frame",
  "pckh50": "share of joints closer than half the neck-head distance of the "
  "ground truth in that frame, averaged over frames, then joints",
  "improvement_pct": "reduction against the mean pose, in percent of it",
  "interval_95": "2.5 and 97.5 percentiles over bootstrap resamples of "
  "contiguous blocks of windows, each within one recording",
}


def head(split: MusicSplit) -> dict[str, Any]:
  """The split's entries of results.json.

  Where captured people took part: `subject_from`, what names them, and
  `motion_warnings`, what a reader should know of them and their motion.
  """
  known = {}
  if split.people is not None:
    doubt = splits.doubt(split)
    known = {
      "subject_from": split.people.subject_from,
      "motion_warnings": [*([doubt] if doubt else []), *split.people.warnings],
    }
  return {
    **known,
    "setting": split.setting,
    "train_tracks": list(split.train_tracks),
    "train_subjects": list(split.train_subjects),
    "test_tracks": list(split.test_tracks),
    "test_subjects": list(split.test_subjects),
  }


FIGURES = figures.Figures(
  metrics=METRICS,
  baselines={
    "mean_pose": "mean pose",
    "music_only": "music only, ridge",
    "ridge": "ridge, 5 frames",
  },
  improved=("mpjpe_cm", "rmse", "mae"),
  groups={"per_track": "track", "per_subject": "subject"},
  blocks=Blocks(stretch="30 s"),
  kept=("per_part", "per_joint"),
  head=head,
  definitions=DEFINITIONS,
  verdict=verdict,
)


# Arrays of `predictions.npz`; `pred` and `target` are [n, 12, 21, 3].
predictions = functools.partial(
  figures.predictions, names=("track", "subject", "recording", "label")
)
