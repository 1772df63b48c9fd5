"""Sphere layout of the person against anthropometry and geometry."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate.body import BodyModel

# A person of 1.75 m in a T-pose, left at +x, looking along +z (metres).
_MIDDLE = {
  "Hips": (0.0, 0.995, 0.0),
  "Spine": (0.0, 1.090, 0.0),
  "Spine1": (0.0, 1.260, 0.0),
  "Neck": (0.0, 1.502, 0.0),
  "Head": (0.0, 1.626, 0.0),
}
_LEFT = {
  "Shoulder": (0.04, 1.46, 0.0),
  "Arm": (0.183, 1.46, 0.0),
  "ForeArm": (0.476, 1.46, 0.0),
  "Hand": (0.735, 1.46, 0.0),
  "UpLeg": (0.095, 0.949, 0.0),
  "Leg": (0.095, 0.511, 0.0),
  "Foot": (0.095, 0.084, 0.0),
  "ToeBase": (0.095, 0.023, 0.139),
}


def _t_pose() -> np.ndarray:
  pose = np.zeros((len(BODY21.joints), 3))
  for name, place in _MIDDLE.items():
    pose[BODY21.index(name)] = place
  for name, place in _LEFT.items():
    pose[BODY21.index("Left" + name)] = place
    pose[BODY21.index("Right" + name)] = np.multiply(place, (-1, 1, 1))
  return pose


@pytest.mark.parametrize("height_m", [1.2, 1.55, 1.75, 1.95])
def test_volume_is_a_persons(height_m: float):
  body = BodyModel(height_m)
  # 70 kg at 1.75 m and 1 g/cm3, all proportions kept.
  litres = 70 * (height_m / 1.75) ** 3
  volume_m3 = np.sum(4 / 3 * np.pi * body.radii_m**3)
  assert 0.85 < volume_m3 * 1000 / litres < 1.15


def test_cross_section():
  discs_m2 = np.sum(np.pi * BodyModel(1.75).radii_m ** 2)
  assert 0.45 <= discs_m2 <= 0.5


def test_layout_is_consistent():
  body = BodyModel(1.8)
  count = body.num_spheres
  assert 28 <= count <= 45
  assert body.weights.shape == (count, 21)
  np.testing.assert_allclose(body.weights.sum(axis=1), 1)
  assert len(body.class_radii_m) == len(body.class_forward_lobe) <= 6
  np.testing.assert_array_equal(
    body.radii_m, np.array(body.class_radii_m)[body.radius_class]
  )
  assert set(body.radius_class) == set(range(len(body.class_radii_m)))


def test_spheres_touch_but_do_not_overlap_in_a_t_pose():
  body = BodyModel(1.75)
  centres = body.sphere_centres(_t_pose())
  gap = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
  gap = gap - body.radii_m[:, None] - body.radii_m[None]
  np.fill_diagonal(gap, np.inf)
  assert gap.min() > -0.01
  # Every sphere has a neighbour within 8 cm: no holes in a limb.
  assert gap.min(axis=1).max() < 0.08


def test_outline_is_the_persons():
  body = BodyModel(1.75)
  centres = body.sphere_centres(_t_pose())
  top = (centres[:, 1] + body.radii_m).max()
  bottom = (centres[:, 1] - body.radii_m).min()
  assert top == pytest.approx(1.75, abs=0.03)
  assert bottom == pytest.approx(0.0, abs=0.03)
  span = (centres[:, 0] + body.radii_m).max() * 2
  assert span == pytest.approx(1.75, abs=0.17)  # arm span is about the height


def test_spheres_follow_the_body():
  """A rotated and moved person has rotated and moved spheres."""
  body = BodyModel(1.7)
  rng = np.random.default_rng(0)
  pose = _t_pose() + 0.1 * rng.normal(size=(5, 21, 3))
  rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
  rotation *= np.sign(np.linalg.det(rotation))
  shift = np.array([1.0, 2.0, 3.0])
  moved = pose @ rotation.T + shift
  np.testing.assert_allclose(
    body.sphere_centres(moved),
    body.sphere_centres(pose) @ rotation.T + shift,
    atol=1e-9,
  )
  centres, axes = body.rectangles(pose)
  moved_centres, moved_axes = body.rectangles(moved)
  np.testing.assert_allclose(
    moved_centres, centres @ rotation.T + shift, atol=1e-9
  )
  np.testing.assert_allclose(moved_axes, axes @ rotation.T, atol=1e-9)


def test_rectangles_are_torso_and_head():
  centres, axes = BodyModel(1.75).rectangles(_t_pose())
  assert centres.shape == (2, 3)
  assert axes.shape == (2, 3, 3)
  lateral, up, forward = axes[0]
  assert lateral[0] == pytest.approx(0.17)
  assert up[1] == pytest.approx(0.305)
  assert forward[2] == pytest.approx(0.115)
  # The trunk reaches from the crotch to the shoulders, the head to the top.
  assert centres[0, 1] - up[1] == pytest.approx(0.47 * 1.75, abs=0.05)
  assert centres[0, 1] + up[1] == pytest.approx(1.46, abs=0.05)
  assert centres[1, 1] + axes[1, 1, 1] == pytest.approx(1.75, abs=0.03)
  products = axes @ axes.swapaxes(-1, -2)
  np.testing.assert_allclose(
    products, products * np.eye(3), atol=1e-9
  )  # right angles


def test_jax_and_numpy_agree_under_jit():
  body = BodyModel(1.75)
  pose = np.stack([_t_pose()] * 3).astype(np.float32)
  centres = body.sphere_centres(pose)
  assert centres.dtype == np.float32
  jitted = jax.jit(lambda x: (body.sphere_centres(x), *body.rectangles(x)))
  got = jitted(jnp.asarray(pose))
  expected = (centres, *body.rectangles(pose))
  for a, b in zip(got, expected, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_degenerate_pose_is_finite():
  body = BodyModel(1.75)
  pose = np.zeros((21, 3), np.float32)
  assert np.all(np.isfinite(body.sphere_centres(pose)))
  assert all(np.all(np.isfinite(x)) for x in body.rectangles(pose))


def test_fit_finds_the_height():
  poses = np.stack([_t_pose()] * 4)
  assert BodyModel.fit(poses).height_m == pytest.approx(1.75, abs=0.03)
  assert BodyModel.fit(0.9 * poses).height_m == pytest.approx(1.575, abs=0.03)


@pytest.mark.parametrize("height_m", [0.1, 3.0, float("nan")])
def test_impossible_height_is_refused(height_m: float):
  with pytest.raises(InputError, match="height_m"):
    BodyModel(height_m)


def test_a_skeleton_in_centimetres_is_refused():
  with pytest.raises(InputError, match="height_m"):
    BodyModel.fit(100 * _t_pose())
