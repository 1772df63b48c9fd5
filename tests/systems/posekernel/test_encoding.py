from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from bgm2pose_jax.systems.posekernel import encoding
from bgm2pose_jax.systems.posekernel.config import EncodingConfig
from bgm2pose_jax.systems.posekernel.rig import Camera

pytestmark = pytest.mark.usefixtures("quick_compiling")

CONFIG = EncodingConfig(grid=(14, 13, 11), voxel_m=0.1)
PLAIN = dataclasses.replace(
  CONFIG, radial_average=False, spreading=False, compress="none"
)
CENTRE = np.float32([[0.1, -0.2, 2.5], [0.0, 0.1, 3.0]])
PAIRS = np.float32(
  [[[-2, 0.5, 0.5], [2, -0.5, 0.4]], [[-1.5, 0, 4.5], [2.1, 0.3, 5]]]
)
CAMERA = np.stack([Camera().as_array()] * 2)
TAPS = 3072
SAMPLES_PER_M = 2 * 96000 / 343


def _voxels(config=CONFIG, centre=CENTRE):
  """Centres [b, x, z, y, 3] in float64."""
  offsets = encoding.grid_of(config).offsets_m().astype(float)
  return centre.astype(float)[:, None, None, None] + offsets


def _sound(kernels, config=CONFIG, pairs=PAIRS, centre=CENTRE):
  run = jax.jit(lambda *given: encoding.sound_volumes(*given, config))
  return np.asarray(run(kernels, pairs, centre))


def _light(keypoints, config=CONFIG, camera=CAMERA, centre=CENTRE):
  run = jax.jit(lambda *given: encoding.visual_volumes(*given, config))
  return np.asarray(run(np.float32(keypoints), camera, centre))


def _seen(points, camera=CAMERA):
  """Keypoints [b, joint, 3] of points [b, joint, 3], in float64."""
  camera = camera.astype(float)[:, None]
  at = points[..., :2] / points[..., 2:] * camera[..., :2] + camera[..., 2:4]
  return np.concatenate([at, np.ones_like(at[..., :1])], axis=-1)


def test_the_sample_of_a_voxel_is_the_time_of_its_echo():
  found = encoding.echo_samples(PAIRS, CENTRE, CONFIG)
  assert (found.shape, found.dtype) == ((2, 2, 14, 13, 11), np.int32)
  apart = _voxels()[:, None] - PAIRS[:, :, None, None, None].astype(float)
  exact = np.linalg.norm(apart, axis=-1) * SAMPLES_PER_M
  # Rounding takes half a sample, float32 hardly any.
  assert np.abs(found - exact).max() < 0.51


def test_a_single_echo_lights_a_shell_around_its_pair():
  point = _voxels()[:, 5, 7, 3]
  radius = np.linalg.norm(point[:, None] - PAIRS, axis=-1)
  kernels = np.zeros((2, 2, TAPS), np.float32)
  for example in range(2):
    for pair in range(2):
      tap = round(radius[example, pair] * SAMPLES_PER_M)
      kernels[example, pair, tap] = 0.01
  found = _sound(kernels)
  distance = np.linalg.norm(
    _voxels()[:, None] - PAIRS[:, :, None, None, None], axis=-1
  )
  off = np.abs(distance - radius[:, :, None, None, None])
  # Half a voxel and half an envelope; no voxel inside misses it.
  reach = 0.05 + 10 / SAMPLES_PER_M
  assert (found[off < reach - 0.01] > 0).all()
  assert (found[off > reach + 0.01] == 0).all()
  # All shells meet at the point.
  together = found.prod(axis=1)
  for example in range(2):
    assert together[example, 5, 7, 3] == together[example].max() > 0


def test_loudness_step_by_step():
  rng = np.random.default_rng(0)
  kernels = rng.normal(size=(2, 3, 700)).astype(np.float32)
  config = dataclasses.replace(CONFIG, mask_m=0.5)
  found = encoding.loudness(kernels, config)
  padded = np.pad(kernels.astype(float) ** 2, ((0, 0), (0, 0), (10, 9)))
  each = np.stack([padded[..., i : i + 700] for i in range(20)])
  envelope = np.sqrt(each.sum(0))
  radius = np.arange(700) * 343 / 96000 / 2
  envelope *= np.where(2 * radius < 0.5, 0, radius**2)
  # 10 cm are 56 samples.
  padded = np.pad(envelope, ((0, 0), (0, 0), (28, 28)))
  mean = np.mean([padded[..., i : i + 700] for i in range(57)], axis=0)
  loud = np.sort(mean.reshape(2, -1))[:, -2, None, None]
  np.testing.assert_allclose(found, np.sqrt(mean / loud), rtol=2e-4, atol=1e-6)


def test_a_voxel_of_5_cm_spans_14_samples_either_way():
  assert encoding.radial_half_samples(0.05) == 14


def test_gains_of_a_sample_do_not_matter_and_those_between_pairs_do():
  rng = np.random.default_rng(0)
  kernels = rng.normal(size=(2, 2, TAPS)).astype(np.float32)
  plain = _sound(kernels)
  np.testing.assert_allclose(_sound(8 * kernels), plain, rtol=1e-5)
  kernels[:, 0] *= 4
  assert (_sound(kernels)[:, 0] / _sound(kernels)[:, 1]).mean() > 1.5


def test_late_echoes_and_silence_are_zero():
  kernels = np.ones((2, 2, 1200), np.float32)
  found = _sound(kernels, PLAIN)
  index = np.asarray(encoding.echo_samples(PAIRS, CENTRE, PLAIN))
  assert (found[index >= 1200] == 0).all()
  assert (found[index < 1200] > 0).all()
  assert (index >= 1200).any()
  assert (index < 1200).any()
  assert (_sound(np.zeros((2, 2, TAPS), np.float32)) == 0).all()


def test_what_is_left_of_the_direct_sound_is_masked():
  kernels = np.zeros((1, 1, TAPS), np.float32)
  kernels[..., :100] = 1
  kernels[..., 400] = 0.01
  pair = np.float32([[[0, 0, 0.3]]])
  centre = np.float32([[0, 0, 0.6]])
  found = encoding.loudness(kernels, PLAIN)
  assert np.flatnonzero(found[0, 0]).tolist() == list(range(391, 411))
  masked = _sound(kernels, PLAIN, pair, centre)
  open_ = dataclasses.replace(PLAIN, mask_m=0.0)
  assert (masked > 0).sum() < (_sound(kernels, open_, pair, centre) > 0).sum()


def test_a_ray_passes_through_its_joint():
  joints = np.stack([_voxels()[:, 6, 4, 5] + 0.03, _voxels()[:, 9, 8, 2]], 1)
  found = _light(_seen(joints))
  for example in range(2):
    for joint, voxel in enumerate(((6, 4, 5), (9, 8, 2))):
      # 3 cm aside along each axis are 7 px; the deviation is 11 px.
      assert found[(example, *voxel, joint)] > (0.55, 0.98)[joint]
      # In every depth some voxel is bright, as long as the ray is inside.
      deepest = found[example, ..., joint].max(axis=(0, 2))
      assert deepest.min() > 0.25


def test_rays_against_their_formula():
  rng = np.random.default_rng(0)
  keypoints = np.stack(
    [
      rng.uniform(300, 900, (2, 3)),
      rng.uniform(200, 500, (2, 3)),
      [[0.5, 1.0, 0.0]] * 2,
    ],
    axis=-1,
  )
  camera = CAMERA * np.float32([1.1, 0.9, 1, 1, 1, 1])
  found = _light(keypoints, camera=camera)
  voxels = _voxels()[..., None, :]
  focal, centre, size = (
    camera[:, None, None, None, None, i : i + 2].astype(float)
    for i in (0, 2, 4)
  )
  at = voxels[..., :2] / voxels[..., 2:] * focal + centre
  variance = 8.0**2 + (focal * 0.1 / voxels[..., 2:]) ** 2 / 12
  keypoint = keypoints[:, None, None, None]
  apart = (at - keypoint[..., :2]) ** 2 / variance
  wanted = keypoint[..., 2] * np.exp(-apart.sum(-1) / 2)
  wanted = np.where(((at >= 0) & (at < size)).all(-1), wanted, 0)
  np.testing.assert_allclose(found, wanted, atol=1e-4)
  # A joint that was not detected.
  assert (found[..., 2] == 0).all()
  assert found[..., :2].max() > 0.3


def test_nothing_is_seen_outside_the_image_or_behind_the_camera():
  centre = np.float32([[0.0, 0.0, 0.2]])
  camera = CAMERA[:1]
  found = _light([[[640, 360, 1.0]]], camera=camera, centre=centre)
  z = _voxels(centre=centre)[0, 0, :, 0, 2]
  assert (found[0][:, z <= 0.01] == 0).all()
  assert (found[0][:, z > 0.3] > 0).any()
  # A keypoint at the border of the image lights only what is inside.
  found = _light([[[1280, 360, 1.0]]], camera=camera, centre=CENTRE[:1])
  voxels = _voxels(centre=CENTRE[:1])
  u = voxels[..., 0] / voxels[..., 2] * 610 + 640
  assert (found[..., 0][u > 1281] == 0).all()


def test_moved_grids_read_the_same_world():
  rng = np.random.default_rng(0)
  kernels = rng.normal(size=(2, 2, TAPS)).astype(np.float32)
  moved = CENTRE + np.float32([0.1, 0, -0.2])
  here, there = _sound(kernels), _sound(kernels, centre=moved)
  # One voxel to the right and two back.
  np.testing.assert_allclose(
    there[:, :, :-1, 2:], here[:, :, 1:, :-2], atol=0.05
  )
  points = _voxels()[:, 5, 5, 5][:, None]
  here, there = _light(_seen(points)), _light(_seen(points), centre=moved)
  np.testing.assert_allclose(there[:, :-1, 2:], here[:, 1:, :-2], atol=1e-3)
