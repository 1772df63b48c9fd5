from __future__ import annotations

import json
import types

import numpy as np
import pytest

from bgm2pose_jax.evaluation import bootstrap, results
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.bgm2pose.figures import FIGURES, predictions
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS, pose_metrics
from bgm2pose_jax.systems.bgm2pose.splits import make_split
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

CONTRACT = {
  "setting",
  "fold",
  "seed",
  "model",
  "preset",
  "dataset",
  "simulated",
  "test_tracks",
  "test_subjects",
  "windows",
  "rmse",
  "mae",
  "pckh50",
  "mean_pose",
  "ridge",
  "music_only",
  "per_part",
  "per_joint",
  "per_track",
}
CONFIG = {
  "seed": 1,
  "model": "bgm2pose",
  "ablation": "none",
  "preset": "demo",
  "data": {"dataset": "ampl/simulated"},
}
SPLIT = make_split(
  "single",
  fold=0,
  fold_by="subject",
  train_tracks=("haze",),
  test_tracks=("haze", "tide"),
  train_subjects=("s0",),
  test_subjects=("s1",),
  fold_order=("s1", "s0"),
)


def make_table(n=130, has_pose=True):
  rng = np.random.default_rng(0)
  zero = np.zeros(n, np.int32)
  track = (np.arange(n) >= n // 2).astype(np.int32)
  return MusicWindows(
    features=np.zeros((n, 0), np.float32),
    pose=rng.normal(0, 3, (n, 12, 21, 3)).astype(np.float32),
    subject=zero + 1,
    track=track,
    genre=zero,
    recording=track,
    label=zero,
    window_index=(np.arange(n) % (n // 2)).astype(np.int32),
    valid=np.ones(n, bool),
    has_pose=np.full(n, has_pose),
    subjects=("s0", "s1"),
    tracks=("haze", "tide"),
    genres=("ambient",),
    recordings=("s1_haze", "s1_tide"),
    labels=("walk",),
    spec=types.SimpleNamespace(),
    simulated=True,
    fingerprint="f",
  )


def build(table, rows, predicted, **changes):
  target = table.pose[rows]
  simple = {
    "mean_pose": Prediction(target + np.float32(1.0), {}, 63),
    "ridge": Prediction(target + np.float32(0.5), {"alpha": 0.1}, 5),
    "music_only": Prediction(target + np.float32(1.1), {}, 5),
  }
  arguments = {
    "config": CONFIG,
    "dataset": "ampl/simulated",
    "split": SPLIT,
    "table": table,
    "rows": rows,
    "predicted": predicted,
    "baselines": simple,
    "parameters": 10,
    "steps": 20,
  }
  return results.build(FIGURES, **{**arguments, **changes})


def test_keys_and_figures_of_the_contract():
  table = make_table()
  rows = np.arange(5, 130)
  predicted = table.pose[rows] - np.float32(0.25)
  found = build(table, rows, predicted)
  assert set(found) >= CONTRACT
  assert found["rmse"] == pytest.approx(0.25, rel=1e-5)
  assert found["mae"] == pytest.approx(0.25, rel=1e-5)
  assert found["mean_pose"]["rmse"] == pytest.approx(1.0, rel=1e-5)
  assert found["ridge"]["alpha"] == 0.1
  assert found["improvement_pct"]["rmse"] == pytest.approx(75, rel=1e-4)
  assert found["ridge"]["improvement_pct"]["mae"] == pytest.approx(50, rel=1e-4)
  assert found["windows"] == 125
  assert found["per_track"]["haze"]["windows"] == 60
  assert found["per_track"]["tide"]["windows"] == 65
  assert set(found["per_subject"]) == {"s1"}
  assert set(found["per_part"]) == {"arm", "leg", "body"}
  assert len(found["per_joint"]) == 21
  assert found["pckh50"] == pytest.approx(
    float(pose_metrics(predicted, table.pose[rows])["pckh50"])
  )


def test_same_input_writes_the_same_bytes(tmp_path):
  table = make_table()
  rows = np.arange(130)
  noise = np.random.default_rng(1).normal(0, 1, table.pose.shape)
  predicted = (table.pose + noise).astype(np.float32)
  written = []
  for name in ("a", "b"):
    path = tmp_path / name / "results.json"
    results.write(path, build(table, rows, predicted))
    array_file.write(
      path.with_name("predictions.npz"),
      predictions(table, rows, predicted),
    )
    written.append(
      (path.read_bytes(), path.with_name("predictions.npz").read_bytes())
    )
    assert sorted(p.name for p in path.parent.iterdir()) == [
      "predictions.npz",
      "results.json",
    ]
  assert written[0] == written[1]
  assert written[0][0].endswith(b"}\n")
  assert json.loads(written[0][0]) == build(table, rows, predicted)


def test_predictions_read_back_without_pickle(tmp_path):
  table = make_table()
  rows = np.asarray([3, 4, 100])
  path = tmp_path / "predictions.npz"
  array_file.write(path, predictions(table, rows, table.pose[rows] + 1))
  with np.load(path, allow_pickle=False) as arrays:
    np.testing.assert_array_equal(arrays["target"], table.pose[rows])
    np.testing.assert_array_equal(arrays["pred"], table.pose[rows] + 1)
    assert arrays["track"].tolist() == ["haze", "haze", "tide"]
    assert arrays["window_index"].tolist() == [3, 4, 35]
    assert arrays["recording"].tolist() == ["s1_haze", "s1_haze", "s1_tide"]
  with pytest.raises(ValueError, match="objects"):
    array_file.write(path, {"x": np.asarray([None])})


def test_without_ground_truth_figures_are_none():
  table = make_table(has_pose=False)
  rows = np.arange(10)
  found = build(table, rows, table.pose[rows], baselines=None)
  assert set(found) >= CONTRACT
  assert found["rmse"] is None
  assert found["ridge"]["mae"] is None
  assert found["ground_truth"] is False
  assert "target" not in predictions(table, rows, table.pose[rows])


def test_bad_input_is_refused(tmp_path):
  table = make_table()
  rows = np.arange(10)
  with pytest.raises(ValueError, match="predicted: shape"):
    build(table, rows, table.pose[:9])
  broken = table.pose[rows].copy()
  broken[0, 0, 0, 0] = np.nan
  with pytest.raises(ValueError, match="not finite"):
    build(table, rows, broken)
  with pytest.raises(ValueError, match="not JSON compliant"):
    results.write(tmp_path / "r.json", {"rmse": float("nan")})
  assert list(tmp_path.iterdir()) == []


def test_interval_covers_the_truth_at_its_rate():
  # Blocks are the unit of dependence: one error level for each 50 windows.
  rng = np.random.default_rng(0)
  index = np.arange(1000)
  recording = np.full(1000, "a")
  covered = 0
  for trial in range(60):
    level = np.repeat(rng.uniform(0.5, 1.5, 20), 50)
    target = np.zeros((1000, 1, 21, 3), np.float32)
    target[:, :, 4, 1] = 1.0
    pred = target + level[:, None, None, None].astype(np.float32)
    found = bootstrap.bootstrap_interval(
      METRICS, pred, target, None, recording, index,
      improved=(), seed=trial, resamples=300,
    )  # fmt: skip
    low, high = found["mae"]
    covered += low <= 1.0 <= high
  assert found["blocks"] == 20
  assert 48 <= covered <= 60


def test_interval_is_paired_and_needs_two_blocks():
  rng = np.random.default_rng(0)
  index = np.arange(200)
  target = rng.normal(0, 1, (200, 2, 21, 3)).astype(np.float32)
  level = rng.uniform(0.1, 3, 200).astype(np.float32)[:, None, None, None]
  found = bootstrap.bootstrap_interval(
    METRICS, target + level / 2, target, target + level,
    np.full(200, "a"), index, improved=("rmse", "mae"), seed=0,
  )  # fmt: skip
  low, high = found["improvement_pct"]["mae"]
  assert low == pytest.approx(50, abs=1e-3)
  assert high == pytest.approx(50, abs=1e-3)
  assert found["mae"][0] < 0.98 * found["mae"][1]
  one = bootstrap.bootstrap_interval(
    METRICS, target[:40], target[:40], None, np.full(40, "a"), index[:40],
    improved=(), seed=0,
  )  # fmt: skip
  assert one["blocks"] == 1
  assert one["rmse"] is None
