"""The real captures the simulator was developed on, where they are at hand.

Set BGM2POSE_MOCAP_DIR to a folder of BVH files described by clips.csv (with
valid_s, height_p50_m, extent_x_m, extent_z_m) and subjects.csv.
"""

from __future__ import annotations

import csv
import os
import pathlib
import shutil

import numpy as np
import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.poses.body21 import BODY21

MOCAP_DIR = pathlib.Path(os.environ.get("BGM2POSE_MOCAP_DIR", "") or "absent")

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(
    not (MOCAP_DIR / "subjects.csv").is_file(),
    reason="BGM2POSE_MOCAP_DIR names no folder of captures",
  ),
]


def rows_of(name):
  with open(MOCAP_DIR / name, newline="") as file:
    return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def loaded():
  return poses.load_folder(MOCAP_DIR)


@pytest.fixture(scope="module")
def by_file(loaded):
  files = {}
  for clip in loaded:
    files.setdefault(clip.source_path, []).append(clip)
  return files


def test_every_file_loads(loaded, by_file):
  clips = loaded
  assert set(by_file) == {row["file"] for row in rows_of("clips.csv")}
  assert len({clip.name for clip in clips}) == len(clips)


def test_usable_seconds_are_those_of_the_tables(loaded, by_file):
  for row in rows_of("clips.csv"):
    total_s = sum(clip.duration_s for clip in by_file[row["file"]])
    assert total_s == pytest.approx(float(row["valid_s"]), abs=0.006)
    assert by_file[row["file"]][0].description == row["description"]
  for row in rows_of("subjects.csv"):
    total_s = sum(
      clip.duration_s for clip in loaded if clip.subject == row["subject"]
    )
    assert total_s == pytest.approx(float(row["valid_s"]), abs=0.06)


def bones_m(positions_m):
  ends = np.array(BODY21.bones)
  return np.linalg.norm(
    positions_m[:, ends[:, 1]] - positions_m[:, ends[:, 0]], axis=-1
  )


def test_bones_keep_their_length(loaded):
  # Joints between ours (a lower back, a twisting wrist) bend a little.
  flexible = {"Spine", "Head", "LeftHand", "RightHand"}
  flexible |= {"LeftUpLeg", "RightUpLeg"}
  rigid = [BODY21.joints[child] not in flexible for _, child in BODY21.bones]
  for clip in loaded:
    lengths = bones_m(clip.positions_m)
    spread = (lengths.max(axis=0) - lengths.min(axis=0))[rigid]
    assert spread.max() < 1e-4, clip.name


def test_legs_are_as_long_as_the_people_s(loaded):
  for row in rows_of("subjects.csv"):
    measured = [
      float(row[f"{part}_{side}_m"])
      for side in "LR"
      for part in ("thigh", "shin")
    ]
    for clip in loaded:
      if clip.subject != row["subject"]:
        continue
      got = [
        np.linalg.norm(
          clip.positions_m[0, BODY21.index(side + child)]
          - clip.positions_m[0, BODY21.index(side + parent)]
        )
        for side in ("Left", "Right")
        for parent, child in (("UpLeg", "Leg"), ("Leg", "Foot"))
      ]
      # Skeleton A is one figure, scaled so that the whole leg fits.
      assert sum(got) == pytest.approx(sum(measured), abs=2e-3)
      if row["skeleton"] == "B":
        np.testing.assert_allclose(got, measured, atol=2e-4)
      stature_m = sum(measured) / 2 / 0.491
      assert clip.height_m == pytest.approx(stature_m, abs=5e-3)


def test_paths_and_floors_are_where_the_table_says(by_file):
  for row in rows_of("clips.csv"):
    clips = by_file[row["file"]]
    used = np.concatenate([clip.positions_m for clip in clips])
    for axis, column in ((0, "extent_x_m"), (2, "extent_z_m")):
      extent = np.ptp(used[:, BODY21.index("Hips"), axis])
      assert extent == pytest.approx(float(row[column]), abs=0.006)
    lowest = used[..., 1].min(axis=1)
    assert abs(np.percentile(lowest, 5)) < 1.1e-3, row["file"]


def test_people_are_as_tall_as_the_table_says(by_file):
  for row in {row["subject"]: row for row in rows_of("clips.csv")}.values():
    ranges = [clip.frame_range for clip in by_file[row["file"]]]
    y = poses.read_bvh(MOCAP_DIR / row["file"]).positions()[..., 1]
    y = np.concatenate([y[start:stop] for start, stop in ranges])
    y *= float(row["unit_scale_m"])
    height_m = np.median(y.max(axis=1) - y.min(axis=1))
    # The table's heights of skeleton B leave some end points out.
    within = 0.006 if row["skeleton"] == "A" else 0.06
    assert height_m == pytest.approx(float(row["height_p50_m"]), abs=within)


def test_without_the_table_nearly_the_same_is_found(by_file, tmp_path):
  wanted = [
    row
    for row in rows_of("clips.csv")
    if row["fps_true"] == row["fps_header"]
    and (row["cmu_trial"] in ("1", "5", "9") or ";" in row["valid_ranges"])
  ]
  for row in wanted:
    path = tmp_path / row["file"]
    path.parent.mkdir(exist_ok=True)
    shutil.copy(MOCAP_DIR / row["file"], path)
  found = {}
  for clip in poses.load_folder(tmp_path):
    found.setdefault(clip.source_path, []).append(clip)
  assert set(found) == {row["file"] for row in wanted}
  for row in wanted:
    described, guessed = by_file[row["file"]], found[row["file"]]
    assert guessed[0].subject == row["subject"]
    assert guessed[0].rate_hz == described[0].rate_hz
    # Skeleton A is written in centimetres of another person's size.
    ratio = guessed[0].height_m / described[0].height_m
    assert 0.9 < ratio < 1.1
    lost_s = sum(c.duration_s for c in described) - sum(
      c.duration_s for c in guessed
    )
    assert -0.2 < lost_s < 0.2, row["file"]
