"""Positions out as BVH and back, by our reader and by SciPy's rotations."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import bvh_writer, joint_rotations
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.rest_pose import REST13, REST21
from bgm2pose_jax.simulate import kinematics, motion

AT = {name: i for i, name in enumerate(BODY21.joints)}
SINGLE = [children[0] for children in REST21.children if len(children) == 1]
FANS = [list(children) for children in REST21.children if len(children) > 1]


def rigid_m(frames=400, seed=3):
  """A body with bones of constant length in poses of any kind, metres."""
  rng = np.random.default_rng(seed)
  low, high = kinematics.LOWEST, kinematics.HIGHEST
  channels = rng.uniform(low, high, (frames, len(low)))
  points = kinematics.joint_positions(channels, kinematics.BodyDimensions())
  turn = Rotation.random(frames, rng).as_matrix()
  return points @ np.swapaxes(turn, 1, 2) + rng.normal(size=(frames, 1, 3))


def jittered(frames=300, seed=4):
  """Poses as a network may give them: every bone varies, float32."""
  rng = np.random.default_rng(seed)
  points = rigid_m(frames, seed) / 0.0921
  noise = 0.4 * rng.normal(size=points.shape)
  return (points + noise).astype(np.float32)


def read_m(path):
  tree = poses.read_bvh(path)
  columns = [tree.names.index(name) for name in BODY21.joints]
  return tree.positions(columns) / 100.0, tree


def degrees_apart(a, b):
  cross = np.linalg.norm(np.cross(a, b), axis=-1)
  return np.degrees(np.arctan2(cross, (a * b).sum(axis=-1)))


def bones_of(points, joints):
  parents = [BODY21.parents[joint] for joint in joints]
  return points[:, joints] - points[:, parents]


def test_rigid_bodies_come_back_in_place(tmp_path):
  points = rigid_m()
  poses.write_bvh(tmp_path / "a.bvh", points, 20.0)
  back, tree = read_m(tmp_path / "a.bvh")
  assert tree.rate_hz == 20.0
  np.testing.assert_allclose(back, points, atol=2e-6)


def test_the_unit_is_metres_per_unit(tmp_path):
  points = rigid_m(50)
  points_in = points.astype(np.float32) / np.float32(0.1)
  poses.write_bvh(tmp_path / "a.bvh", points_in, 29.97, unit_m=0.1)
  back, tree = read_m(tmp_path / "a.bvh")
  assert tree.rate_hz == pytest.approx(29.97, abs=1e-5)
  np.testing.assert_allclose(back, points, atol=1e-5)


def test_single_bones_point_as_predicted_and_have_their_median_length(tmp_path):
  points = jittered()
  poses.write_bvh(tmp_path / "a.bvh", points, 20.0)
  back, _ = read_m(tmp_path / "a.bvh")
  got, wanted = bones_of(back, SINGLE), bones_of(points, SINGLE)
  assert degrees_apart(got, wanted).max() < 0.01
  everywhere = list(range(1, BODY21.num_joints))
  length = np.linalg.norm(bones_of(back, everywhere), axis=-1)
  median = np.median(
    np.linalg.norm(bones_of(points, everywhere), axis=-1), axis=0
  )
  np.testing.assert_allclose(length, np.tile(median, (300, 1)), rtol=1e-5)
  np.testing.assert_allclose(back[:, 0], points[:, 0], atol=1e-6)


def test_fans_are_fitted_as_well_as_scipy_fits_them():
  points = jittered(40).astype(np.float64)
  offsets = joint_rotations.rest_offsets(points)
  turns = joint_rotations.orientations(points, offsets)
  for joints in FANS:
    bones = bones_of(points, joints)
    joint = BODY21.parents[joints[0]]
    for frame in range(len(points)):
      best, _ = Rotation.align_vectors(
        bones[frame],
        offsets[joints],
        weights=np.ones(3),
      )
      apart = Rotation.from_matrix(turns[frame, joint]) * best.inv()
      assert apart.magnitude() < 1e-6


def test_rotations_are_rotations_even_where_bones_say_nothing():
  points = jittered(30).astype(np.float64)
  points[3] = 0.0
  points[5, AT["LeftHand"]] = points[5, AT["LeftForeArm"]]
  # Everything on one line, some bones straight against their rest.
  points[7] = np.outer(np.arange(21) - 4.0, (0.0, 1.0, 0.0))
  points[9] = np.outer(np.arange(21) - 4.0, (-1.0, 0.0, 0.0))
  offsets = joint_rotations.rest_offsets(points)
  turns = joint_rotations.orientations(points, offsets)
  product = turns @ np.swapaxes(turns, -1, -2)
  np.testing.assert_allclose(
    product, np.broadcast_to(np.eye(3), product.shape), atol=1e-12
  )
  np.testing.assert_allclose(np.linalg.det(turns), 1.0, atol=1e-12)
  for joint in SINGLE:
    bone = points[:, joint] - points[:, BODY21.parents[joint]]
    there = np.linalg.norm(bone, axis=-1) > 0
    aim = turns[there, BODY21.parents[joint]] @ offsets[joint]
    assert degrees_apart(aim, bone[there]).max() < 1e-5
  np.testing.assert_allclose(
    turns[3], np.broadcast_to(np.eye(3), (21, 3, 3)), atol=1e-12
  )


def test_a_leg_straight_up_and_an_arm_right_through_the_chest():
  points = rigid_m(4)
  offsets = joint_rotations.rest_offsets(points)
  before = joint_rotations.orientations(points, offsets)
  for start, end, parent in (
    ("LeftUpLeg", "LeftLeg", "Hips"),
    ("RightArm", "RightForeArm", "RightShoulder"),
    ("LeftFoot", "LeftToeBase", "LeftLeg"),
  ):
    moved = points.copy()
    back = -before[:, AT[parent]] @ offsets[AT[end]]
    moved[:, AT[end]] = moved[:, AT[start]] + back
    turns = joint_rotations.orientations(moved, offsets)[:, AT[start]]
    np.testing.assert_allclose(np.linalg.det(turns), 1.0, atol=1e-12)
    np.testing.assert_allclose(turns @ offsets[AT[end]], back, atol=1e-9)


def test_what_a_fan_leaves_open_is_as_its_parent():
  points = rigid_m(6)
  offsets = joint_rotations.rest_offsets(points)
  spine = joint_rotations.orientations(points, offsets)[:, AT["Spine"]]
  neck = spine @ Rotation.from_euler("z", 1.0).as_matrix() @ offsets[AT["Neck"]]
  joints = [AT["Neck"], AT["LeftShoulder"], AT["RightShoulder"]]
  points[:, joints] = points[:, [AT["Spine1"]]]
  gone = joint_rotations.orientations(points, offsets)
  np.testing.assert_allclose(gone[:, AT["Spine1"]], spine, atol=1e-9)
  points[:, AT["Neck"]] += neck
  line = joint_rotations.orientations(points, offsets)[:, AT["Spine1"]]
  np.testing.assert_allclose(line @ offsets[AT["Neck"]], neck, atol=1e-6)
  # Turned by one radian about z and about nothing else: the least turn.
  apart = Rotation.from_matrix(np.swapaxes(spine, 1, 2) @ line).magnitude()
  np.testing.assert_allclose(apart, 1.0, atol=1e-5)


def test_rotations_turn_by_the_least_angle():
  points = rigid_m(20)
  offsets = joint_rotations.rest_offsets(points)
  local = joint_rotations.local_rotations(
    joint_rotations.orientations(points, offsets)
  )
  for column, joint in enumerate(REST21.turning):
    if len(REST21.children[joint]) > 1:
      continue
    rest = offsets[REST21.children[joint][0]]
    angle = Rotation.from_matrix(local[:, column]).magnitude()
    apart = degrees_apart(local[:, column] @ rest, rest)
    np.testing.assert_allclose(np.degrees(angle), apart, atol=1e-6)


def test_at_rest_the_left_is_towards_x_and_the_person_faces_z():
  channels = np.zeros((3, len(kinematics.LOWEST)))
  stage = kinematics.joint_positions(channels, kinematics.BodyDimensions())
  offsets = joint_rotations.rest_offsets(stage)
  hips = joint_rotations.orientations(stage, offsets)[:, 0]
  # The kinematic person faces +z with its left towards +x, like the rest.
  np.testing.assert_allclose(hips, np.tile(np.eye(3), (3, 1, 1)), atol=1e-9)
  points = np.zeros((BODY21.num_joints, 3))
  for joint in range(1, BODY21.num_joints):
    points[joint] = points[BODY21.parents[joint]] + offsets[joint]
  assert points[AT["LeftHand"], 0] > 0.5
  assert points[AT["LeftHand"], 1] == pytest.approx(points[AT["LeftArm"], 1])
  assert points[AT["LeftToeBase"], 2] > 0.1
  mirrored = points * (-1, 1, 1)
  for name in AT:
    if name.startswith("Left"):
      right = points[AT["Right" + name.removeprefix("Left")]]
      np.testing.assert_allclose(right, mirrored[AT[name]], atol=1e-9)
  # Turned away (the simulator's people face -z) only the hips turn.
  away = stage @ Rotation.from_euler("y", 180, degrees=True).as_matrix().T
  offsets = joint_rotations.rest_offsets(away)
  turned = joint_rotations.orientations(away, offsets)
  np.testing.assert_allclose(
    turned[0, 0], np.diag([-1.0, 1.0, -1.0]), atol=1e-9
  )


@pytest.mark.parametrize("block", [1, 7, 500])
def test_angles_are_scipys_and_never_jump(block):
  rng = np.random.default_rng(0)
  # A walk through all orientations, past and exactly through x = 90 degrees.
  spin = Rotation.from_rotvec(rng.normal(size=3) * 0.02)
  walk = [Rotation.random(None, rng)]
  for _ in range(299):
    walk.append(spin * walk[-1] * Rotation.from_euler("x", 2, degrees=True))
  pole = Rotation.from_euler(
    "ZXY",
    [(30.0, x, 20.0) for x in np.arange(-80, 281, 2.0)],
    degrees=True,
  )
  for turns in (Rotation.concatenate(walk).as_matrix(), pole.as_matrix()):
    angles = np.zeros((0, 1, 3))
    for start in range(0, len(turns), block):
      last = angles[-1] if len(angles) else None
      part = turns[start : start + block, None]
      angles = np.concatenate([angles, joint_rotations.euler_zxy(part, last)])
    ours = Rotation.from_euler("ZXY", angles[:, 0], degrees=True)
    theirs = Rotation.from_matrix(turns)
    assert (ours * theirs.inv()).magnitude().max() < 1e-9
    # Of the two forms of every next rotation the nearer one was taken.
    steps = np.diff(angles[:, 0], axis=0)
    other = angles[1:, 0] * (1, -1, 1) + 180 - angles[:-1, 0]
    other = (other + 180) % 360 - 180
    taken = np.abs(steps).sum(axis=1)
    assert (taken <= np.abs(other).sum(axis=1) + 1e-6).all()
    assert np.abs(steps).max() <= 180 + 1e-6
  # Straight over the pole x alone moves, by two degrees a frame.
  np.testing.assert_allclose(np.diff(angles[:, 0, 1]), 2.0, atol=1e-6)
  np.testing.assert_allclose(np.ptp(angles[:, 0, ::2], axis=0), 0, atol=1e-4)


def test_angles_at_the_pole_keep_what_was_before():
  pole = Rotation.from_euler(
    "ZXY", [(10, 50, 60), (30, 90, 20), (40, 90, 20)], degrees=True
  )
  angles = joint_rotations.euler_zxy(pole.as_matrix()[:, None])[:, 0]
  # z + y is all that the rotation has; y stays at 60.
  np.testing.assert_allclose(
    angles, [(10, 50, 60), (-10, 90, 60), (0, 90, 60)], atol=1e-6
  )
  alone = joint_rotations.euler_zxy(pole.as_matrix()[1:, None])[:, 0]
  np.testing.assert_allclose(alone, [(50, 90, 0), (60, 90, 0)], atol=1e-6)


def test_a_spinning_person_stays_within_what_readers_take(monkeypatch):
  monkeypatch.setattr(joint_rotations, "_MOST_DEG", 1000.0)
  spin = Rotation.from_euler("y", np.arange(90.0)[:, None] * 100, degrees=True)
  turns = spin.as_matrix()[:, None]
  angles, last = [], None
  for start in range(0, 90, 10):
    angles.append(joint_rotations.euler_zxy(turns[start : start + 10], last))
    last = angles[-1][-1]
  y = np.concatenate(angles)[:, 0, 2]
  assert 1000 < y.max() < 2100
  np.testing.assert_allclose((y - np.arange(90) * 100 + 5) % 360, 5, atol=1e-6)


def test_blocks_make_no_difference(tmp_path, monkeypatch):
  points = jittered(60)
  poses.write_bvh(tmp_path / "a.bvh", points, 20.0)
  monkeypatch.setattr(bvh_writer, "_BLOCK", 7)
  poses.write_bvh(tmp_path / "b.bvh", points, 20.0)
  one, other = (
    poses.read_bvh(tmp_path / name).channels for name in ("a.bvh", "b.bvh")
  )
  np.testing.assert_allclose(one, other, atol=2e-5)


def test_a_written_file_is_a_clip(tmp_path):
  style = motion.subject_style("ann")
  moved = motion.perform(style, 6.0, motion.random_stream(1, "x"), 20.0)
  poses.write_bvh(tmp_path / "ann_walk.bvh", moved.positions_m, moved.rate_hz)
  (clip,) = poses.load_folder(tmp_path)
  assert (clip.subject, clip.rate_hz) == ("ann", 20.0)
  assert "centimetre" in clip.unit_note
  lowest = np.percentile(moved.positions_m[..., 1].min(axis=1), 5.0)
  start, stop = clip.frame_range
  wanted = moved.positions_m[start:stop] - np.array([0, lowest, 0])
  assert stop - start > 100
  np.testing.assert_allclose(clip.positions_m, wanted, atol=1e-5)


def test_the_hierarchy_is_as_strict_importers_want_it(tmp_path):
  poses.write_bvh(tmp_path / "a.bvh", rigid_m(2), 20.0)
  text = (tmp_path / "a.bvh").read_text()
  head, body = text.split("MOTION\n")
  rows = [line.split() for line in head.splitlines()]
  for i, row in enumerate(rows):
    if row[0] in ("ROOT", "JOINT"):
      keys = [line[0] for line in rows[i + 1 : i + 4]]
      assert len(row) == 2
      assert keys == ["{", "OFFSET", "CHANNELS"]
      assert rows[i + 3][-3:] == ["Zrotation", "Xrotation", "Yrotation"]
    if row[0] in ("JOINT", "End"):
      offset = rows[i + 2][1:]
      assert np.linalg.norm(np.array(offset, float)) > 1.0  # centimetres
  assert head.count("End Site") == 5
  assert rows[3][1:] == ["0.000000"] * 3
  assert re.match(r"Frames: 2\nFrame Time: 0\.05\d*\n", body)
  assert "-0.00000 " not in body


@pytest.mark.parametrize(
  ("points", "options", "message"),
  [
    (np.zeros((4, 20, 3)), {}, r"shape \(4, 20, 3\)"),
    (np.zeros((0, 21, 3)), {}, r"shape \(0, 21, 3\)"),
    (np.zeros((21, 3)), {}, r"shape \(21, 3\)"),
    (np.full((4, 21, 3), np.nan), {}, "frames 0 to 3 hold"),
    (np.full((4, 21, 3), 2e4), {}, "frames 0 to 3 hold"),
    (np.zeros((4, 21, 3)), {"rate_hz": 0.0}, "0.0 frames a second"),
    (np.zeros((4, 21, 3)), {"rate_hz": np.nan}, "nan frames a second"),
    (np.zeros((4, 21, 3)), {"unit_m": 0.0}, "a unit of 0.0 m"),
    (np.zeros((4, 21, 3)), {"unit_m": np.inf}, "a unit of inf m"),
  ],
)
def test_what_cannot_be_written_is_refused(tmp_path, points, options, message):
  path = tmp_path / "a.bvh"
  with pytest.raises(InputError, match=message) as caught:
    poses.write_bvh(path, points, **{"rate_hz": 20.0, **options})
  assert "a.bvh" in str(caught.value)
  assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_one_line(tmp_path):
  with pytest.raises(InputError, match=r"none/a\.bvh: cannot be written"):
    poses.write_bvh(tmp_path / "none" / "a.bvh", rigid_m(2), 20.0)


def bowing_m(frames=200, seed=5):
  """13 points of one who turns and bends, every bone varying, metres."""
  rng = np.random.default_rng(seed)
  still = np.cumsum(REST13.directions() * 0.3, axis=0)
  for joint, parent in enumerate(REST13.skeleton.parents):
    if parent >= 0:
      still[joint] = still[parent] + 0.3 * REST13.directions()[joint]
  turn = Rotation.random(frames, rng).as_matrix()
  points = still @ np.swapaxes(turn, 1, 2) + rng.normal(size=(frames, 1, 3))
  return points + 0.03 * rng.normal(size=points.shape)


def test_13_joints_with_positions_lie_where_they_were(tmp_path):
  points = bowing_m()
  path = tmp_path / "a.bvh"
  poses.write_bvh(path, points, 50.0, rest=REST13, exact=True)
  tree = poses.read_bvh(path)
  columns = [tree.names.index(name) for name in REST13.skeleton.joints]
  back = tree.positions(columns) / 100.0
  assert tree.rate_hz == 50.0
  np.testing.assert_allclose(back, points, atol=2e-6)


def test_13_joints_without_positions_point_where_they_pointed(tmp_path):
  points = bowing_m()
  path = tmp_path / "a.bvh"
  poses.write_bvh(path, points, 50.0, rest=REST13)
  tree = poses.read_bvh(path)
  columns = [tree.names.index(name) for name in REST13.skeleton.joints]
  back = tree.positions(columns) / 100.0
  np.testing.assert_allclose(back[:, 0], points[:, 0], atol=2e-6)
  parents = np.array(REST13.skeleton.parents)
  joints = [3, 4, 5, 6, 9, 10, 11, 12]
  got, wanted = (x[:, joints] - x[:, parents[joints]] for x in (back, points))
  assert degrees_apart(got, wanted).max() < 0.01
  # A rigid trunk is matched exactly.
  rigid = np.repeat(points[:1], 5, axis=0)
  poses.write_bvh(path, rigid, 50.0, rest=REST13)
  tree = poses.read_bvh(path)
  np.testing.assert_allclose(tree.positions(columns) / 100.0, rigid, atol=2e-6)


def test_13_joints_at_rest_face_the_front_whichever_way_they_were_seen():
  offsets = joint_rotations.rest_offsets(bowing_m(), REST13)
  at = dict(zip(REST13.skeleton.joints, offsets))
  for right, left in (("RSHO", "LSHO"), ("RBWT", "LBWT")):
    assert at[right][0] < -0.03
    assert at[left][0] > 0.03
  assert at["RBWT"][1] < -0.2
  np.testing.assert_allclose(offsets[:, 2][[1, 2, 7, 8]], 0, atol=0.02)
