"""Training samples seen by another camera, in a mirror, in other voxels.

A kernel does not know where the camera stands: the same echoes belong to every
camera that looks at the same person between the same pairs. So a sample gives
as many examples as there are cameras, and none of it is an approximation. The
same holds for the mirrored room, in which left and right change names.

Positions are in the camera's frame, metres: x right, y down, z forward.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.config import AugmentConfig
from bgm2pose_jax.systems.posekernel.simulated import detector

Arrays = Mapping[str, jax.Array]

_PLACES = ("pose", "pairs", "grid_centre")
_SHIFT, _ERROR, _MISSING, _MIRROR, _TURN, _MOVE = range(1, 7)
# Where each joint's mirror image is stored.
_OTHER_SIDE = np.array(
  [
    BODY15.index({"R": "L", "L": "R"}.get(name[0], name[0]) + name[1:])
    for name in BODY15.joints
  ]
)


def augmented(config: AugmentConfig, batch: Arrays, keys: Array) -> Arrays:
  """Draws training examples from samples.

  Args:
    config: what is drawn.
    batch: `pose`, `pairs`, `grid_centre`, `keypoints` and `camera`, see
      `table.SampleTable`; other fields are left as they are.
    keys: [b], one per example.

  Returns:
    The batch, a function of the batch and the keys alone.
  """
  batch = dict(batch)
  if config.turn_deg > 0 or config.tilt_deg > 0 or config.move_m > 0:
    limits = np.radians([config.tilt_deg, config.turn_deg, config.tilt_deg])
    angles = _even(keys, _TURN, (3,)) * limits.astype(np.float32)
    offset_m = _even(keys, _MOVE, (3,)) * config.move_m
    batch |= other_camera(batch, rotations(angles), offset_m)
  if config.mirror:
    batch = mirrored(batch, _even(keys, _MIRROR, ()) > 0)
  if config.shift_m > 0:
    shift_m = _even(keys, _SHIFT, (3,)) * config.shift_m
    batch["grid_centre"] = batch["grid_centre"] + shift_m
  if config.detector == "fresh":
    shape = batch["pose"].shape[1], 2
    batch["keypoints"] = detector.detect(
      batch["pose"],
      batch["camera"],
      _drawn(jax.random.normal, keys, _ERROR, shape),
      _drawn(jax.random.uniform, keys, _MISSING, shape),
    )
  return batch


def rotations(angles_rad: Array) -> Array:
  """Rotations by each angle's length around its direction (Rodrigues).

  Args:
    angles_rad: [b, 3].

  Returns:
    [b, 3, 3], to be applied to columns.
  """
  x, y, z = jnp.moveaxis(angles_rad, -1, 0)
  none = jnp.zeros_like(x)
  cross = jnp.stack([none, -z, y, z, none, -x, -y, x, none], axis=-1)
  cross = cross.reshape(-1, 3, 3)
  # sin(a) / a and (1 - cos(a)) / a^2, which have values at 0.
  length = jnp.linalg.norm(angles_rad, axis=-1)[:, None, None] / jnp.pi
  once, twice = jnp.sinc(length), jnp.square(jnp.sinc(length / 2)) / 2
  square = jnp.einsum("bij,bjk->bik", cross, cross, precision="highest")
  return jnp.eye(3, dtype=cross.dtype) + once * cross + twice * square


def other_camera(batch: Arrays, rotation: Array, offset_m: Array) -> Arrays:
  """Positions as another camera has them; its voxels lie along its own axes.

  Args:
    batch: `pose`, `pairs` and `grid_centre`.
    rotation: [b, 3, 3], of the scene around the middle of the grid.
    offset_m: [b, 3], by which the scene is moved then.

  Returns:
    The three fields. Keypoints have to be found again.
  """
  centre = batch["grid_centre"]
  goal = (centre + offset_m)[:, None]

  def seen(points: Array) -> Array:
    apart = points - centre[:, None]
    return jnp.einsum("bij,bpj->bpi", rotation, apart, precision="highest")

  return {
    "pose": seen(batch["pose"]) + goal,
    "pairs": seen(batch["pairs"]) + goal,
    "grid_centre": goal[:, 0],
  }


def mirrored(batch: Arrays, which: Array) -> dict[str, Array]:
  """Samples in a mirror: right is left, in the room, the image and the body.

  Args:
    batch: see `augmented`.
    which: bool [b], the samples to mirror.

  Returns:
    The batch.
  """
  out = dict(batch)
  for name in _PLACES:
    x = jnp.asarray(batch[name])
    out[name] = jnp.where(jnp.arange(3) == 0, -x, x)
  camera, keypoints = batch["camera"], batch["keypoints"]
  width = camera[:, 4:5]
  out["camera"] = jnp.where(jnp.arange(6) == 2, width - camera, camera)
  across = (jnp.arange(3) == 0) & (keypoints[..., 2:] > 0)
  out["keypoints"] = jnp.where(across, width[..., None] - keypoints, keypoints)
  for name in ("pose", "keypoints"):
    out[name] = out[name][:, _OTHER_SIDE]
  return out | {
    name: jnp.where(
      which.reshape(-1, *[1] * (batch[name].ndim - 1)), out[name], batch[name]
    )
    for name in (*_PLACES, "camera", "keypoints")
  }


def _even(keys: Array, stream: int, shape: tuple[int, ...]) -> Array:
  """Uniform in -1 to 1, [b, *shape]."""
  return _drawn(jax.random.uniform, keys, stream, shape, minval=-1.0)


def _drawn(draw, keys: Array, stream: int, shape, **more) -> Array:
  """Random numbers [b, *shape], from a stream of each example's key."""
  return jax.vmap(
    lambda key: draw(jax.random.fold_in(key, stream), shape, **more)
  )(keys)
