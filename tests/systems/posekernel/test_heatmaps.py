from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.systems.posekernel import heatmaps
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.rig import Camera

pytestmark = pytest.mark.usefixtures("quick_compiling")

GRID = Grid((12, 11, 13), 0.1)
CENTRE = np.float32([[0.2, -0.1, 2.5], [0, 0, 3]])


def _joints(count, inside=0.35):
  """Random joints [2, count, 3], away from the border."""
  rng = np.random.default_rng(0)
  apart = rng.uniform(-inside, inside, (2, count, 3))
  return (CENTRE[:, None] + apart).astype(np.float32)


def _read(how, maps, grid=GRID, **more):
  run = jax.jit(functools.partial(getattr(heatmaps, how), grid=grid, **more))
  return np.asarray(run(maps, grid_centre_m=CENTRE))


def test_targets_are_gaussians_around_the_joints():
  joints = _joints(4)
  found = heatmaps.targets(jnp.asarray(joints), GRID, CENTRE, 0.15)
  voxels = CENTRE[:, None, None, None] + GRID.offsets_m()
  apart = voxels[..., None, :] - joints[:, None, None, None]
  wanted = np.exp(-np.square(apart).sum(-1) / (2 * 0.15**2))
  assert found.shape == (2, 12, 11, 13, 4)
  np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("sigma_m", [0.1, 0.2])
def test_energy_is_that_of_a_gaussian_far_from_the_border(sigma_m):
  grid = Grid((25, 25, 25), 0.1)
  target = heatmaps.targets(jnp.asarray(CENTRE[:, None]), grid, CENTRE, sigma_m)
  total = float(jnp.square(target).sum()) / 2
  assert heatmaps.energy(grid, sigma_m) == pytest.approx(total, rel=1e-3)


# The bias of the soft read-out on perfect maps: 0.2 mm and 0.1 mm.
@pytest.mark.parametrize(
  ("sigma_m", "voxel_m"), [(0.1, 0.1), (0.2, 0.1), (0.1, 0.05)]
)
def test_perfect_maps_are_read_softly_to_a_millimetre(sigma_m, voxel_m):
  grid = Grid((24, 24, 24), voxel_m)
  joints = _joints(50, inside=0.2)
  maps = heatmaps.targets(jnp.asarray(joints), grid, CENTRE, sigma_m)
  found = _read("soft_arg_max", maps, grid, sigma_m=sigma_m)
  assert found.dtype == np.float32
  error = np.linalg.norm(found - joints, axis=-1)
  assert error.max() < 0.001 * (voxel_m / 0.1) + 1e-5


def test_hard_read_out_has_the_error_of_a_voxel():
  joints = _joints(2000)
  maps = heatmaps.targets(jnp.asarray(joints), GRID, CENTRE, 0.1)
  found = _read("hard_arg_max", maps)
  assert np.abs(found - joints).max() < 0.0501
  # Mean distance of a point of a cube from its middle: 0.4803 edges.
  error = np.linalg.norm(found - joints, axis=-1).mean()
  assert error == pytest.approx(0.048, rel=0.02)


def test_a_peak_at_the_border_is_read_from_what_is_there():
  maps = np.zeros((2, *GRID.shape, 1), np.float32)
  maps[:, 0, -1, 0] = 1
  maps[:, 1, -1, 0] = 0.5
  found = _read("soft_arg_max", maps, sigma_m=0.1)
  x, z, y = GRID.axes_m()
  # Weights are squares: 1 and 1/4.
  wanted = CENTRE + np.float32([0.8 * x[0] + 0.2 * x[1], y[0], z[-1]])
  np.testing.assert_allclose(found[:, 0], wanted, atol=1e-5)


def test_a_map_without_a_peak_gives_a_finite_place():
  maps = np.full((2, *GRID.shape, 2), -1.0, np.float32)
  maps[..., 1] = 0
  for how in (
    _read("soft_arg_max", maps, sigma_m=0.1),
    _read("hard_arg_max", maps),
  ):
    assert np.isfinite(how).all()


def test_tiny_heights_are_read_like_large_ones():
  joints = _joints(5)
  maps = heatmaps.targets(jnp.asarray(joints), GRID, CENTRE, 0.2)
  for factor in (1e-20, 1e10):
    found = _read("soft_arg_max", factor * maps, sigma_m=0.2)
    assert np.abs(found - joints).max() < 1e-3


def test_the_nearest_point_of_a_ray():
  camera = np.stack([Camera().as_array()] * 2)
  joints = _joints(3)
  at = joints[..., :2] / joints[..., 2:] * 610 + np.float32([640, 360])
  keypoints = np.concatenate([at, np.ones((2, 3, 1))], -1).astype(np.float32)
  # Away from the ray at a right angle, and along it.
  ray = joints / np.linalg.norm(joints, axis=-1, keepdims=True)
  side = np.cross(ray, np.float32([0, 1, 0]))
  moved = joints + 0.1 * side
  found = heatmaps.nearest_on_ray(moved, keypoints, camera)
  np.testing.assert_allclose(found, joints, atol=1e-5)
  found = heatmaps.nearest_on_ray(joints + 0.2 * ray, keypoints, camera)
  np.testing.assert_allclose(found, joints + 0.2 * ray, atol=1e-5)
  keypoints[..., 2] = 0
  found = heatmaps.nearest_on_ray(moved, keypoints, camera)
  np.testing.assert_array_equal(found, moved)
