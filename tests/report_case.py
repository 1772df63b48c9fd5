"""A run of a few windows whose every figure differs, for report tests."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import numpy as np
import numpy_figures

from bgm2pose_jax.evaluation import results
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.systems.bgm2pose.figures import FIGURES, predictions
from bgm2pose_jax.systems.bgm2pose.splits import make_split
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

# (subject, track, windows) of each recording.
RECORDINGS = (("s1", "haze", 5), ("s1", "tide", 7), ("s2", "haze", 4),
              ("s2", "tide", 6))  # fmt: skip
SEED = 3
# How far off each is, in hip-spine lengths; the music alone does harm.
_OFF = {"model": 0.5, "mean_pose": 0.8, "ridge": 0.7, "music_only": 0.85}
# Row of the tables -> whose figures it shows, top to bottom.
ROWS = {
  "mean pose": "mean_pose",
  "music only, ridge": "music_only",
  "ridge, 5 frames": "ridge",
  "bgm2pose, demo": "model",
}


@dataclasses.dataclass(frozen=True)
class Case:
  """What went into a run, and what it reports.

  Attributes:
    poses: [n, 12, 21, 3] of the model and each baseline.
    target: [n, 12, 21, 3].
    subject, track: name of each window's.
    blocks: windows of each recording, in order of their names.
    results: contents of results.json.
    predictions: arrays of predictions.npz.
  """

  poses: dict[str, np.ndarray]
  target: np.ndarray
  subject: np.ndarray
  track: np.ndarray
  blocks: list[np.ndarray]
  results: dict[str, Any]
  predictions: dict[str, np.ndarray]


def make_case(*, swapped: bool = False) -> Case:
  """Makes a run.

  Args:
    swapped: the mean pose is better than the model, not worse.
  """
  rng = np.random.default_rng(1)
  counts = [windows for _, _, windows in RECORDINGS]
  n = sum(counts)
  recording = np.repeat(np.arange(len(RECORDINGS)), counts)
  subject = np.asarray([r[0] for r in RECORDINGS])[recording]
  track = np.asarray([r[1] for r in RECORDINGS])[recording]
  target = rng.normal(0, 1, (n, 12, 21, 3))
  # A head of 1 to 2, another in each frame.
  target[:, :, 4] = target[:, :, 3]
  target[:, :, 4, 1] += rng.uniform(1, 2, (n, 12))
  target = target.astype(np.float32)
  # Joints, axes and recordings differ in how hard they are.
  joint = rng.permutation(np.linspace(0.3, 1.5, 21))[:, None]
  level = np.linspace(0.8, 1.3, len(RECORDINGS))[recording]
  off = dict(_OFF)
  if swapped:
    off["model"], off["mean_pose"] = off["mean_pose"], off["model"]
  poses = {}
  for name, size in off.items():
    error = size * joint * rng.normal(0, (1.0, 0.7, 1.2), target.shape)
    poses[name] = (target + level[:, None, None, None] * error).astype("f4")
  table = _table(target, recording, subject, track)
  rows = np.arange(n)
  found = results.build(
    FIGURES,
    config={
      "seed": SEED,
      "model": "bgm2pose",
      "ablation": "none",
      "preset": "demo",
    },
    dataset="ampl/simulated",
    split=make_split(
      "single",
      fold=1,
      fold_by="subject",
      train_tracks=("haze", "tide"),
      test_tracks=("haze", "tide"),
      train_subjects=("s0",),
      test_subjects=("s1", "s2"),
      fold_order=("s0", "s1", "s2"),
    ),
    table=table,
    rows=rows,
    predicted=poses["model"],
    baselines={
      name: Prediction(poses[name], {}, 63)
      for name in ("mean_pose", "ridge", "music_only")
    },
    parameters=1234567,
    steps=8901,
  )
  return Case(
    poses=poses,
    target=target,
    subject=subject,
    track=track,
    blocks=[np.flatnonzero(recording == i) for i in range(len(RECORDINGS))],
    results=found,
    predictions=predictions(table, rows, poses["model"]),
  )


def intervals(case: Case) -> dict[str, tuple[float, float]]:
  """95 % (low, high) of each figure, and of MPJPE's and RMSE's gains in %."""

  def figure(rows: np.ndarray) -> list[float]:
    own, still = (
      numpy_figures.figures(case.poses[name][rows], case.target[rows])
      for name in ("model", "mean_pose")
    )
    gains = (
      numpy_figures.gain_pct(own[k], still[k]) for k in ("mpjpe_cm", "rmse")
    )
    return [*own.values(), *gains]

  low, high = numpy_figures.interval(
    figure, case.blocks, seed=SEED, resamples=1000
  )
  names = ("mpjpe_cm", "rmse", "mae", "pckh50", "mpjpe_cm_gain", "rmse_gain")
  return {n: (float(a), float(b)) for n, a, b in zip(names, low, high)}


def _table(
  target: np.ndarray,
  recording: np.ndarray,
  subject: np.ndarray,
  track: np.ndarray,
) -> MusicWindows:
  n = len(target)
  index = [np.arange(windows) for _, _, windows in RECORDINGS]
  return MusicWindows(
    features=np.zeros((n, 0), np.float32),
    pose=target,
    subject=(subject == "s2").astype(np.int32),
    track=(track == "tide").astype(np.int32),
    genre=np.zeros(n, np.int32),
    recording=recording.astype(np.int32),
    label=np.zeros(n, np.int32),
    window_index=np.concatenate(index).astype(np.int32),
    valid=np.ones(n, bool),
    has_pose=np.ones(n, bool),
    subjects=("s1", "s2"),
    tracks=("haze", "tide"),
    genres=("ambient",),
    recordings=tuple(f"{s}_{t}" for s, t, _ in RECORDINGS),
    labels=("walk",),
    spec=types.SimpleNamespace(),
    simulated=True,
    fingerprint="f",
  )
