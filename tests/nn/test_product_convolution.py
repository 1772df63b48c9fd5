"""Convolution as a product equals the compiler's convolution."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.nn import product_convolution


@pytest.mark.parametrize(
  ("axes", "window", "numbers"),
  [
    ((12, 16), (3, 3), ("NHWC", "HWIO", "NHWC")),
    ((12,), (2,), ("NWC", "WIO", "NWC")),
    ((7,), (3,), ("NWC", "WIO", "NWC")),
  ],
)
def test_it_sums_what_a_convolution_sums_with_its_gradients(
  axes, window, numbers
):
  x = jax.random.normal(jax.random.key(0), (2, *axes, 5))
  kernel = jax.random.normal(jax.random.key(1), (*window, 5, 4))

  def direct(x, kernel):
    return jax.lax.conv_general_dilated(
      x, kernel, (1,) * len(window), "SAME", dimension_numbers=numbers
    )

  def value(convolve):
    def total(x, kernel):
      return jnp.sum(jnp.sin(convolve(x, kernel)))

    return convolve(x, kernel), *jax.grad(total, (0, 1))(x, kernel)

  for ours, theirs in zip(value(product_convolution.convolve), value(direct)):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)
