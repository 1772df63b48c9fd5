"""Multi-head attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn import fused_attention
from bgm2pose_jax.nn.blocks import add_bias, multiply, uniform_param
from bgm2pose_jax.nn.dot_product import attend
from bgm2pose_jax.nn.dropout import ExampleDropout, example_seeds

Init = Callable[[nnx.Rngs, Sequence[int]], nnx.Param]


class Attention(nnx.Module):
  """Scaled dot-product attention with several heads and weight dropout.

  Initialised as PyTorch's MultiheadAttention unless `init` says otherwise:
  Glorot-uniform over the three stacked input projections, zero biases. The
  softmax runs in float32.

  The key bias adds the same number to every score of a query, which the
  softmax removes; it is kept because published weights have it. Its gradient
  is zero.
  """

  def __init__(
    self,
    channels: int,
    heads: int,
    *,
    dropout: float,
    stream: int,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
    init: Init | None = None,
    scale: float | None = None,
  ):
    """Draws the parameters.

    Args:
      channels: the width of queries, keys, values and of what comes out.
      heads: must divide `channels`.
      dropout: share of attention weights dropped.
      stream: number of its dropout, see `nn.dropout`.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
      init: makes the four kernels; None draws them as PyTorch does.
      scale: what scores are multiplied by; None takes one over the root of a
        head's channels.
    """
    square = (channels, channels)
    into = init or _uniform(math.sqrt(6 / (channels + 3 * channels)))
    out = init or _uniform(1 / math.sqrt(channels))
    self.query_kernel = into(rngs, square)
    self.key_kernel = into(rngs, square)
    self.value_kernel = into(rngs, square)
    self.out_kernel = out(rngs, square)
    self.query_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.key_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.value_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.out_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.dropout = ExampleDropout(dropout, stream)
    self.heads = heads
    self.scale = scale or 1 / math.sqrt(channels // heads)
    self.dtype = dtype

  def __call__(
    self, query: Array, key: Array, value: Array, keys: Array | None
  ) -> Array:
    """Attends within each group of tokens.

    Args:
      query: [b, g, q, c]; groups do not see each other.
      key: [b, g, k, c].
      value: [b, g, k, c].
      keys: PRNG keys [b] of the examples, or None.

    Returns:
      [b, g, q, c].
    """
    v = self._project(value, self.value_kernel[...], self.value_bias[...])
    q, k = self._query_and_key(query, key)
    return self._mix(q, k, v, keys)

  def among(self, x: Array, keys: Array | None) -> Array:
    """Attends among tokens: queries, keys and values are one array.

    The same numbers as `__call__(x, x, x, keys)`, to rounding, with the three
    projections as one product.

    Args:
      x: [b, g, n, c].
      keys: PRNG keys [b] of the examples, or None.

    Returns:
      [b, g, n, c].
    """
    kernel = jnp.concatenate(
      [
        self.query_kernel[...] * self.scale,
        self.key_kernel[...],
        self.value_kernel[...],
      ],
      axis=1,
    )
    bias = jnp.concatenate(
      [
        self.query_bias[...] * self.scale,
        self.key_bias[...],
        self.value_bias[...],
      ]
    )
    q, k, v = jnp.split(self._project(x, kernel, bias), 3, axis=-1)
    return self._mix(q, k, v, keys)

  def _mix(self, q: Array, k: Array, v: Array, keys: Array | None) -> Array:
    """Attends in every head and projects; all are [b, g, tokens, c]."""
    shape = q.shape
    if self.dropout.active(keys):
      rate, seeds = self.dropout.rate, example_seeds(keys, self.dropout.stream)
    else:
      rate, seeds = 0.0, jnp.zeros((shape[0], 2), jnp.uint32)
    if fused_attention.applies(q.shape[2], k.shape[2], shape[3] // self.heads):
      q, k, v = (x.swapaxes(2, 3) for x in (q, k, v))
      mixed = fused_attention.attend(q, k, v, seeds, rate, self.heads)
      mixed = mixed.swapaxes(2, 3)
    else:
      q, k, v = (self._split(x) for x in (q, k, v))
      mixed = attend(q, k, v, seeds, rate)
      mixed = mixed.reshape(*shape[:2], self.heads, shape[2], -1)
      mixed = mixed.swapaxes(2, 3).reshape(shape)
    return self._project(mixed, self.out_kernel[...], self.out_bias[...])

  def weights(self, query: Array, key: Array) -> Array:
    """How much each query attends to each key, without dropout, to be shown.

    Args:
      query: [b, g, q, c].
      key: [b, g, k, c].

    Returns:
      float32 [b, g, q, k], mean over the heads; sums to one over k.
    """
    q, k = (self._split(x) for x in self._query_and_key(query, key))
    scores = jnp.einsum("bnqd,bnkd->bnqk", q, k).astype(jnp.float32)
    weights = nnx.softmax(scores, axis=-1)
    groups = query.shape[1]
    return weights.reshape(-1, groups, self.heads, *weights.shape[-2:]).mean(
      axis=2
    )

  def _query_and_key(self, query: Array, key: Array) -> tuple[Array, Array]:
    """Projected; the query scaled."""
    # Scaling the kernel touches fewer numbers than scaling query or scores.
    kernel, bias = self.query_kernel[...], self.query_bias[...]
    q = self._project(query, kernel * self.scale, bias * self.scale)
    k = self._project(key, self.key_kernel[...], self.key_bias[...])
    return q, k

  def _split(self, x: Array) -> Array:
    """[b, g, n, c] to [b, g * head, n, c / head]."""
    b, g, n, channels = x.shape
    size = channels // self.heads
    x = x.reshape(b, g, n, self.heads, size).swapaxes(2, 3)
    return x.reshape(b, g * self.heads, n, size)

  def _project(self, x: Array, kernel: Array, bias: Array) -> Array:
    out = multiply(x.astype(self.dtype), kernel.astype(self.dtype))
    return add_bias(out, bias)


def _uniform(bound: float) -> Init:
  return lambda rngs, shape: uniform_param(rngs, shape, bound)
