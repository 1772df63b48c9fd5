"""The performers' study: what trains in each case, and its summary."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import window_table

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.performances import Performances, Source
from launch.studies import performer_cases, performer_figure, performer_lines

WINDOWS = 48
ACTIONS = ("squat", "wave", "step")
# p0 and p2 are made of ann and share one performance, p1 and p3 of bo; ann
# waves for p3 too.
SHOWN = Performances(
  sources={
    f"{person}-{action}-{take}": Source(
      f"{person}-{action}-{take}.bvh", person, action
    )
    for person in ("ann", "bo")
    for action in ACTIONS
    for take in "ab"
  },
  shows={
    "p0": ("ann-squat-a", "ann-wave-a", "ann-step-a"),
    "p1": ("bo-squat-a", "bo-wave-a", "bo-step-a"),
    "p2": ("ann-squat-a", "ann-wave-b", "ann-step-b"),
    "p3": ("bo-squat-b", "ann-wave-b", "bo-step-b"),
  },
  persons={"p0": "ann", "p1": "bo", "p2": "ann", "p3": "bo"},
)


def _table(turned: bool):
  """Four performers' recordings, each clip four windows at a time."""
  rng = np.random.default_rng(0)
  n = WINDOWS * len(SHOWN.shows)
  features = rng.normal(-30, 3, (n, 12, 128, 9)).astype(np.float32)
  pose = rng.normal(0, 0.1, (n, 12, 21, 3)).astype(np.float32)
  # What ridge can find: a hand is as high as the first channel is loud.
  level = rng.normal(0, 2, (n, 12)).astype(np.float32)
  features[..., 0] += level[..., None]
  pose[:, :, BODY21.index("LeftHand"), 1] += level
  pose[:, :, BODY21.index("LeftUpLeg"), 0] += 1
  pose[:, :, BODY21.index("RightUpLeg"), 0] -= 1
  number = np.repeat(np.arange(len(SHOWN.shows), dtype=np.int32), WINDOWS)
  window = np.tile(np.arange(WINDOWS, dtype=np.int32), len(SHOWN.shows))
  if turned:
    back = (window // 12) % 2 == 1
    pose[back] *= np.array([-1, 1, -1], np.float32)
  labels = list(SHOWN.sources)
  shows = list(SHOWN.shows.values())
  label = [
    labels.index(shows[r][(w // 4) % len(shows[r])])
    for r, w in zip(number, window, strict=True)
  ]
  return dataclasses.replace(
    window_table.one_recording(features, pose),
    subject=number,
    recording=number,
    window_index=window,
    label=np.array(label, np.int32),
    subjects=tuple(SHOWN.shows),
    recordings=tuple(SHOWN.shows),
    labels=tuple(labels),
  )


@pytest.fixture(scope="module")
def table():
  return _table(turned=True)


@pytest.fixture(scope="module")
def cases(table):
  return list(performer_cases.cases(table, SHOWN, "p0"))


def _of(cases, name, heading="room"):
  (found,) = [c for c in cases if c.name == name and c.heading == heading]
  return found


def test_every_case_is_tested_on_the_same_half_of_the_performer(table, cases):
  expected = np.arange(WINDOWS // 2, WINDOWS)
  for case in cases:
    test = np.sort(np.concatenate([fold.test for fold in case.folds]))
    np.testing.assert_array_equal(test, expected, case.name)
    for fold in case.folds:
      assert not set(fold.train) & set(expected)


def test_more_and_more_is_left_out(table, cases):
  def trained(name):
    (fold,) = _of(cases, name).folds
    return fold.train

  subject, label = table.named("subject"), table.named("label")
  assert len(trained("nothing")) == 3.5 * WINDOWS
  body = trained("body")
  assert set(subject[body]) == {"p1", "p2", "p3"}
  assert "ann-squat-a" in label[body]
  apart = trained("body, performances")
  assert set(subject[apart]) == {"p1", "p2", "p3"}
  assert not set(label[apart]) & set(SHOWN.shows["p0"])
  strangers = trained("body, performances, person")
  assert set(subject[strangers]) == {"p1", "p3"}
  assert {name.split("-")[0] for name in label[strangers]} == {"bo"}


def test_unseen_actions_and_headings_leave_out_those_alone(table, cases):
  action = np.array([SHOWN.sources[c].action for c in table.named("label")])
  for fold in _of(cases, "action").folds:
    assert not set(action[fold.train]) & set(action[fold.test])
    assert "p0" in table.named("subject", fold.train)
  sector = performer_cases.sectors(table.pose)
  folds = _of(cases, "heading").folds
  assert len(folds) == 2
  for fold in folds:
    assert not set(sector[fold.train]) & set(sector[fold.test])
  one_way = performer_cases.cases(_table(turned=False), SHOWN, "p0")
  assert "heading" not in {case.name for case in one_way}


def test_sectors_go_from_z_to_x():
  pose = np.zeros((1, 3, 21, 3))
  for number, left in enumerate([(1, 0), (0, -1), (-1, 0), (0, 1)]):
    pose[:, :, BODY21.index("LeftUpLeg"), [0, 2]] = left
    # Facing is left x up.
    facing = np.cross([left[0], 0, left[1]], [0, 1, 0])
    assert facing[[2, 0, 2, 0][number]] == [1, 1, -1, -1][number]
    assert performer_cases.sectors(pose) == number


def test_hours_and_performers_grow_to_all(table, cases):
  (full,) = _of(cases, "body, performances").folds
  for group in ("hours", "performers"):
    sizes = [len(case.folds[0].train) for case in cases if case.group == group]
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(full.train)
  (some,) = _of(cases, "0.5 of the motion").folds
  assert table.window_index[some.train].max() < WINDOWS / 2


def test_a_line_is_ridge_below_the_mean_pose(table, cases):
  found = performer_lines.line(
    table, SHOWN, "logmel_intensity", "p0", _of(cases, "body"), pool=64
  )
  assert found["hours"] == pytest.approx(3 * WINDOWS * 0.6 / 3600)
  assert found["performers"] == 3
  assert found["rmse"] < 0.97 * found["mean_pose_rmse"]
  ratio = found["rmse"] / found["mean_pose_rmse"]
  assert found["below_pct"] == pytest.approx(100 * (1 - ratio))
  # All of the turning about is gone in the own heading.
  own = performer_lines.line(
    table, SHOWN, "logmel_intensity", "p0", _of(cases, "body", "own"), pool=64
  )
  assert own["mean_pose_rmse"] < 0.9 * found["mean_pose_rmse"]


def _line(case, tested, below_pct, group="unseen"):
  return {
    "group": group,
    "case": case,
    "heading": "room",
    "features": "music_kernel",
    "tested": tested,
    "hours": 1.0,
    "performers": 5.0,
    "below_pct": below_pct,
  }


def test_the_summary_says_what_is_lost(tmp_path):
  lines = [
    _line("nothing", "p0", 40.0),
    _line("nothing", "p1", 20.0),
    _line("body", "p0", 32.0),
    _line("body", "p1", 16.0),
    _line("1 of the motion", "p1", 15.0, "hours"),
    _line("action", "p2", 10.0),
  ]
  rows = {row["case"]: row for row in performer_lines.summary(lines)}
  assert rows["nothing"]["below_pct"] == 30
  assert rows["nothing"]["lost_pct"] == 0
  assert rows["body"]["lost_pct"] == pytest.approx(20)
  # Student's t of one degree of freedom: 12.706 times the standard error.
  low, high = rows["body"]["interval_pct"]
  assert (high - low) / 2 == pytest.approx(12.706 * 8, rel=1e-3)
  assert rows["1 of the motion"]["interval_pct"] is None
  assert rows["1 of the motion"]["lost_pct"] == pytest.approx(25)
  # Nothing is known of p2 with nothing unseen.
  assert rows["action"]["lost_pct"] is None
  path = tmp_path / "study.png"
  performer_figure.plot(list(rows.values()), str(path), simulated=True)
  assert path.read_bytes().startswith(b"\x89PNG")
