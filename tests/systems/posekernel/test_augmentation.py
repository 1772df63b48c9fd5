from __future__ import annotations

import jax
import numpy as np
from scipy.spatial.transform import Rotation

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel import augmentation, encoding
from bgm2pose_jax.systems.posekernel.config import (
  AugmentConfig,
  EncodingConfig,
)
from bgm2pose_jax.systems.posekernel.simulated import detector

ROWS = 6
VOXELS = EncodingConfig(grid=(9, 8, 7), voxel_m=0.4)
CAMERA = np.float32([600, 610, 650, 350, 1280, 720])


def batch_of(rows=ROWS):
  rng = np.random.default_rng(0)
  pose = rng.normal(0, 0.3, (rows, 15, 3)) + np.array([0.1, 0, 2.5])
  camera = np.tile(CAMERA, (rows, 1))
  keypoints = np.concatenate(
    [detector.project(pose, camera), rng.uniform(0.5, 1, (rows, 15, 1))], -1
  )
  keypoints[:, 3] = 0
  found = {
    "pose": pose,
    "pairs": rng.normal(0, 1.5, (rows, 4, 3)) + np.array([0, 0, 2.5]),
    "grid_centre": np.tile([0.05, -0.1, 2.5], (rows, 1)),
    "keypoints": keypoints,
    "camera": camera,
    "kernels": rng.normal(size=(rows, 4, 3072)),
  }
  return {name: x.astype(np.float32) for name, x in found.items()}


def _paths_m(batch):
  return np.linalg.norm(
    np.asarray(batch["pairs"])[:, :, None] - np.asarray(batch["pose"])[:, None],
    axis=-1,
  )


def test_rotations_are_scipys():
  angles = np.random.default_rng(0).normal(0, 1.5, (20, 3)).astype(np.float32)
  angles[0] = 0
  np.testing.assert_allclose(
    augmentation.rotations(angles),
    Rotation.from_rotvec(angles).as_matrix(),
    atol=1e-6,
  )


def test_echoes_to_joints_are_as_long_for_every_camera():
  batch = batch_of()
  config = AugmentConfig(
    detector="fresh", turn_deg=40.0, tilt_deg=8.0, move_m=0.5, mirror=True
  )
  keys = jax.random.split(jax.random.key(0), ROWS)
  seen = augmentation.augmented(config, batch, keys)
  assert np.abs(seen["pose"] - batch["pose"]).max() > 0.3
  # Joints of a mirrored body have changed places.
  paths, other = (np.sort(_paths_m(x), axis=-1) for x in (batch, seen))
  np.testing.assert_allclose(other, paths, atol=2e-5)
  for name in ("pose", "pairs"):
    found, expected = (
      np.linalg.norm(x[name] - np.asarray(x["grid_centre"])[:, None], axis=-1)
      for x in (seen, batch)
    )
    np.testing.assert_allclose(
      np.sort(found, -1), np.sort(expected, -1), atol=2e-5
    )
  # The detector looks at the joints where they are now.
  at = detector.project(seen["pose"], seen["camera"])
  there = np.asarray(seen["keypoints"][..., 2]) > 0
  assert there.mean() > 0.7
  apart = np.abs(np.asarray(seen["keypoints"][..., :2]) - np.asarray(at))
  assert apart[there].max() < 5 * detector.ERROR_PX


def test_limits_hold():
  batch = batch_of(200)
  keys = jax.random.split(jax.random.key(0), 200)
  config = AugmentConfig(detector="fresh", turn_deg=30.0, move_m=0.5)
  seen = augmentation.augmented(config, batch, keys)
  moved = np.asarray(seen["grid_centre"] - batch["grid_centre"])
  assert 0.45 < np.abs(moved).max() <= 0.5
  first, then = (
    np.asarray(x["pose"]) - np.asarray(x["grid_centre"])[:, None]
    for x in (batch, seen)
  )
  # Without tilt, heights over the middle stay.
  np.testing.assert_allclose(first[..., 1], then[..., 1], atol=1e-5)
  angle = np.degrees(
    np.angle(
      (then[..., 0] + 1j * then[..., 2]) / (first[..., 0] + 1j * first[..., 2])
    )
  )
  np.testing.assert_allclose(angle, np.tile(angle[:, :1], 15), atol=0.05)
  assert 28 < np.abs(angle).max() < 30.05


def test_a_mirror_flips_volumes_and_changes_sides():
  batch = batch_of()
  # Voxels are symmetric about the plane that mirrors.
  batch["grid_centre"][:, 0] = 0
  which = np.arange(ROWS) % 2 == 0
  seen = augmentation.mirrored(batch, which)
  swapped = [
    BODY15.index(
      name.replace("R", "L") if name[0] == "R" else name.replace("L", "R")
    )
    if name[0] in "RL"
    else BODY15.index(name)
    for name in BODY15.joints
  ]
  visual, sound = (
    [
      np.asarray(f(*(x[n] for n in names), x["grid_centre"], VOXELS))
      for x in (batch, seen)
    ]
    for f, names in (
      (encoding.visual_volumes, ("keypoints", "camera")),
      (encoding.sound_volumes, ("kernels", "pairs")),
    )
  )
  for a, b in (visual, sound):
    np.testing.assert_array_equal(b[~which], a[~which])
  np.testing.assert_allclose(
    visual[1][which], visual[0][which][:, ::-1][..., swapped], atol=1e-4
  )
  np.testing.assert_array_equal(sound[1][which], sound[0][which][:, :, ::-1])
  assert np.abs(visual[1] - visual[0])[which].max() > 0.5
  again = augmentation.mirrored(seen, which)
  for name, value in batch.items():
    np.testing.assert_allclose(again[name], value, atol=1e-3)


def test_a_mirrored_joint_keeps_its_name_by_the_bodys_own_side():
  batch = batch_of()
  seen = augmentation.mirrored(batch, np.ones(ROWS, bool))
  left, right = BODY15.index("LWrist"), BODY15.index("RWrist")
  np.testing.assert_allclose(
    seen["pose"][:, left], batch["pose"][:, right] * np.array([-1, 1, 1])
  )


def test_what_is_heard_is_left_alone():
  batch = batch_of()
  config = AugmentConfig(detector="fresh", shift_m=0.2, mirror=True)
  keys = jax.random.split(jax.random.key(0), ROWS)
  seen = augmentation.augmented(config, batch, keys)
  assert seen["kernels"] is batch["kernels"]
