from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.nn.dropout import ExampleDropout, example_bits


def _keys(n, seed=0):
  return jax.random.split(jax.random.key(seed), n)


def test_mask_follows_the_example():
  layer = ExampleDropout(0.3, 1)
  keys, x = _keys(6), jnp.ones((6, 5, 7))
  out = layer(x, keys)
  order = jnp.asarray([4, 0, 5, 1, 3, 2])
  np.testing.assert_array_equal(layer(x, keys[order]), out[order])
  np.testing.assert_array_equal(layer(x[:2], keys[:2]), out[:2])


def test_rate_scale_and_expectation():
  x = jnp.ones((8, 100, 100))
  out = np.asarray(ExampleDropout(0.25, 0)(x, _keys(8)))
  assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
  assert out.mean() == pytest.approx(1, abs=0.01)


def test_places_and_examples_differ():
  keys = _keys(2)
  a, b = (np.asarray(example_bits(keys, s, (64, 64))) for s in (0, 1))
  assert (a == b).mean() < 0.01
  assert (a[0] == a[1]).mean() < 0.01
  bits = np.unpackbits(a.view(np.uint8))
  assert bits.mean() == pytest.approx(0.5, abs=0.005)


def test_off_when_deterministic_or_zero():
  x = jnp.ones((2, 3))
  off = nnx.view(ExampleDropout(0.5, 0), deterministic=True)
  np.testing.assert_array_equal(off(x, None), x)
  np.testing.assert_array_equal(ExampleDropout(0.0, 0)(x, None), x)
