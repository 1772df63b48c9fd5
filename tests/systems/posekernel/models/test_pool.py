"""What the network keeps of all pairs does not depend on their order."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.models.posekernel import (
  PoseKernelConfig,
  SoundBranch,
)

SOUND = np.random.default_rng(0).uniform(size=(1, 3, 5, 5, 5))


def _branch(pool):
  config = PoseKernelConfig(sound_width=2, groups=2, pool=pool)
  return SoundBranch(config, rngs=nnx.Rngs(0), dtype=jnp.float32)


def test_mean_stands_beside_the_fullest_pair():
  sound = jnp.asarray(SOUND, jnp.float32)
  fullest, both = _branch("max")(sound), _branch("max_mean")(sound)
  assert both.shape[-1] == 2 * fullest.shape[-1] == _branch("max_mean").channels
  np.testing.assert_allclose(both[..., :4], fullest, atol=1e-6)
  each = [_branch("max")(sound[:, i : i + 1]) for i in range(3)]
  np.testing.assert_allclose(both[..., 4:], sum(each) / 3, atol=1e-5)
  np.testing.assert_allclose(
    _branch("max_mean")(sound[:, ::-1]), both, atol=1e-5
  )


def test_another_pool_is_refused():
  with pytest.raises(InputError, match="pool"):
    PoseKernelConfig(pool="sum")
