"""The tree, normalisation and window resampling against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import skeleton


def _motion(time: int, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return rng.normal(size=(time, 21, 3)).astype(np.float32)


def test_tree_is_the_published_one():
  assert len(skeleton.JOINTS) == len(skeleton.PARENTS) == 21
  assert len(skeleton.BONES) == 20
  assert skeleton.PARENTS[0] == -1
  names = {
    skeleton.JOINTS[child]: skeleton.JOINTS[parent]
    for parent, child in skeleton.BONES
  }
  assert names["Spine"] == names["LeftUpLeg"] == names["RightUpLeg"] == "Hips"
  assert names["LeftShoulder"] == names["RightShoulder"] == "Spine1"
  assert names["Head"] == "Neck"
  for child, parent in enumerate(skeleton.PARENTS):
    assert parent < child
  for left, right in (("LeftHand", "RightHand"), ("LeftFoot", "RightFoot")):
    assert names[left].replace("Left", "Right") == names[right]


def test_parts_cover_each_joint_once():
  joints = sorted(j for part in skeleton.PARTS.values() for j in part)
  assert joints == list(range(21))
  for side in ("Left", "Right"):
    assert skeleton.joint_index(side + "ForeArm") in skeleton.PARTS["arm"]
    assert skeleton.joint_index(side + "ToeBase") in skeleton.PARTS["leg"]
  assert skeleton.PCK_PARTS["arm"].count(skeleton.joint_index("Spine1")) == 2
  assert skeleton.PCK_PARTS["leg"].count(skeleton.joint_index("Hips")) == 2


def test_unknown_joint_is_named():
  with pytest.raises(InputError, match="Elbow"):
    skeleton.joint_index("Elbow")


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_normalize_pose_against_the_definition(kind):
  poses = _motion(3).reshape(3, 21, 3)
  got = skeleton.normalize_pose(kind(poses))
  assert isinstance(got, type(kind(poses)))
  assert got.dtype == np.float32
  for frame, out in zip(poses.astype(np.float64), np.asarray(got)):
    want = (frame - frame[0]) / np.linalg.norm(frame[1] - frame[0])
    want[:, 1] -= want[:, 1].min()
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-5)


def test_normalize_pose_properties():
  poses = _motion(10).astype(np.float64)
  out = skeleton.normalize_pose(poses)
  assert out.dtype == np.float64
  np.testing.assert_array_equal(out[:, 0, [0, 2]], 0)
  np.testing.assert_array_equal(out[..., 1].min(axis=-1), 0)
  length = np.linalg.norm(out[:, 1] - out[:, 0], axis=-1)
  np.testing.assert_allclose(length, 1, rtol=1e-12)
  moved = skeleton.normalize_pose(2.5 * poses + np.array([3.0, -7.0, 1.0]))
  np.testing.assert_allclose(moved, out, atol=1e-11)
  batch = skeleton.normalize_pose(poses.reshape(2, 5, 21, 3))
  np.testing.assert_array_equal(batch.reshape(10, 21, 3), out)


def test_normalize_pose_of_zeros_is_finite_with_its_gradient():
  zeros = jnp.zeros((2, 21, 3))
  np.testing.assert_array_equal(skeleton.normalize_pose(zeros), 0)
  grad = jax.jit(jax.grad(lambda p: skeleton.normalize_pose(p).sum()))(zeros)
  assert np.isfinite(np.asarray(grad)).all()


def test_normalize_pose_refuses_other_shapes():
  with pytest.raises(InputError, match="joint=21"):
    skeleton.normalize_pose(np.zeros((4, 63), np.float32))


def test_interp_takes_targets_at_71k_over_11():
  motion = _motion(300)
  got = skeleton.resample_windows(motion, 120)
  assert got.shape == (4, 12, 21, 3)
  assert got.dtype == np.float32
  flat = motion.reshape(300, -1).astype(np.float64)
  for i in range(4):
    place = 72 * i + 71 * np.arange(12) / 11
    want = np.stack([np.interp(place, np.arange(300), c) for c in flat.T], -1)
    np.testing.assert_allclose(got[i].reshape(12, -1), want, atol=1e-6)


def test_mean6_averages_the_rows_of_each_audio_frame():
  motion = _motion(150)
  got = skeleton.resample_windows(motion, 120, method="mean6")
  want = motion[:144].reshape(2, 12, 6, 21, 3).mean(axis=2, dtype=np.float64)
  np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [29.97, 50.0, 99.5, 120.0, 240.0])
@pytest.mark.parametrize("method", ["interp", "mean6"])
def test_a_straight_line_stays_straight_at_any_rate(rate_hz, method):
  time = int(rate_hz * 3.1)
  line = np.zeros((time, 21, 3))
  line[..., 0] = (np.arange(time) / rate_hz)[:, None]
  if method == "mean6" and rate_hz < 40:
    line = line[: int(rate_hz * 1.3)]
  got = skeleton.resample_windows(line, rate_hz, method=method)
  assert len(got) == int(len(line) / (rate_hz * 0.6))
  centre = 0.025 + 0.05 * np.arange(12)
  want = 0.6 * np.arange(len(got))[:, None] + centre
  off = np.abs(got[:, :, 0, 0] - want).max()
  # At most 25 ms by definition, and a row of rounding at either edge.
  assert off <= 0.025 + 1 / rate_hz


def test_window_rows_round_each_edge():
  starts, ends = skeleton.window_rows(1000, 99.0)
  np.testing.assert_array_equal(starts, np.round(59.4 * np.arange(16)))
  np.testing.assert_array_equal(ends[:-1], starts[1:])
  assert skeleton.window_rows(71, 120)[0].size == 0
  assert skeleton.window_rows(72, 120)[0].size == 1


def test_resample_refuses_bad_input():
  with pytest.raises(InputError, match="unknown method"):
    skeleton.resample_windows(_motion(100), 120, method="cubic")
  with pytest.raises(InputError, match="one motion"):
    skeleton.resample_windows(_motion(100)[None], 120)
  with pytest.raises(InputError, match="poses per second"):
    skeleton.resample_windows(_motion(100), 2)
  with pytest.raises(InputError, match="without a pose"):
    skeleton.resample_windows(_motion(100), 15, method="mean6")
