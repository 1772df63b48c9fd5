"""rig.json, right and wrong."""

import json

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.rig import Camera, Rig

# Four corners at four heights, camera frame.
PAIRS_M = [[-2, 0.7, 0.1], [2, -0.4, 0.2], [2, 0.6, 4], [-2, -0.6, 4.1]]


def _rig(**changes):
  return {
    "unit": "m",
    "frame": "camera",
    "axes": "x_right_y_down_z_forward",
    "camera": {
      "focal_px": [610, 611],
      "centre_px": [640, 360],
      "image_px": [1280, 720],
    },
    "pairs": [{"position": p} for p in PAIRS_M],
    "grid_centre": [0, 0.2, 2.5],
  } | changes


def _read(tmp_path, **changes):
  path = tmp_path / "rig.json"
  path.write_text(json.dumps(_rig(**changes)))
  return rig_file.read_rig(path)


def _pairs(positions):
  return [{"position": list(p)} for p in positions]


def test_a_rig_as_it_stands(tmp_path):
  found = _read(tmp_path)
  np.testing.assert_array_equal(found.rig.pairs_m, PAIRS_M)
  assert found.rig.camera == Camera((610, 611), (640, 360), (1280, 720))
  assert found.names == ("pair 1", "pair 2", "pair 3", "pair 4")
  np.testing.assert_array_equal(found.grid_centre_m, [0, 0.2, 2.5])
  assert (found.notes, found.warnings) == ((), ())


def test_what_is_written_is_read(tmp_path):
  rig = Rig(Camera((500.5, 501), (320, 240), (640, 480)), np.array(PAIRS_M))
  path = tmp_path / "rig.json"
  rig_file.write_rig(path, rig, grid_centre_m=np.array([0.1, 0.2, 2]))
  found = rig_file.read_rig(path)
  assert found.rig.camera == rig.camera
  np.testing.assert_array_equal(found.rig.pairs_m, rig.pairs_m)
  np.testing.assert_array_equal(found.grid_centre_m, [0.1, 0.2, 2])
  rig_file.write_rig(path, rig, names=["a", "b", "c", "d"])
  found = rig_file.read_rig(path)
  assert found.names == ("a", "b", "c", "d")
  np.testing.assert_allclose(found.grid_centre_m, [0, 0.075, 2.1])
  assert "names no grid_centre" in found.notes[0]


@pytest.mark.parametrize(
  ("unit", "per_m"), [("cm", 100), ("mm", 1000), ("in", 1 / 0.0254)]
)
def test_units(tmp_path, unit, per_m):
  found = _read(
    tmp_path,
    unit=unit,
    pairs=_pairs(per_m * np.array(PAIRS_M)),
    grid_centre=[0, 0, 2 * per_m],
  )
  np.testing.assert_allclose(found.rig.pairs_m, PAIRS_M, atol=1e-12)
  np.testing.assert_allclose(found.grid_centre_m, [0, 0, 2])


@pytest.mark.parametrize(
  ("axes", "of_camera", "left_handed"),
  [
    ("x_right_y_up_z_backward", lambda x, y, z: (x, -y, -z), False),
    ("x_forward_y_left_z_up", lambda x, y, z: (z, -x, -y), False),
    ("x_right_y_up_z_forward", lambda x, y, z: (x, -y, z), True),
    ("x_right_y_forward_z_up", lambda x, y, z: (x, z, -y), False),
  ],
)
def test_axes_are_converted_and_said(tmp_path, axes, of_camera, left_handed):
  found = _read(
    tmp_path,
    axes=axes,
    pairs=_pairs([of_camera(*p) for p in PAIRS_M]),
    grid_centre=of_camera(0, 0.2, 2.5),
  )
  np.testing.assert_allclose(found.rig.pairs_m, PAIRS_M)
  np.testing.assert_allclose(found.grid_centre_m, [0, 0.2, 2.5])
  assert f"converted from {axes}" in found.notes[0]
  assert any("left-handed" in note for note in found.notes) == left_handed


def test_loudspeaker_and_microphone_apart(tmp_path):
  pairs = _pairs(PAIRS_M)
  x, y, z = PAIRS_M[0]
  pairs[0] = {
    "name": "left",
    "loudspeaker": [x, y - 0.15, z],
    "microphone": [x, y + 0.15, z],
  }
  found = _read(tmp_path, pairs=pairs)
  np.testing.assert_allclose(found.rig.pairs_m, PAIRS_M)
  assert "'left' are 30 cm apart" in found.warnings[0]
  pairs[0]["microphone"] = [x, y + 0.9, z]
  with pytest.raises(InputError, match=r"'left'.*1.05 m apart"):
    _read(tmp_path, pairs=pairs)


@pytest.mark.parametrize(
  ("positions", "said"),
  [
    (PAIRS_M[:3], "There are 3 pairs"),
    (PAIRS_M[:3], "in one plane"),
    ([[-2, 0, 1], [-1, 0, 1], [1, 0, 1], [2, 0, 1]], "in one line"),
    ([[x, 0.5, z] for x, _, z in PAIRS_M], "in one plane"),
    ([*PAIRS_M[:3], [-2, 0.6, -0.5]], "behind the camera.*pair 4"),
  ],
)
def test_what_makes_the_result_worse(tmp_path, positions, said):
  import re

  found = _read(tmp_path, pairs=_pairs(positions))
  assert any(re.search(said, text) for text in found.warnings)


def test_a_pair_alone_is_warned_of(tmp_path):
  found = _read(tmp_path, pairs=_pairs(PAIRS_M[:1]))
  assert found.warnings == (
    "There are 1 pairs: distances are found less well than by 4.",
  )


def _camera(**changes):
  return {"camera": _rig()["camera"] | changes}


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"unit": "ft"}, "unit is 'ft'.*m, cm, mm, in"),
    ({"unit": ["m"]}, "unit is"),
    ({"frame": "world"}, "frame is 'world'.*as the camera sees them"),
    ({"axes": "y up"}, "axes is 'y up'.*x_right_y_down_z_forward"),
    ({"axes": "x_right_y_left_z_up"}, "two axes along one line"),
    ({"axes": "x_right_y_up_z_backward"}, "every pair behind"),
    ({"unit": "mm"}, "within 0.41 cm of the camera in the unit 'mm'"),
    ({"pairs": _pairs(1000 * np.array(PAIRS_M))}, "2000 m .* millimetres"),
    ({"grid_centre": [0, 0, 2500]}, "grid_centre 2500 m"),
    ({"grid_centre": [0, 0, -2]}, "2.00 m behind the camera"),
    ({"pairs": _pairs([*PAIRS_M, PAIRS_M[1]])}, "'pair 2' and 'pair 5' at one"),
    ({"pairs": []}, "has 0 pairs"),
    ({"pairs": _pairs([[1, 2, 3]] * 100)}, "has 100 pairs"),
    ({"pairs": [{"position": [1, 2]}]}, r"pairs\[0\].position is \[1, 2\]"),
    ({"pairs": [{"position": [1, 2, "3"]}]}, "3 finite numbers"),
    ({"pairs": [{"position": [1, 2, True]}]}, "3 finite numbers"),
    ({"pairs": [{"microphone": [1, 2, 3]}]}, "loudspeaker and"),
    ({"pairs": [{"name": "a", "position": [1, 2, 3]}] * 2}, "two pairs 'a'"),
    ({"pairs": [{"name": 5, "position": [1, 2, 3]}]}, "name is 5"),
    ({"pairs": [7]}, r"pairs\[0\] is 7"),
    ({"gird_centre": [0, 0, 2]}, "unknown entry 'gird_centre'"),
    ({"camera": {"focal_px": [1, 1]}}, "camera is"),
    (_camera(focal_px=[0.7, 0.7]), "focal_px.*in pixels"),
    (_camera(focal_px=610), "camera.focal_px is 610"),
    (_camera(centre_px=[0.5, 9000]), "centre_px.*outside"),
    (_camera(image_px=[1280.5, 720]), "image_px"),
    (_camera(image_px=[-1280, 720]), "image_px"),
  ],
)
def test_rigs_that_cannot_be(tmp_path, changes, said):
  with pytest.raises(InputError, match=f"rig.json.*{said}"):
    _read(tmp_path, **changes)


def test_numbers_that_json_cannot_spell(tmp_path):
  path = tmp_path / "rig.json"
  text = json.dumps(_rig())
  for bad in ("NaN", "Infinity", "1e999", "1" + "0" * 400):
    path.write_text(text.replace("0.7", bad, 1))
    with pytest.raises(InputError, match=r"rig.json.*pairs\[0\]"):
      rig_file.read_rig(path)
  path.write_text(json.dumps({k: v for k, v in _rig().items() if k != "unit"}))
  with pytest.raises(InputError, match="has no 'unit'"):
    rig_file.read_rig(path)


def test_the_documented_example_is_read(tmp_path):
  path = tmp_path / "rig.json"
  path.write_text(rig_file.FORMAT.split("\n\n")[1])
  assert rig_file.read_rig(path).names == ("left", "right")
