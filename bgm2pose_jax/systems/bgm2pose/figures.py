"""What results.json and predictions.npz hold of a run of BGM2Pose."""

from __future__ import annotations

import functools
from typing import Any

from bgm2pose_jax.evaluation import figures
from bgm2pose_jax.evaluation.bootstrap import Blocks
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS
from bgm2pose_jax.systems.bgm2pose.performances import Performances
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
  `motion_warnings`, what a reader should know of them and their motion. Where
  they are performers: `left_out`, what training never had of the test.
  """
  known: dict[str, Any] = {}
  if split.people is not None:
    doubt = splits.doubt(split)
    known = {
      "subject_from": split.people.subject_from,
      "motion_warnings": [*([doubt] if doubt else []), *split.people.warnings],
    }
  if split.performances is not None:
    known["left_out"] = left_out(split, split.performances)
  return {
    **known,
    "setting": split.setting,
    "train_tracks": list(split.train_tracks),
    "train_subjects": list(split.train_subjects),
    "test_tracks": list(split.test_tracks),
    "test_subjects": list(split.test_subjects),
  }


def left_out(
  split: MusicSplit, performances: Performances
) -> dict[str, list[str]]:
  """What of the test no training window has.

  Args:
    split: the run's split.
    performances: what the performers show.

  Returns:
    `performers`, `performances` (motion files), `people` (captured, whom
    training has no clip of) and `actions` (shown in no other file), each as
    names. A performer's body and manner are its own, so both are unseen.
  """
  clips = set(split.left_out["label"])
  kept = set(performances.sources) - clips
  sources = performances.sources
  trained = {
    clip for name in split.train_subjects for clip in performances.shows[name]
  } & kept
  tested = {
    clip for name in split.test_subjects for clip in performances.shows[name]
  } & clips
  return {
    "performers": list(split.test_subjects),
    "performances": sorted({sources[clip].file for clip in clips}),
    "people": sorted(
      {sources[clip].person for clip in tested}
      - {sources[clip].person for clip in trained}
    ),
    "actions": sorted(
      {sources[clip].action for clip in tested}
      - {sources[clip].action for clip in trained}
    ),
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
