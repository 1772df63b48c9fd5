"""Time of arrival: the voxel from which all pairs hear an echo.

The method is SoundCam's learning-free baseline (arXiv 2311.03517; its code is
maswang32/soundcam), taken from a floor plan to voxels: a map of each pair gives
every place the level of the kernel's envelope at the time that sound needs
there and back, and the product over pairs of (map + 3.5) is largest where the
maps agree. The unit of SoundCam's maps is not stated. Ours are the volumes that
the networks read (`encoding.sound_volumes`), each pair's in units of its root
mean square over the voxels.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.systems.posekernel import encoding
from bgm2pose_jax.systems.posekernel.config import EncodingConfig

# Added to every map before the product, as SoundCam does.
OFFSET = 3.5
# Samples at a time: of 70 x 70 x 50 voxels and four pairs they take 32 MB.
_CHUNK = 8


def best_m(
  kernels: np.ndarray,
  pairs_m: np.ndarray,
  centre_m: np.ndarray,
  config: EncodingConfig,
) -> np.ndarray:
  """Voxels with the largest product over pairs.

  Args:
    kernels: [n, pair, tap].
    pairs_m: [n, pair, 3], camera frame, metres.
    centre_m: [n, 3], middle of each sample's grid.
    config: the voxels and how kernels fill them.

  Returns:
    float64 [n, 3], camera frame, metres.
  """
  best = jax.jit(functools.partial(_best, config))
  found = []
  for start in range(0, len(kernels), _CHUNK):
    part = slice(start, start + _CHUNK)
    count = len(kernels[part])
    # The last chunk repeats its last sample: one compiled shape for all.
    given = (
      np.pad(
        np.asarray(values[part], np.float32),
        [(0, _CHUNK - count)] + [(0, 0)] * (values.ndim - 1),
        mode="edge",
      )
      for values in (kernels, pairs_m, centre_m)
    )
    found.append(np.asarray(best(*given))[:count])
  voxels = encoding.grid_of(config).offsets_m().reshape(-1, 3)
  return voxels[np.concatenate(found)].astype(np.float64) + centre_m


def _best(
  config: EncodingConfig,
  kernels: jax.Array,
  pairs: jax.Array,
  centre: jax.Array,
) -> jax.Array:
  """Number of the best voxel of each sample, int32 [b]."""
  maps = encoding.sound_volumes(kernels, pairs, centre, config)
  maps = maps.reshape(*maps.shape[:2], -1)
  size = jnp.sqrt(jnp.square(maps).mean(axis=-1, keepdims=True))
  maps = maps / jnp.where(size > 0, size, 1)
  # The product's logarithm: the same voxel, and no overflow.
  return jnp.argmax(jnp.log(maps + OFFSET).sum(axis=1), axis=-1)
