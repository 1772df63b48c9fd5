"""Convolution as one matrix product, for several networks side by side.

A convolution whose kernel has a replica axis becomes a grouped convolution,
which some compilers run far slower than the same work apart. Written as a
product of the neighbourhoods with the kernel it becomes a batched matrix
product instead, which every device runs well, for as many times the memory
traffic as the window has entries.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import Array

# Inside `with as_products(True):` the layers convolve with this module. A
# context that the compiler's caches know, unlike a global variable.
as_products = jax.make_user_context(False)


def convolve(x: Array, kernel: Array) -> Array:
  """Convolves with zeros around, output as long as the input.

  The same sums as `jax.lax.conv_general_dilated` with stride 1 and padding
  `SAME`.

  Args:
    x: [b, *axes, c].
    kernel: [*window, c, o].

  Returns:
    [b, *axes, o].
  """
  window = kernel.shape[:-2]
  # An even window pads one more zero at the end.
  padded = jnp.pad(
    x, ((0, 0), *(((n - 1) // 2, n // 2) for n in window), (0, 0))
  )
  shape = x.shape[1:-1]
  neighbours = [
    padded[(slice(None), *(slice(i, i + n) for i, n in zip(start, shape)))]
    for start in itertools.product(*(range(n) for n in window))
  ]
  columns = jnp.concatenate(neighbours, axis=-1)
  return columns @ kernel.reshape(-1, kernel.shape[-1])
