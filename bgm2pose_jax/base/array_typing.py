"""Axis letters and array aliases used in signatures and docstrings.

Shapes are written `[b, t, f, c]` in docstrings with these letters:

  n  examples (windows) of a data set        b  examples of a batch
  t  frames of a window                      d  embedding size
  f  frequency bands                         c  feature channels
  s  audio samples

Leading axes that a function only carries along are written `...`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

# A JAX array, concrete or traced.
Array = jax.Array
# Anything a public function accepts as an array.
ArrayLike = jax.typing.ArrayLike


def at_least_float32(x: ArrayLike) -> Array:
  """Returns float64 as it is and every other type as float32.

  For sums, statistics and losses, which bfloat16 is too coarse for.
  """
  x = jnp.asarray(x)
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))
