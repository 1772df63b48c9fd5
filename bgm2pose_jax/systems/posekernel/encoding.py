"""Voxels filled from kernels and keypoints, inside the compiled step.

Nothing three-dimensional is stored. A voxel's sound is the kernel's loudness at
the time an echo from there takes; its light is how near the voxel lies to a
joint's viewing ray. Which tap a voxel reads is computed in the step too. It
costs half a millisecond a sample on one CPU core, where the step takes
hundreds; stored indices are 490 kB for each rig, and a moved grid could not use
them.

Volumes are [b, x, z, y, ...]; positions are in the camera's frame, metres.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import Array, ArrayLike
from bgm2pose_jax.systems.posekernel.config import EncodingConfig
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S
from bgm2pose_jax.systems.posekernel.sample import SAMPLE_RATE_HZ

# 0.21 ms, as an independent re-implementation of pose kernels has it (SoundCam,
# arXiv 2311.03517: 10 samples at 48 kHz).
ENVELOPE_SAMPLES = 20
# Share of a sample's loudness values, of all pairs and times, above one.
LOUD_SHARE = 0.001

_SAMPLES_PER_M = 2 * SAMPLE_RATE_HZ / SOUND_SPEED_M_S


def grid_of(config: EncodingConfig) -> Grid:
  """The voxels that a configuration asks for."""
  return Grid(config.grid, config.voxel_m)


def voxel_axes_m(grid: Grid, grid_centre_m: Array) -> list[Array]:
  """Centres of the voxels along each axis.

  Args:
    grid: the voxels.
    grid_centre_m: [b, 3].

  Returns:
    [b, x], [b, z] and [b, y], metres, camera frame.
  """
  x, z, y = grid.axes_m()
  return [
    grid_centre_m[:, axis, None] + along
    for axis, along in ((0, x), (2, z), (1, y))
  ]


def loudness(kernels: Array, config: EncodingConfig) -> Array:
  """How loud a kernel is at each time, comparable between samples.

  The root of the moving sum of squares over 20 samples (0.21 ms); zero where
  the path is shorter than `mask_m`; times the square of the radius if
  `spreading`; the mean over the radii of a voxel if `radial_average` (5 cm:
  14 samples to either side). Then one division per sample of the data set, all
  pairs together, so that what is between them stays: by its 99.9th percentile.
  No statistic of an environment is needed, so a new room is no other case.
  Last, the root if `compress` says so.

  Args:
    kernels: [b, pair, tap], 96 kHz.
    config: how.

  Returns:
    float32 [b, pair, tap], not below 0.
  """
  square = jnp.square(kernels.astype(jnp.float32))
  found = jnp.sqrt(_moving_sum(square, ENVELOPE_SAMPLES))
  radius_m = jnp.arange(kernels.shape[-1], dtype=jnp.float32) / _SAMPLES_PER_M
  gain = jnp.square(radius_m) if config.spreading else jnp.ones_like(radius_m)
  found *= jnp.where(2 * radius_m < config.mask_m, 0, gain)
  if config.radial_average:
    width = 2 * radial_half_samples(config.voxel_m) + 1
    found = _moving_sum(found, width) / width
  values = found.reshape(found.shape[0], -1)
  count = max(1, round(LOUD_SHARE * values.shape[1]))
  loud = jax.lax.top_k(values, count)[0][:, -1, None, None]
  # A silent sample stays silent.
  found = jnp.where(loud > 0, found / jnp.where(loud > 0, loud, 1), 0)
  return jnp.sqrt(found) if config.compress == "sqrt" else found


def radial_half_samples(voxel_m: float) -> int:
  """Samples from the middle of a voxel to its edge: 14 for 5 cm.

  Args:
    voxel_m: edge of a voxel, metres.
  """
  return round(voxel_m / 2 * _SAMPLES_PER_M)


def echo_samples(
  pairs_m: Array, grid_centre_m: Array, config: EncodingConfig
) -> Array:
  """The sample at which an echo from each voxel comes back.

  round(96 kHz * 2 |voxel - pair| / (343 m/s)).

  Args:
    pairs_m: [b, pair, 3].
    grid_centre_m: [b, 3].
    config: which voxels.

  Returns:
    int32 [b, pair, x, z, y].
  """
  axes = voxel_axes_m(grid_of(config), grid_centre_m)
  # Squares of one axis each: few numbers, until they are added.
  x, z, y = (
    jnp.square(along[:, None] - pairs_m[..., axis, None])
    for along, axis in zip(axes, (0, 2, 1))
  )
  square = x[..., :, None, None] + z[..., None, :, None] + y[..., None, None, :]
  return jnp.round(jnp.sqrt(square) * _SAMPLES_PER_M).astype(jnp.int32)


def sound_volumes(
  kernels: Array,
  pairs_m: Array,
  grid_centre_m: Array,
  config: EncodingConfig,
) -> Array:
  """Each pair's loudness at the voxels: shells around the pair.

  Args:
    kernels: [b, pair, tap], 96 kHz; tap 0 is when the sound leaves.
    pairs_m: [b, pair, 3].
    grid_centre_m: [b, 3].
    config: how.

  Returns:
    float32 [b, pair, x, z, y]; 0 where the echo is later than the kernel.
  """
  loud = loudness(kernels, config)
  index = echo_samples(pairs_m, grid_centre_m, config)
  # One zero behind the last tap is what later echoes read.
  loud = jnp.pad(loud, ((0, 0), (0, 0), (0, 1)))
  last = loud.shape[-1] - 1
  rows = jnp.minimum(index, last).reshape(*index.shape[:2], -1)
  read = jnp.take_along_axis(loud, rows, axis=-1, mode="promise_in_bounds")
  return read.reshape(index.shape)


def visual_volumes(
  keypoints: Array,
  camera: Array,
  grid_centre_m: Array,
  config: EncodingConfig,
) -> Array:
  """Each joint's viewing ray.

  A voxel's value is confidence * exp(-d^2 / (2 s^2)), d the distance in the
  image from the keypoint to the projection of the voxel's centre. A voxel of
  edge w at depth z is f w / z pixels wide, and its centre stands for all of
  it: s^2 = ray_sigma_px^2 + (f w / z)^2 / 12 along each axis of the image, the
  second term being the variance of a point anywhere in the voxel.

  x does not enter v, nor y u, so that the exponentials are those of two
  planes, and the volume is their product.

  Args:
    keypoints: [b, joint, 3]: u, v in pixels, confidence.
    camera: [b, 6], see `rig.Camera.as_array`.
    grid_centre_m: [b, 3].
    config: how.

  Returns:
    float32 [b, x, z, y, joint]; 0 for a joint of confidence 0, behind the
    camera and outside the image.
  """
  x, z, y = voxel_axes_m(grid_of(config), grid_centre_m)
  # One centimetre: a plane through the camera sees nothing.
  ahead = z > 0.01
  depth = jnp.where(ahead, z, 1)
  planes = []
  for axis, along in enumerate((x, y)):
    focal, centre, size = (
      camera[:, i, None] for i in (axis, 2 + axis, 4 + axis)
    )
    scale = focal / depth
    # [b, along, z].
    at = along[:, :, None] * scale[:, None] + centre[:, None]
    seen = (at >= 0) & (at < size[:, None]) & ahead[:, None]
    variance = config.ray_sigma_px**2 + (scale * config.voxel_m) ** 2 / 12
    apart = at[..., None] - keypoints[:, None, None, :, axis]
    value = jnp.exp(-jnp.square(apart) / (2 * variance[:, None, :, None]))
    planes.append(jnp.where(seen[..., None], value, 0))
  across, down = planes
  across = across * keypoints[:, None, None, :, 2]
  # [b, x, z, 1, joint] times [b, 1, z, y, joint].
  return across[:, :, :, None] * down.swapaxes(1, 2)[:, None]


def _moving_sum(x: Array, width: int) -> Array:
  """Sums over `width` neighbours of the last axis, zeros beyond its ends.

  The window of an even width holds one more entry before than behind.
  """
  before = width // 2
  padding: list[tuple[ArrayLike, ArrayLike]] = [(0, 0)] * (x.ndim - 1)
  return jax.lax.reduce_window(
    x,
    0.0,
    jax.lax.add,
    (1,) * (x.ndim - 1) + (width,),
    (1,) * x.ndim,
    [*padding, (before, width - 1 - before)],  # pyright: ignore
  )
