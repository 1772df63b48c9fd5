"""The tree, its parts and the normalisation against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import (
  BODY21,
  in_own_heading,
  mirrored,
  normalize_pose,
)


def _motion(time: int, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return rng.normal(size=(time, 21, 3)).astype(np.float32)


def test_tree_is_the_published_one():
  assert len(BODY21.joints) == len(BODY21.parents) == 21
  assert len(BODY21.bones) == 20
  assert BODY21.parents[0] == -1
  names = {
    BODY21.joints[child]: BODY21.joints[parent]
    for parent, child in BODY21.bones
  }
  assert names["Spine"] == names["LeftUpLeg"] == names["RightUpLeg"] == "Hips"
  assert names["LeftShoulder"] == names["RightShoulder"] == "Spine1"
  assert names["Head"] == "Neck"
  for child, parent in enumerate(BODY21.parents):
    assert parent < child
  for left, right in (("LeftHand", "RightHand"), ("LeftFoot", "RightFoot")):
    assert names[left].replace("Left", "Right") == names[right]


def test_parts_cover_each_joint_once():
  joints = sorted(j for part in BODY21.parts.values() for j in part)
  assert joints == list(range(21))
  for side in ("Left", "Right"):
    assert BODY21.index(side + "ForeArm") in BODY21.parts["arm"]
    assert BODY21.index(side + "ToeBase") in BODY21.parts["leg"]


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_normalize_pose_against_the_definition(kind):
  poses = _motion(3).reshape(3, 21, 3)
  got = normalize_pose(kind(poses))
  assert isinstance(got, type(kind(poses)))
  assert got.dtype == np.float32
  for frame, out in zip(poses.astype(np.float64), np.asarray(got)):
    want = (frame - frame[0]) / np.linalg.norm(frame[1] - frame[0])
    want[:, 1] -= want[:, 1].min()
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-5)


def test_normalize_pose_properties():
  poses = _motion(10).astype(np.float64)
  out = normalize_pose(poses)
  assert out.dtype == np.float64
  np.testing.assert_array_equal(out[:, 0, [0, 2]], 0)
  np.testing.assert_array_equal(out[..., 1].min(axis=-1), 0)
  length = np.linalg.norm(out[:, 1] - out[:, 0], axis=-1)
  np.testing.assert_allclose(length, 1, rtol=1e-12)
  moved = normalize_pose(2.5 * poses + np.array([3.0, -7.0, 1.0]))
  np.testing.assert_allclose(moved, out, atol=1e-11)
  batch = normalize_pose(poses.reshape(2, 5, 21, 3))
  np.testing.assert_array_equal(batch.reshape(10, 21, 3), out)


def test_normalize_pose_of_zeros_is_finite_with_its_gradient():
  zeros = jnp.zeros((2, 21, 3))
  np.testing.assert_array_equal(normalize_pose(zeros), 0)
  grad = jax.jit(jax.grad(lambda p: normalize_pose(p).sum()))(zeros)
  assert np.isfinite(np.asarray(grad)).all()


def test_normalize_pose_refuses_other_shapes():
  with pytest.raises(InputError, match="joint=21"):
    normalize_pose(np.zeros((4, 63), np.float32))


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_a_mirror_exchanges_left_and_right_and_twice_is_nothing(kind):
  poses = kind(_motion(4).reshape(4, 21, 3))
  once = np.asarray(mirrored(poses))
  left, right = BODY21.index("LeftHand"), BODY21.index("RightHand")
  np.testing.assert_array_equal(
    once[:, left], np.asarray(poses)[:, right] * [-1, 1, 1]
  )
  np.testing.assert_array_equal(
    once[:, 0], np.asarray(poses)[:, 0] * [-1, 1, 1]
  )
  assert np.asarray(mirrored(mirrored(poses))).tobytes() == (
    np.asarray(poses).tobytes()
  )


def test_in_the_own_heading_the_hips_face_z_whatever_the_turn():
  poses = _motion(5).reshape(5, 21, 3).astype(np.float64)
  poses -= poses[:, :1]
  own = in_own_heading(poses)
  left = own[:, BODY21.index("LeftUpLeg")] - own[:, BODY21.index("RightUpLeg")]
  np.testing.assert_allclose(left[:, 2], 0, atol=1e-12)
  assert (left[:, 0] > 0).all()
  # A turn about the vertical changes nothing, and heights stay.
  cos, sin = np.cos(2.0), np.sin(2.0)
  turned = poses @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T
  np.testing.assert_allclose(in_own_heading(turned), own, atol=1e-9)
  np.testing.assert_array_equal(own[..., 1], poses[..., 1])
  np.testing.assert_array_equal(in_own_heading(0 * poses), 0 * poses)
