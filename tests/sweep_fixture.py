"""Folders of finished sweeps, small and without any training."""

from __future__ import annotations

import json
import types

import numpy as np

from bgm2pose_jax.evaluation import results
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.bgm2pose.figures import FIGURES, predictions
from bgm2pose_jax.systems.bgm2pose.splits import make_split
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


def entry(name, **changes):
  """One line of sweep.json."""
  return {
    "name": name,
    "table": "main",
    "row": "BGM2Pose",
    "column": "single",
    "setting": "single",
    "track": "haze",
    "fold": 0,
    "seed": 0,
    "model": "bgm2pose",
    "ablation": "none",
    "flags": [],
    **changes,
  }


def write_sweep(root, entries):
  root.mkdir(parents=True, exist_ok=True)
  text = json.dumps({"runs": entries, "base_flags": []})
  (root / "sweep.json").write_text(text)


def targets(track, fold, windows=120):
  """[n, 12, 21, 3] the same for every model and seed."""
  rng = np.random.default_rng([fold, *track.encode()])
  return rng.normal(0, 1, (windows, 12, 21, 3)).astype(np.float32)


def write_run(
  root,
  line,
  error,
  *,
  target=None,
  still=1.0,
  dataset="ampl/simulated",
  simulated=True,
  fingerprint="f",
  recordings_digest="",
  other_tracks=(),
):
  """Writes a run that is off by `error`, a number or an array of errors."""
  track, fold = line["track"], line["fold"]
  target = targets(track, fold) if target is None else target
  n = len(target)
  zero = np.zeros(n, np.int32)
  subject = f"s{fold}"
  table = MusicWindows(
    features=np.zeros((n, 0), np.float32),
    pose=target,
    subject=zero,
    track=zero,
    genre=zero,
    recording=zero,
    label=zero,
    window_index=np.arange(n, dtype=np.int32),
    valid=np.ones(n, bool),
    has_pose=np.ones(n, bool),
    subjects=(subject,),
    tracks=(track,),
    genres=("ambient",),
    recordings=(f"subject_{subject}_{track}",),
    labels=("walk",),
    spec=types.SimpleNamespace(),
    simulated=simulated,
    fingerprint=fingerprint,
    recordings_digest=recordings_digest,
  )
  split = make_split(
    line["setting"],
    fold=fold,
    fold_by="subject",
    train_tracks=(track, *other_tracks),
    test_tracks=(track,),
    train_subjects=("other",),
    test_subjects=(subject,),
    fold_order=(subject,),
  )
  rows = np.arange(n)
  pred = (target + error).astype(np.float32)
  found = results.build(
    FIGURES,
    config={
      "seed": line["seed"],
      "model": line["model"],
      "ablation": line["ablation"],
      "preset": "demo",
    },
    dataset=dataset,
    split=split,
    table=table,
    rows=rows,
    predicted=pred,
    baselines={
      name: Prediction(target + np.float32(off), {}, 63)
      for name, off in (
        ("mean_pose", still),
        ("ridge", 0.9 * still),
        ("music_only", 1.1 * still),
      )
    },
    parameters=1,
    steps=1,
  )
  folder = root / "runs" / line["name"]
  results.write(folder / "results.json", found)
  array_file.write(folder / "predictions.npz", predictions(table, rows, pred))
  (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')


def write_failure(root, job, names, last_line, code=1):
  folder = root / "failed"
  folder.mkdir(exist_ok=True)
  (folder / f"{job}.json").write_text(
    json.dumps({"runs": names, "exit_code": code, "last_line": last_line})
  )
