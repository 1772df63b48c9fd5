"""Keypoints of every format, in right and in broken files."""

import json

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses import (
  detected_joints,
  image_points_reader,
  image_points_table,
  mediapipe,
)
from bgm2pose_jax.poses.body15 import BODY15

IMAGE_PX = (1280, 720)
# By hand, from OpenPose's figure of BODY_25 and the lists of the other two.
COCO_OF = {
  "Nose": 0, "RShoulder": 6, "RElbow": 8, "RWrist": 10, "LShoulder": 5,
  "LElbow": 7, "LWrist": 9, "RHip": 12, "RKnee": 14, "RAnkle": 16, "LHip": 11,
  "LKnee": 13, "LAnkle": 15,
}  # fmt: skip
MEDIAPIPE_OF = {
  "Nose": 0, "RShoulder": 12, "RElbow": 14, "RWrist": 16, "LShoulder": 11,
  "LElbow": 13, "LWrist": 15, "RHip": 24, "RKnee": 26, "RAnkle": 28, "LHip": 23,
  "LKnee": 25, "LAnkle": 27,
}  # fmt: skip
MIDDLES = {"Neck": ("LShoulder", "RShoulder"), "MidHip": ("LHip", "RHip")}


def _points(count, seed=0):
  """[frame, point, 3] inside the picture, whole pixels."""
  rng = np.random.default_rng(seed)
  out = np.empty((3, count, 3))
  out[..., 0] = rng.integers(10, 1270, (3, count))
  out[..., 1] = rng.integers(10, 710, (3, count))
  out[..., 2] = rng.integers(30, 99, (3, count)) / 100
  return out


def _read(path, **more):
  return image_points_reader.read(path, IMAGE_PX, **more)


def _write(path, content):
  path.write_text(json.dumps(content))
  return path


def _person(values):
  return {"person_id": [-1], "pose_keypoints_2d": np.ravel(values).tolist()}


def _openpose(folder, frames):
  folder.mkdir()
  for number, people in enumerate(frames):
    _write(
      folder / f"take_{number:012}_keypoints.json",
      {"version": 1.3, "people": [_person(each) for each in people]},
    )
  return folder


def test_openpose_folder_gives_the_first_15_joints(tmp_path):
  points = _points(25)
  points[1, 4] = 0.0
  found = _read(_openpose(tmp_path / "f", points[:, None]))
  np.testing.assert_array_equal(found.keypoints, points[:, :15])
  assert found.named
  assert found.names == tuple(f"take_{n:012}" for n in range(3))


def test_openpose_files_of_one_frame_and_of_several(tmp_path):
  points = _points(25)
  frames = [{"people": [_person(each)]} for each in points]
  one = _read(_write(tmp_path / "a_keypoints.json", frames[0]))
  np.testing.assert_array_equal(one.keypoints, points[:1, :15])
  assert one.names == ("a",)
  several = _read(_write(tmp_path / "all.json", frames))
  np.testing.assert_array_equal(several.keypoints, points[:, :15])
  assert (several.names, several.named) == (("0", "1", "2"), False)


def test_of_several_people_one_is_named(tmp_path):
  points = _points(25)
  folder = _openpose(tmp_path / "f", [points[:2], points[2:], []])
  with pytest.raises(
    InputError, match=r"0_keypoints.json: shows 2 people.*--p"
  ):
    _read(folder)
  first = _read(folder, person=0)
  np.testing.assert_array_equal(first.keypoints[:2], points[[0, 2], :15])
  assert not first.keypoints[2].any()
  second = _read(folder, person=1)
  np.testing.assert_array_equal(second.keypoints[0], points[1, :15])
  assert not second.keypoints[1:].any()
  assert "2 of 3 frames show nobody." in second.notes
  with pytest.raises(InputError, match="negative"):
    _read(folder, person=-1)


def _middle(points, number, pair):
  a, b = (points[:, number[name]] for name in pair)
  return np.concatenate(
    [(a[:, :2] + b[:, :2]) / 2, np.minimum(a[:, 2:], b[:, 2:])], axis=1
  )


def _expected(points, number):
  out = np.empty((len(points), 15, 3))
  for joint, name in enumerate(BODY15.joints):
    if name in MIDDLES:
      out[:, joint] = _middle(points, number, MIDDLES[name])
    else:
      out[:, joint] = points[:, number[name]]
  return out


def test_coco_results_by_their_ids(tmp_path):
  points = _points(17)
  points[2, 5] = 0.0  # a shoulder, so the neck too
  results = [
    {"image_id": i, "category_id": 1, "keypoints": points[n].ravel().tolist()}
    for i, n in ((30, 2), (7, 0), (8, 1))
  ]
  found = _read(_write(tmp_path / "r.json", results))
  assert found.names == ("7", "8", "30")
  wanted = _expected(points, COCO_OF)
  wanted[2, [1, 5]] = 0.0
  np.testing.assert_allclose(found.keypoints, wanted, atol=1e-12)
  for each, name in zip(results, ("b/z.jpg", "a", "c.x")):
    each["image_id"] = name
  found = _read(_write(tmp_path / "r.json", results))
  assert found.names == ("z", "a", "c.x")
  np.testing.assert_allclose(found.keypoints, wanted[[2, 0, 1]], atol=1e-12)


def test_coco_annotations_have_flags(tmp_path):
  points = _points(17)
  points[..., 2] = 2
  points[0, 3] = 0
  points[1, 9, 2] = 1
  notes = {
    "annotations": [
      {"image_id": i, "keypoints": each.ravel().tolist()}
      for i, each in enumerate(points)
    ]
  }
  found = _read(_write(tmp_path / "a.json", notes))
  assert (found.keypoints[..., 2] == 1).all()


def test_coco_people_in_one_picture(tmp_path):
  points = _points(17)
  results = [
    {"image_id": 4, "keypoints": each.ravel().tolist()} for each in points
  ]
  path = _write(tmp_path / "r.json", results)
  with pytest.raises(InputError, match="image_id 4: shows 3 people"):
    _read(path)
  found = _read(path, person=2)
  np.testing.assert_allclose(found.keypoints, _expected(points, COCO_OF)[2:])


def _landmarks(points):
  """Frames of image landmarks as people save them, beside world landmarks."""
  world = [{"x": 0.1, "y": 0.2, "z": 0.3, "visibility": 1.0}] * 33
  return [
    {
      "pose_world_landmarks": world,
      "pose_landmarks": [
        {"x": u / 1280, "y": v / 720, "z": -0.2, "visibility": c}
        for u, v, c in frame
      ],
    }
    for frame in points.tolist()
  ]


def test_mediapipe_image_landmarks(tmp_path):
  points = _points(33)
  points[1, 15, 0] = 1400.0  # a guess beyond the edge of the picture
  frames = _landmarks(points)
  frames.append({"pose_landmarks": None})
  found = _read(_write(tmp_path / "m.json", frames))
  wanted = _expected(points, MEDIAPIPE_OF)
  wanted[1, BODY15.index("LWrist")] = 0.0
  np.testing.assert_allclose(found.keypoints[:3], wanted, atol=1e-9)
  assert not found.keypoints[3].any()
  assert "1 joints outside the picture count as not found." in found.notes


def test_mediapipe_csv_has_the_same(tmp_path):
  points = _points(33)
  head = [
    f"{n}_{a}" for n in mediapipe.NAMES for a in ("x", "y", "z", "visibility")
  ]
  rows = [
    ",".join(f"{u / 1280:.9f},{v / 720:.9f},0,{c}" for u, v, c in frame)
    for frame in points
  ]
  (tmp_path / "m.csv").write_text("\n".join([",".join(head), *rows]))
  found = _read(tmp_path / "m.csv")
  np.testing.assert_allclose(
    found.keypoints, _expected(points, MEDIAPIPE_OF), atol=1e-5
  )


def test_world_landmarks_and_pixels_are_no_image_landmarks(tmp_path):
  points = _points(33)
  frames = _landmarks(points)
  only = [{"pose_world_landmarks": f["pose_world_landmarks"]} for f in frames]
  with pytest.raises(InputError, match="give image landmarks"):
    _read(_write(tmp_path / "m.json", only))
  around = points / [1280, 720, 1]
  around[..., :2] -= (around[:, 23:24, :2] + around[:, 24:25, :2]) / 2
  bare = [[[*p[:2], 0.0, p[2]] for p in f] for f in around.tolist()]
  with pytest.raises(InputError, match="world landmarks; give image"):
    _read(_write(tmp_path / "m.json", bare))
  bare = [[[*p[:2], 0.0, p[2]] for p in f] for f in points.tolist()]
  with pytest.raises(InputError, match="pixels perhaps"):
    _read(_write(tmp_path / "m.json", bare))


def _csv(path, points, names=None):
  head = list(image_points_table.COLUMNS)
  rows = [[f"{x:g}" for x in frame.ravel()] for frame in points]
  if names is not None:
    head.insert(0, "frame")
    rows = [[name, *row] for name, row in zip(names, rows)]
  path.write_text("\n".join(",".join(row) for row in [head, *rows]))
  return path


def test_own_tables(tmp_path):
  points = _points(15)
  points[0, 3] = 0.0
  found = _read(_csv(tmp_path / "k.csv", points, ["c", "a", "b"]))
  np.testing.assert_array_equal(found.keypoints, points)
  assert (found.names, found.named) == (("c", "a", "b"), True)
  found = _read(_csv(tmp_path / "k.csv", points))
  assert (found.names, found.named) == (("0", "1", "2"), False)
  array_file.write(
    tmp_path / "k.npz",
    {
      "keypoints": points.astype(np.float32),
      "names": np.array(["x", "y", "z"]),
    },
  )
  found = _read(tmp_path / "k.npz")
  np.testing.assert_allclose(found.keypoints, points, rtol=1e-6)
  assert (found.names, found.named) == (("x", "y", "z"), True)


def test_empty_cells_are_a_joint_that_was_not_found(tmp_path):
  path = _csv(tmp_path / "k.csv", _points(15))
  head, first, *rest = path.read_text().split("\n")
  cells = first.split(",")
  cells[6:9] = ["", "", ""]
  path.write_text("\n".join([head, ",".join(cells), *rest]))
  assert not _read(path).keypoints[0, 2].any()
  cells[8] = "0.5"
  path.write_text("\n".join([head, ",".join(cells), *rest]))
  with pytest.raises(InputError, match=r"RShoulder of frame 0.*nan"):
    _read(path)


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (lambda p: p * [1 / 1280, 1 / 720, 1], "shares of the picture.*1280"),
    (
      lambda p: p * [3, 3, 1],
      "outside the picture of 1280 x 720 pixels, first",
    ),
    (lambda p: p * [1, np.nan, 1], "not finite.*Nose of frame 0"),
    (lambda p: p * [1, 1, -1], "a confidence: Nose"),
    (lambda p: p * [1, 1, 100], "a confidence: Nose"),
    (lambda p: p * [1, 1, np.nan], "a confidence: Nose"),
    (lambda p: p * [1, 1, 0], "no joint in any frame"),
    (lambda p: p[:0], "holds 0 frames"),
    (lambda p: p[:, :14], r"\(3, 14, 3\)"),
    (lambda p: p.astype(str), "<U"),
  ],
)
def test_values_that_cannot_be(tmp_path, change, said):
  array_file.write(tmp_path / "k.npz", {"keypoints": change(_points(15))})
  with pytest.raises(InputError, match=f"k.npz.*{said}"):
    _read(tmp_path / "k.npz")


def test_a_small_picture_may_hold_small_coordinates():
  """Two pixels are shares only where the picture is much larger."""
  from bgm2pose_jax.poses import image_points

  points = _points(15) * [1 / 1280, 1 / 720, 1]
  held = image_points.ImagePoints(("0", "1", "2"), False, points)
  found = image_points.in_image(held, (2, 2), "x")
  np.testing.assert_array_equal(found.keypoints, points)


@pytest.mark.parametrize(
  ("content", "said"),
  [
    ({"people": [{"pose_keypoints_2d": [1.0] * 54}]}, "54.*COCO's 18"),
    ({"people": [{"pose_keypoints_2d": [1.0] * 74}]}, "74 numbers"),
    ({"people": [{"pose_keypoints_2d": ["1"] * 75}]}, "'1' among"),
    ({"people": [{"pose_keypoints_2d": [True] * 75}]}, "True among"),
    ({"people": [{"pose_keypoints_2d": [10**400] * 75}]}, "the number"),
    ({"people": [{}]}, "without pose_keypoints_2d"),
    ({"people": [3]}, "without pose_keypoints_2d"),
    ({"people": 3}, "no list 'people'"),
    ([{"people": []}, 5], "frame 1: holds no list"),
    ([{"image_id": 1, "keypoints": [1.0] * 50}], "result 0: has 50 numbers"),
    ([{"image_id": 1}], "has no numbers"),
    ([{"image_id": 1.5, "keypoints": [1.0] * 51}], "image_id 1.5"),
    ([{"image_id": 1, "keypoints": [1.0] * 51},
      {"image_id": "a", "keypoints": [1.0] * 51}], "numbers and texts"),
    ([{"x": 1}], "no landmarks|shows nobody|no list"),
    ({"frames": [[[0.5, 0.5, 0, 1]] * 17]}, "17 landmarks instead of 33"),
  ],
)  # fmt: skip
def test_broken_json_is_one_line(tmp_path, content, said):
  with pytest.raises(InputError, match=f"b.json.*({said})"):
    _read(_write(tmp_path / "b.json", content))


def test_files_that_are_none(tmp_path):
  for name, text, said in (
    ("a.json", '{"people": [', "JSON"),
    ("b.csv", "a,b\n1,2\n", "no columns"),
    ("c.csv", "Nose_u,Nose_v\n1,2\n", "no column 'Nose_c'"),
    ("d.csv", "", "empty"),
  ):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}.*{said}"):
      _read(tmp_path / name)
  (tmp_path / "e").mkdir()
  with pytest.raises(InputError, match="holds 0 files"):
    _read(tmp_path / "e")
  with pytest.raises(InputError, match="no such file"):
    _read(tmp_path / "none.json")


def test_every_joint_has_a_source():
  for names in (detected_joints.COCO17, mediapipe.NAMES):
    found = detected_joints.from_names(names, np.ones((1, len(names), 3)))
    assert (found == 1).all()
