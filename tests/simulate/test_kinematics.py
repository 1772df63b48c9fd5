"""Bone lengths, limits and floor for any channels, also absurd ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import kinematics


def _random_channels(scale: float, count: int = 2000) -> np.ndarray:
  rng = np.random.default_rng(5)
  low, high = kinematics.LOWEST, kinematics.HIGHEST
  middle, half = (low + high) / 2, (high - low) / 2
  return middle + scale * half * rng.uniform(-1, 1, (count, len(low)))


def test_rotation_equals_scipy():
  angles = np.random.default_rng(0).uniform(-3, 3, (20, 3))
  ours = kinematics.rotation(*angles.T)
  theirs = Rotation.from_euler("YXZ", angles).as_matrix()
  np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_bone_lengths_are_constant_for_any_channels(scale):
  body = kinematics.BodyDimensions().scaled(1.05, arms=0.95, legs=1.03)
  joints = kinematics.joint_positions(_random_channels(scale), body)
  for parent, child in BODY21.bones:
    length = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1)
    assert np.ptp(length) < 1e-9, BODY21.joints[child]


def test_bone_lengths_are_those_of_the_body():
  body = kinematics.BodyDimensions().scaled(0.9)
  joints = kinematics.joint_positions(_random_channels(1.0, 5), body)
  for child, parent, want in (
    ("Spine", "Hips", body.hips_to_spine_m),
    ("Head", "Neck", body.neck_m),
    ("LeftForeArm", "LeftArm", body.upper_arm_m),
    ("RightHand", "RightForeArm", body.forearm_m),
    ("LeftLeg", "LeftUpLeg", body.thigh_m),
    ("RightFoot", "RightLeg", body.shin_m),
  ):
    bone = joints[:, BODY21.index(child)] - joints[:, BODY21.index(parent)]
    got = np.linalg.norm(bone, axis=-1)
    np.testing.assert_allclose(got, want, rtol=2e-3)


def test_channels_beyond_the_limits_act_as_the_limits():
  body = kinematics.BodyDimensions()
  over = kinematics.HIGHEST + 5.0
  np.testing.assert_array_equal(
    kinematics.joint_positions(over[None], body),
    kinematics.joint_positions(kinematics.HIGHEST[None], body),
  )


def test_no_joint_goes_through_the_floor():
  body = kinematics.BodyDimensions()
  joints = kinematics.joint_positions(_random_channels(1.0), body)
  assert joints[..., 1].min() > body.toe_m - 1e-9
  stand = kinematics.joint_positions(np.zeros((1, 29)), body)[0]
  assert stand[:, 1].min() == pytest.approx(body.toe_m, abs=1e-6)


def test_left_is_on_the_left_of_someone_facing_plus_z():
  channels = np.zeros((1, 29))
  channels[:, kinematics.INDEX["left_foot_x"]] = 0.1
  channels[:, kinematics.INDEX["right_foot_x"]] = -0.1
  stand = kinematics.joint_positions(channels, kinematics.BodyDimensions())[0]
  for joint in ("Shoulder", "Arm", "Hand", "UpLeg", "Foot"):
    left = stand[BODY21.index(f"Left{joint}")]
    right = stand[BODY21.index(f"Right{joint}")]
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=1e-9)
    assert left[0] > 0
  # Toes point where the person looks.
  toe = stand[BODY21.index("LeftToeBase")]
  assert toe[2] > stand[BODY21.index("LeftFoot")][2]


def test_planted_feet_stay_while_the_pelvis_moves():
  body = kinematics.BodyDimensions()
  channels = np.zeros((50, 29))
  channels[:, kinematics.INDEX["left_foot_x"]] = 0.12
  channels[:, kinematics.INDEX["right_foot_x"]] = -0.12
  channels[:, kinematics.INDEX["root_drop"]] = np.linspace(0, 0.5, 50)
  channels[:, kinematics.INDEX["root_z"]] = np.linspace(0, -0.3, 50)
  joints = kinematics.joint_positions(channels, body)
  for name in ("LeftFoot", "RightFoot", "LeftToeBase", "RightToeBase"):
    track = joints[:, BODY21.index(name)]
    np.testing.assert_allclose(track, track[:1].repeat(50, 0), atol=1e-9)


def test_knees_and_elbows_bend_the_human_way():
  body = kinematics.BodyDimensions()
  channels = np.zeros((1, 29))
  channels[:, kinematics.INDEX["root_drop"]] = 0.4
  channels[:, kinematics.INDEX["left_elbow"]] = 1.5
  joints = kinematics.joint_positions(channels, body)[0]
  at = BODY21.index
  assert joints[at("LeftLeg"), 2] > joints[at("LeftUpLeg"), 2] + 0.1
  assert joints[at("LeftLeg"), 2] > joints[at("LeftFoot"), 2] + 0.1
  assert joints[at("LeftHand"), 2] > joints[at("LeftForeArm"), 2] + 0.1
