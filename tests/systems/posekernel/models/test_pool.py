"""What the network keeps of all pairs does not depend on their order."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn import winograd
from bgm2pose_jax.systems.posekernel.models.posekernel import (
  PoseKernelConfig,
  SoundBranch,
)

pytestmark = pytest.mark.usefixtures("quick_compiling")

SOUND = np.random.default_rng(0).uniform(size=(1, 3, 5, 5, 5))


def _branch(pool):
  config = PoseKernelConfig(sound_width=2, groups=2, pool=pool)
  return SoundBranch(config, rngs=nnx.Rngs(0), dtype=jnp.float32)


def test_mean_stands_beside_the_fullest_pair():
  sound = jnp.asarray(SOUND, jnp.float32)
  branch = {pool: nnx.jit(_branch(pool)) for pool in ("max", "max_mean")}
  fullest, both = branch["max"](sound), branch["max_mean"](sound)
  assert both.shape[-1] == 2 * fullest.shape[-1] == _branch("max_mean").channels
  np.testing.assert_allclose(both[..., :4], fullest, atol=1e-6)
  each = [branch["max"](sound[:, i : i + 1]) for i in range(3)]
  np.testing.assert_allclose(both[..., 4:], sum(each) / 3, atol=1e-5)
  np.testing.assert_allclose(
    branch["max_mean"](sound[:, ::-1]), both, atol=1e-5
  )


def test_pairs_as_channels_are_pairs_as_examples():
  """Values and every gradient, in float64."""
  with jax.enable_x64(True):
    config = PoseKernelConfig(sound_width=2, groups=2, pool="max_mean")
    branch = SoundBranch(config, rngs=nnx.Rngs(0), dtype=jnp.float64)
    graph, params = nnx.split(branch)
    params = jax.tree.map(lambda x: x.astype(jnp.float64), params)

    def loss(params, sound):
      out = nnx.merge(graph, params)(sound)
      return (out * jnp.cos(jnp.arange(out.size).reshape(out.shape))).sum(), out

    def run():
      step = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
      # Functions of their own: a cache's key does not know the form.
      text = str(jax.make_jaxpr(lambda *x: step(*x))(params, SOUND))
      return text, jax.device_get(jax.jit(lambda *x: step(*x))(params, SOUND))

    text, found = run()
    with winograd.plain_convolution(True):
      plain_text, plain = run()
  # Three pairs of four channels, and four channels of three examples each.
  assert "f64[1,5,5,5,12]" in text
  assert "f64[3,5,5,5,4]" not in text
  assert "f64[3,5,5,5,4]" in plain_text
  for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(plain)):
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_another_pool_is_refused():
  with pytest.raises(InputError, match="pool"):
    PoseKernelConfig(pool="sum")
