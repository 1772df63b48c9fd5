from __future__ import annotations

import gzip

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.bvh import read_bvh
from bgm2pose_jax.poses.bvh_hierarchy import MAX_DEPTH, MAX_NODES

TWO_BONES = """HIERARCHY
ROOT base
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT elbow
  {
    OFFSET 0 2 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site
    {
      OFFSET 1 0 0
    }
    End Site
    {
      OFFSET 0 0 3
    }
  }
}
MOTION
Frames: 3
Frame Time: .0083333
1 2 3 0 0 0 0 0 0
0 0 0 90 0 0 0 0 0
0 0 0 90 0 0 90 0 0
"""


def write(tmp_path, text, name="a.bvh"):
  path = tmp_path / name
  path.write_text(text)
  return path


def test_positions_are_the_closed_form_ones(tmp_path):
  motion = read_bvh(write(tmp_path, TWO_BONES))
  assert motion.names == (
    "base",
    "elbow",
    "elbow End Site",
    "elbow End Site 2",
  )
  assert motion.rate_hz == 120.0
  expected = [
    [[1, 2, 3], [1, 4, 3], [2, 4, 3], [1, 4, 6]],
    # +90 degrees about z takes y to -x and x to y.
    [[0, 0, 0], [-2, 0, 0], [-2, 1, 0], [-2, 0, 3]],
    # The elbow's own y axis now points along -x: x -> -z, z -> x of the
    # elbow, seen from the root as (0, 0, -1) and (0, 3, 0).
    [[0, 0, 0], [-2, 0, 0], [-2, 0, -1], [-2, 3, 0]],
  ]
  np.testing.assert_allclose(motion.positions(), expected, atol=1e-12)


def test_wanted_nodes_equal_the_same_columns_of_all(tmp_path):
  motion = read_bvh(write(tmp_path, TWO_BONES))
  np.testing.assert_array_equal(
    motion.positions([3, 1]), motion.positions()[:, [3, 1]]
  )


@pytest.mark.parametrize("order", ["ZXY", "ZYX", "XYZ", "YXZ", "XZY", "YZX"])
def test_forward_kinematics_agrees_with_scipy_rotations(tmp_path, order):
  rng = np.random.default_rng(3)
  depth, frames = 5, 7
  offsets = rng.normal(size=(depth + 1, 3))
  angles = rng.uniform(-180, 180, size=(frames, depth, 3))
  root = rng.normal(size=(frames, 3))
  rotations = " ".join(f"{axis}rotation" for axis in order)
  head, tail = ["HIERARCHY"], []
  for joint in range(depth):
    head += [f"{'JOINT' if joint else 'ROOT'} j{joint}", "{"]
    head.append("OFFSET " + " ".join(map(repr, offsets[joint].tolist())))
    if joint:
      head.append(f"CHANNELS 3 {rotations}")
    else:
      head.append(f"CHANNELS 6 Zposition Xposition Yposition {rotations}")
    tail.append("}")
  head += ["End Site", "{"]
  head.append("OFFSET " + " ".join(map(repr, offsets[depth].tolist())))
  head += ["}", *tail, "MOTION", f"Frames: {frames}", "Frame Time: 0.01"]
  for frame in range(frames):
    values = [*root[frame][[2, 0, 1]], *angles[frame].ravel()]
    head.append(" ".join(repr(float(value)) for value in values))
  got = read_bvh(write(tmp_path, "\n".join(head))).positions()

  point, turn = root.copy(), Rotation.identity(frames)
  np.testing.assert_allclose(got[:, 0], point, atol=1e-12)
  for joint in range(depth):
    # Upper case letters are intrinsic rotations, in the order given.
    turn = turn * Rotation.from_euler(order, angles[:, joint], degrees=True)
    point = point + turn.apply(offsets[joint + 1])
    np.testing.assert_allclose(got[:, joint + 1], point, atol=1e-10)


def test_position_channels_of_a_joint_replace_its_offset(tmp_path):
  text = TWO_BONES.replace(
    "CHANNELS 3 Yrotation Zrotation Xrotation", "CHANNELS 1 Yposition"
  )
  text = text[: text.index("1 2 3")] + "1 2 3 0 0 0 5\n" * 3
  got = read_bvh(write(tmp_path, text)).positions()
  np.testing.assert_allclose(got[0, :2], [[1, 2, 3], [1, 7, 3]])


@pytest.mark.parametrize(
  ("frame_s", "rate_hz"),
  [("0.008333", 120.0), ("0.0333667", 1 / 0.0333667), ("0.01", 100.0)],
)
def test_frame_rate_is_rounded_only_next_to_a_whole_number(
  tmp_path, frame_s, rate_hz
):
  text = TWO_BONES.replace(".0083333", frame_s)
  assert read_bvh(write(tmp_path, text)).rate_hz == rate_hz


def test_gzip_crlf_tabs_lower_case_and_braces_on_the_line(tmp_path):
  text = TWO_BONES.replace("ROOT base\n{", "ROOT base {")
  text = text.replace("Xrotation", "XROTATION").replace("  ", "\t")
  text = "\ufeff" + text.replace("\n", " \r\n") + "\r\n"
  path = tmp_path / "odd.name"
  path.write_bytes(gzip.compress(text.encode()))
  np.testing.assert_array_equal(
    read_bvh(path).positions(),
    read_bvh(write(tmp_path, TWO_BONES)).positions(),
  )


def deep(levels):
  body = "".join(
    f"{'JOINT' if i else 'ROOT'} j{i}\n{{\nOFFSET 0 1 0\n"
    for i in range(levels)
  )
  return f"HIERARCHY\n{body}" + "}\n" * levels + "MOTION\n"


def wide(joints):
  body = "JOINT j\n{\nOFFSET 0 1 0\n}\n" * joints
  return f"HIERARCHY\nROOT r\n{{\nOFFSET 0 0 0\n{body}}}\nMOTION\n"


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    ("HIERARCHY", "HIERARCHICAL", "line 1: does not start with HIERARCHY"),
    ("Frames: 3", "Frames: 3000000000", "announced in"),
    ("Frames: 3", "Frames: 2.5", "frame count of 2.5"),
    ("Frames: 3", "Frames: -1", "frame count of -1"),
    ("Frames: 3", "Frames: nan", "line 21: 'nan'"),
    ("Frames: 3", "Framez: 3", "line 21: 'Framez: 3'"),
    (".0083333", "0", "frame time of 0 s; correct it, or give fps_true"),
    (".0083333", "-.0083333", "line 22: a frame time of -0.0083333 s"),
    (
      ".0083333",
      "30",
      "of 30 s; correct it (to 0.0333333 if that is the rate), or give",
    ),
    (
      ".0083333",
      "120",
      "(to 0.00833333 if that is the rate), or give fps_true",
    ),
    (".0083333", "1e9", "frame time"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 nan 0 0 0 0 0", "frame 1 holds NaN"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 inf 0 0 0 0 0", "frame 1 holds NaN"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 9e9 0 0 0 0 0", "frame 1 holds NaN"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 9_0 0 0 0 0 0", "line 24: frame 1 holds"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 9o 0 0 0 0 0", "line 24: frame 1: could"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 90 0 0 0 0", "line 24: frame 1 has 8"),
    ("0 0 0 90 0 0 0 0 0", "0 0 0 90 0 0 0 0 0 0", "frame 1 has 10 values"),
    ("CHANNELS 3 Y", "CHANNELS 4 Y", "line 9: a CHANNELS line whose count"),
    ("Yrotation Zr", "Zrotation Zr", "unknown or repeated channels"),
    ("Yrotation Zr", "Wrotation Zr", "unknown or repeated channels"),
    ("OFFSET 0 2 0", "OFFSET 0 2", "line 8: an OFFSET without three"),
    ("OFFSET 0 2 0", "OFFSET 0 nan 0", "line 8: 'nan' is not a finite"),
    ("OFFSET 0 2 0", "OFFSET 0 1e300 0", "line 8: a bone beyond"),
    ("OFFSET 0 2 0", "OFSET 0 2 0", "line 8: unexpected 'OFSET'"),
    ("JOINT elbow", "JOINT", "without a usable name"),
    ("JOINT elbow", "ROOT elbow", "line 6: a second ROOT"),
    ("JOINT elbow", "JOINT a\nJOINT b", "line 7: a misplaced JOINT"),
    ("End Site", "End", "line 10: 'End' without 'Site'"),
    ("OFFSET 1 0 0", "CHANNELS 1 Xrotation", "can have none"),
    ("OFFSET 1 0 0\n", "JOINT x\n", "a misplaced JOINT"),
    ("}\nMOTION", "MOTION", "MOTION before the hierarchy is closed"),
    ("}\nMOTION", "}\n}\nMOTION", "unexpected '}'"),
    ("{\n  OFFSET 0 0 0", "OFFSET 0 0 0", "line 3: unexpected 'OFFSET'"),
  ],
)
def test_broken_files_are_refused_by_line(tmp_path, old, new, message):
  text = TWO_BONES.replace(old, new, 1)
  assert text != TWO_BONES
  with pytest.raises(InputError) as caught:
    read_bvh(write(tmp_path, text))
  assert message in str(caught.value)
  assert "a.bvh" in str(caught.value)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "an empty file"),
    (" \n \n", "an empty file"),
    ("HIERARCHY\nMOTION\n", "MOTION before the hierarchy"),
    ("HIERARCHY\n" + "\n" * 30_000 + "ROOT r\n", "no MOTION block so far"),
    (TWO_BONES[: TWO_BONES.index("MOTION")], "ends before its MOTION"),
    (TWO_BONES[: TWO_BONES.index("Frame Time")], "ends inside the motion's"),
    (deep(MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH}"),
    (deep(100_000), f"nested deeper than {MAX_DEPTH}"),
    (wide(MAX_NODES), f"more than {MAX_NODES} joints"),
    (deep(3) + "Frames: 1\nFrame Time: 0.01\n", "without CHANNELS"),
    ("HIERARCHY\nROOT " + "x" * 2**21, "line 2: a line of"),
    ("HIERARCHY\0\n", "binary data"),
  ],
)
def test_hostile_files_are_refused(tmp_path, text, message):
  with pytest.raises(InputError, match=message):
    read_bvh(write(tmp_path, text))


def test_deepest_allowed_tree_is_read(tmp_path):
  text = deep(MAX_DEPTH).replace(
    "OFFSET 0 1 0\n", "OFFSET 0 1 0\nCHANNELS 1 Xposition\n", 1
  )
  text += "Frames: 2\nFrame Time: 0.01\n0\n1\n"
  got = read_bvh(write(tmp_path, text)).positions()
  np.testing.assert_allclose(got[:, -1], [[0, 100, 0], [1, 100, 0]])


def check_only_input_errors(path, data):
  path.write_bytes(data)
  refusal = ""
  try:
    assert np.isfinite(read_bvh(path).positions()).all()
  except InputError as error:
    refusal = str(error)
  # One line that names the file, or no refusal at all.
  assert not refusal or (str(path) in refusal and "\n" not in refusal)


@hypothesis.settings(max_examples=150, deadline=None, database=None)
@hypothesis.given(cut=st.integers(0, len(TWO_BONES)), packed=st.booleans())
def test_truncation_anywhere_raises_only_input_error(
  tmp_path_factory, cut, packed
):
  path = tmp_path_factory.getbasetemp() / "cut.bvh"
  data = TWO_BONES.encode()
  data = gzip.compress(data)[:cut] if packed else data[:cut]
  check_only_input_errors(path, data)


@hypothesis.settings(max_examples=200, deadline=None, database=None)
@hypothesis.given(
  start=st.integers(0, len(TWO_BONES)),
  length=st.integers(0, 30),
  patch=st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
      [b"}", b"{", b"MOTION\n", b"JOINT a\n{\n", b"nan", b"1e999", b"\n"]
    ),
  ),
)
def test_patched_files_raise_only_input_error(
  tmp_path_factory, start, length, patch
):
  path = tmp_path_factory.getbasetemp() / "patched.bvh"
  data = TWO_BONES.encode()
  check_only_input_errors(path, data[:start] + patch + data[start + length :])


def test_every_whole_frame_cut_is_noticed(tmp_path):
  rows = TWO_BONES.splitlines(keepends=True)
  first = rows.index("1 2 3 0 0 0 0 0 0\n")
  for keep in range(len(rows)):
    path = write(tmp_path, "".join(rows[:keep]))
    if keep <= first:
      with pytest.raises(InputError):
        read_bvh(path)
    else:
      (warning,) = read_bvh(path).warnings
      assert f"3 announced, {keep - first} lines" in warning


@pytest.mark.parametrize("announced", [1, 2, 4, 30])
def test_all_frames_are_read_whatever_is_announced(tmp_path, announced):
  text = TWO_BONES.replace("Frames: 3", f"Frames: {announced}")
  text += "0 0 0 0 0 0 0 0 0\n" * 20
  motion = read_bvh(write(tmp_path, text))
  assert motion.channels.shape == (23, 9)
  np.testing.assert_array_equal(motion.channels[3:], 0)
  (warning,) = motion.warnings
  assert f"{announced} announced, 23 lines of frames there" in warning
  assert ("copy the file again" in warning) == (announced > 23)


def test_a_known_rate_mends_any_frame_time(tmp_path):
  for frame_time in ("0", "-1", "30", "1.0", ".0083333"):
    text = TWO_BONES.replace(".0083333", frame_time)
    assert read_bvh(write(tmp_path, text), 25.0).rate_hz == 25.0


ODD_ENDS = {
  "Ctrl-Z": TWO_BONES + "\x1a",
  "Ctrl-Z on its line": TWO_BONES + "\r\n\x1a\r\n",
  "lone CR": TWO_BONES.replace("\n", "\r"),
  "CR and Ctrl-Z": TWO_BONES.replace("\n", "\r") + "\x1a",
  "blank lines": TWO_BONES + "\n \n\t\n",
  "comments": "# made by hand\n" + TWO_BONES + "# end\n// of file\n",
  "tabs": TWO_BONES.replace("  ", "\t").replace(" 0", "\t0"),
  "BOM": "\ufeff" + TWO_BONES,
}


@pytest.mark.parametrize("odd", ODD_ENDS)
def test_what_surrounds_the_numbers_does_not_matter(tmp_path, odd):
  path = tmp_path / "odd.bvh"
  path.write_bytes(ODD_ENDS[odd].encode())
  motion = read_bvh(path)
  assert motion.warnings == ()
  expected = read_bvh(write(tmp_path, TWO_BONES))
  assert motion.rate_hz == expected.rate_hz
  np.testing.assert_array_equal(motion.positions(), expected.positions())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_its_mark_is_text(tmp_path, encoding):
  text = TWO_BONES if encoding == "utf-16" else "\ufeff" + TWO_BONES
  path = tmp_path / "odd.bvh"
  path.write_bytes(text.encode(encoding))
  expected = read_bvh(write(tmp_path, TWO_BONES))
  np.testing.assert_array_equal(
    read_bvh(path).positions(), expected.positions()
  )


FRACTIONS = TWO_BONES.replace("OFFSET 0 2 0", "OFFSET 0.0 2.25 0.0").replace(
  "1 2 3 0 0", "1.5 -.25 3e-1 0.0 90.125"
)


def test_decimal_commas_between_blanks_are_read_with_a_warning(tmp_path):
  motion = read_bvh(write(tmp_path, FRACTIONS.replace(".", ",")))
  expected = read_bvh(write(tmp_path, FRACTIONS))
  assert motion.rate_hz == 120.0
  np.testing.assert_array_equal(motion.positions(), expected.positions())
  (warning,) = motion.warnings
  assert "decimal comma from line 8 on" in warning


@pytest.mark.parametrize(
  "row",
  [
    "1.5,2 3 0 0 0 0 0 0 0",
    "1.5 2,5 3 0 0 0 0 0 0",
    "1,2,3,0,0,0,0,0,0",
    "1, 2, 3, 0, 0, 0, 0, 0, 0",
    "1,234.5 2 3 0 0 0 0 0 0",
  ],
)
def test_commas_that_may_be_more_are_refused_as_such(tmp_path, row):
  text = TWO_BONES.replace("1 2 3 0 0 0 0 0 0", row)
  with pytest.raises(InputError, match=r"line 23: .*decimal comma.*English"):
    read_bvh(write(tmp_path, text))


def six_channels(values):
  """TWO_BONES with position channels at its elbow, `values` a frame."""
  text = TWO_BONES.replace(
    "CHANNELS 3 Yrotation Zrotation Xrotation",
    "CHANNELS 6 Xposition Yposition Zposition Yrotation Zrotation Xrotation",
  )
  head, tail = text.split("Frame Time: .0083333\n")
  rows = [row.split() for row in tail.splitlines()]
  rows = [" ".join([*r[:6], *v.split(), *r[6:]]) for r, v in zip(rows, values)]
  return f"{head}Frame Time: .0083333\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("zero", ["0 0 0", "0.01 0 -0.01", "-0 1e-9 0"])
def test_positions_of_zero_leave_the_offset(tmp_path, zero):
  motion = read_bvh(write(tmp_path, six_channels([zero] * 3)))
  expected = read_bvh(write(tmp_path, TWO_BONES))
  np.testing.assert_allclose(
    motion.positions(), expected.positions(), atol=1e-12
  )
  (warning,) = motion.warnings
  assert "of 1 joints are 0 throughout (elbow)" in warning


def test_positions_that_say_something_count(tmp_path):
  text = six_channels(["0 0 0", "0 0 0", "0 5 0"])
  motion = read_bvh(write(tmp_path, text))
  assert motion.warnings == ()
  np.testing.assert_allclose(
    motion.positions()[0, :2], [[1, 2, 3], [1, 2, 3]], atol=1e-12
  )
