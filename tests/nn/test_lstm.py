from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.nn import lstm

pytestmark = pytest.mark.usefixtures("quick_compiling")


def test_the_loop_is_the_steps_written_out(monkeypatch):
  layer = lstm.LSTM(3, 5, rngs=nnx.Rngs(0))
  structure, params = nnx.split(layer)
  x = jax.random.normal(jax.random.key(0), (2, 30, 3))
  cotangent = jax.random.normal(jax.random.key(1), (2, 30, 5))

  def run():
    def call(params, x):
      return nnx.merge(structure, params)(x)

    text = str(jax.make_jaxpr(call)(params, x))
    out, back = jax.vjp(call, params, x)
    return "scan" in text, jax.tree.leaves((out, back(cotangent)))

  looped, found = run()
  monkeypatch.setattr(lstm, "_WRITTEN_OUT", 30)
  plain, wanted = run()
  assert (looped, plain) == (True, False)
  for a, b in zip(found, wanted, strict=True):
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_long_sequence_in_bfloat16():
  layer = lstm.LSTM(3, 5, rngs=nnx.Rngs(0), dtype=jnp.bfloat16)
  out = layer(jnp.ones((2, 40, 3)))
  assert (out.shape, out.dtype) == ((2, 40, 5), jnp.bfloat16)
