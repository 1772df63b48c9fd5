"""Schedule and update direction against torch's rule and closed forms."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.runtime import target
from bgm2pose_jax.systems.bgm2pose.config import OptimConfig
from bgm2pose_jax.training import optim


def test_cosine_is_the_recursion_torch_uses():
  config = OptimConfig(learning_rate=3e-3, learning_rate_min=1e-3, epochs=30)
  # torch's CosineAnnealingLR in its recursive form.
  rate = 3e-3
  for epoch in range(30):
    assert optim.learning_rate(config, epoch) == pytest.approx(rate, rel=1e-9)
    rate = 1e-3 + (rate - 1e-3) * (1 + math.cos(math.pi * (epoch + 1) / 30)) / (
      1 + math.cos(math.pi * epoch / 30)
    )
  assert optim.learning_rate(config, 30) == pytest.approx(1e-3)


def test_first_adam_update_is_the_sign():
  chain = optim.make_transformation(OptimConfig(optimizer="adam"))
  params = {"kernel": jnp.array([1.0, -2.0])}
  grads = {"kernel": jnp.array([0.3, -5.0])}
  update, _ = chain.update(grads, chain.init(params), params)
  np.testing.assert_allclose(update["kernel"], [1.0, -1.0], rtol=1e-5)


def test_decay_touches_kernels_only():
  chain = optim.make_transformation(
    OptimConfig(optimizer="sgd", weight_decay=0.1)
  )
  params = {
    "conv": {"kernel": jnp.ones(2), "bias": jnp.ones(2)},
    "embedding": jnp.ones(2),
  }
  zero = {
    "conv": {"kernel": jnp.zeros(2), "bias": jnp.zeros(2)},
    "embedding": jnp.zeros(2),
  }
  update, _ = chain.update(zero, chain.init(params), params)
  np.testing.assert_allclose(update["conv"]["kernel"], [0.1, 0.1], rtol=1e-6)
  np.testing.assert_array_equal(update["conv"]["bias"], [0.0, 0.0])
  np.testing.assert_array_equal(update["embedding"], [0.0, 0.0])


def test_clipping_limits_the_global_norm():
  chain = optim.make_transformation(OptimConfig(optimizer="sgd", clip_norm=1.0))
  params = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
  grads = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
  update, _ = chain.update(grads, chain.init(params), params)
  np.testing.assert_allclose([update["a"][0], update["b"][0]], [0.6, 0.8])


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_the_norm_of_a_tree_is_that_of_all_its_numbers(platform):
  rng = np.random.default_rng(0)
  tree = {"a": rng.normal(size=(3, 4)), "b": [rng.normal(size=5), np.ones(())]}
  every = np.concatenate([tree["a"].ravel(), tree["b"][0], [1.0]])
  with target.tracing_for(platform):
    found = optim.norm(jax.tree.map(jnp.float32, tree))
  assert float(found) == pytest.approx(np.linalg.norm(every), rel=1e-6)
