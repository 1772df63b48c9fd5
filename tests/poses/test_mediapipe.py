"""Landmarks against the joints they were made from, and files that lie."""

import gzip
import json

import numpy as np
import pytest
import violinist_fixture as violinist

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import mediapipe, mediapipe_json, position_csv
from bgm2pose_jax.poses.body13 import BODY13

TIMES = np.arange(20) / 30


@pytest.fixture
def points():
  return violinist.landmarks(violinist.bowing_m(TIMES))


def _same_but_c7(got, position_m):
  """All joints but C7, around the hips."""
  wanted = position_m - position_m[:, 7:9].mean(axis=1, keepdims=True)
  np.testing.assert_allclose(got[:, 1:], wanted[:, 1:], atol=1e-9)


def test_left_and_right_up_and_front_are_where_they_were(points):
  found, seen = mediapipe.to_body13(mediapipe.upright_m(points, "x"), None)
  assert seen is None
  _same_but_c7(found, violinist.bowing_m(TIMES))
  at = {name: found[0, i] for i, name in enumerate(BODY13.joints)}
  assert at["LSHO"][0] > 0 > at["RSHO"][0]
  assert at["LKNE"][1] < 0 < at["LSHO"][1]
  assert at["LMWR"][2] > 0.2
  middle = (at["LSHO"] + at["RSHO"]) / 2
  np.testing.assert_allclose(at["C7"] - middle, [0, 0.03, 0], atol=1e-9)


def test_the_numbers_are_mediapipes():
  # PoseLandmarkerResult: 11/12 shoulders, 23/24 hips, 31/32 foot indices.
  assert [mediapipe.NAMES[i] for i in (0, 11, 12, 15, 16, 23, 24, 31, 32)] == [
    "nose", "left_shoulder", "right_shoulder", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_foot_index", "right_foot_index",
  ]  # fmt: skip
  assert len(set(mediapipe.NAMES)) == 33


def test_visibility_of_c7_is_that_of_the_worse_shoulder(points):
  seen = np.ones((20, 33))
  seen[:, 11], seen[:, 12], seen[:, 16] = 0.4, 0.7, 0.2
  _, got = mediapipe.to_body13(points, seen)
  assert got[0].tolist() == [0.4, 0.7, 0.4, 1, 1, 0.2, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (lambda p: p * [0.3, 0.3, 0.3] + [0.5, 0.5, 0], "image landmarks"),
    (lambda p: p * 500 + 300, "image landmarks"),
    (lambda p: p * [1, -1, -1], "y is up already"),
    (lambda p: p * [-1, 1, 1], "mirrored"),
    (lambda p: p * np.nan, "shows nobody"),
  ],
)
def test_what_is_no_world_landmarks_is_refused(points, change, said):
  with pytest.raises(InputError, match=said):
    mediapipe.upright_m(change(points), "x.json")


def _forms(points):
  dicts = [
    [dict(zip("xyz", p)) | {"visibility": 0.9} for p in frame]
    for frame in points.tolist()
  ]
  lists = [[[*p, 0.9] for p in frame] for frame in points.tolist()]
  return {
    "a list of frames": dicts,
    "lists of numbers": lists,
    "frames": {"frames": dicts, "fps": 30},
    "frames of objects": {"frames": [{"landmarks": f} for f in dicts]},
    "camel case": [{"poseWorldLandmarks": f} for f in dicts],
    "lists of one person": {"world_landmarks": [[f] for f in dicts]},
    "world beside image landmarks": [
      {"pose_landmarks": [{"x": 0.5, "y": 0.5, "z": 0}] * 33,
       "pose_world_landmarks": f} for f in dicts
    ],
    "a landmark in an object": [{"pose_world_landmarks": {"landmark": f}}
                                for f in dicts],
  }  # fmt: skip


@pytest.mark.parametrize("form", list(_forms(np.zeros((1, 33, 3)))))
@pytest.mark.parametrize("packed", [False, True])
def test_forms_of_json(tmp_path, points, form, packed):
  text = json.dumps(_forms(points)[form]).encode()
  path = tmp_path / "a.json"
  path.write_bytes(gzip.compress(text) if packed else text)
  found = mediapipe_json.read(path)
  np.testing.assert_allclose(found.positions, points, atol=1e-12)
  np.testing.assert_allclose(found.visibility, 0.9)
  assert found.time_s is None
  assert found.rate_hz == 30 or (form != "frames" and np.isnan(found.rate_hz))


@pytest.mark.parametrize(
  ("name", "values", "wanted"),
  [
    ("timestamp_ms", [1000.0, 1033.0, 1100.0], [1.0, 1.033, 1.1]),
    ("timestamp", [0, 33, 100], [0.0, 0.033, 0.1]),
    ("time_s", [0.5, 0.6, 0.9], [0.5, 0.6, 0.9]),
    ("timestampMs", [0, 40, 80], [0.0, 0.04, 0.08]),
    ("timestamp_us", [0, 40_000, 80_000], [0.0, 0.04, 0.08]),
  ],
)
def test_times_of_frames(tmp_path, points, name, values, wanted):
  frames = [
    {name: value, "landmarks": frame.tolist()}
    for value, frame in zip(values, points)
  ]
  path = tmp_path / "a.json"
  path.write_text(json.dumps(frames))
  np.testing.assert_allclose(mediapipe_json.read(path).time_s, wanted)


def test_frames_without_anybody_and_frames_left_out_are_missing(
  tmp_path, points
):
  frames = [{"frame": n, "landmarks": points[n].tolist()} for n in (3, 4, 7)]
  frames[1]["landmarks"] = None
  path = tmp_path / "a.json"
  path.write_text(json.dumps({"frames": frames, "fps": 29.97}))
  found = mediapipe_json.read(path)
  there = np.isfinite(found.positions).all(axis=(1, 2))
  assert there.tolist() == [True, False, False, False, True]
  np.testing.assert_allclose(found.positions[4], points[7])


@pytest.mark.parametrize(
  ("content", "said"),
  [
    ([[[0, 0, 0]] * 32], "32 landmarks instead of 33"),
    ([[[[0, 0, 0]] * 33] * 2], "2 people"),
    ([[["0", 0, 0]] * 33], "without x, y, z"),
    ([[{"x": 0, "y": 0}] * 33], "without x, y, z"),
    ([[{"x": True, "y": 0, "z": 0}] * 33], "without x, y, z"),
    ([[[10**400, 0, 0]] * 33], "without x, y, z"),
    ([None, [], {}], "shows nobody"),
    ([], "holds 0 frames"),
    ({"frames": {"0": 1}}, "no list of frames"),
    (7, "no list of frames"),
    ([{"time": 2, "pose": [[0, 0, 0]] * 33}] * 2, "not after"),
    ([{"time": "1", "pose": [[0, 0, 0]] * 33}] * 2, "no number"),
    ([{"frame": n, "pose": [[0, 0, 0]] * 33} for n in (0, 10**9)], "ascend"),
    ({"fps": -1, "frames": [[[0, 0, 0]] * 33]}, "fps is -1"),
  ],
)  # fmt: skip
def test_json_that_is_no_landmarks(tmp_path, content, said):
  path = tmp_path / "a.json"
  path.write_text(json.dumps(content))
  with pytest.raises(InputError, match=said):
    mediapipe_json.read(path)


@pytest.mark.parametrize(
  "header",
  [
    lambda n, a: f"{mediapipe.NAMES[n]}_{a}",
    lambda n, a: f"{mediapipe.NAMES[n].upper()}_{a.upper()}",
    lambda n, a: f"{a[0]}{n}",
    lambda n, a: f"{a[0]}{n + 1}",
    lambda n, a: f"{a[0]}_{n}",
  ],
)
def test_columns_of_csv(tmp_path, points, header):
  axes = ("x", "y", "z", "visibility")
  cells = ["time_ms"] + [header(n, a) for n in range(33) for a in axes]
  rows = [",".join(cells)]
  for number, frame in enumerate(points):
    flat = np.column_stack([frame, np.full(33, 0.8)]).ravel()
    rows.append(
      ",".join([str(1.7e12 + 40 * number), *map(repr, flat.tolist())])
    )
  path = tmp_path / "a.csv"
  path.write_text("\n".join(rows))
  found = mediapipe.in_order(
    position_csv.read_position_points(
      path, renamed=mediapipe.csv_names, with_rest=True
    ),
    path,
  )
  np.testing.assert_allclose(found.positions, points)
  np.testing.assert_allclose(found.visibility, 0.8)
  np.testing.assert_allclose(np.diff(found.time_s), 0.04, atol=1e-6)
