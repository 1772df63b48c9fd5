"""Multi-head attention."""

from __future__ import annotations

import math

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.blocks import add_bias, uniform_param
from bgm2pose_jax.nn.dot_product import attend
from bgm2pose_jax.nn.dropout import ExampleDropout, example_seeds


class Attention(nnx.Module):
  """Scaled dot-product attention with several heads and weight dropout.

  Initialised as PyTorch's MultiheadAttention: Glorot-uniform over the three
  stacked input projections, zero biases. The softmax runs in float32.

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
  ):
    glorot = math.sqrt(6 / (channels + 3 * channels))
    square = (channels, channels)
    self.query_kernel = uniform_param(rngs, square, glorot)
    self.key_kernel = uniform_param(rngs, square, glorot)
    self.value_kernel = uniform_param(rngs, square, glorot)
    self.out_kernel = uniform_param(rngs, square, 1 / math.sqrt(channels))
    self.query_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.key_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.value_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.out_bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.dropout = ExampleDropout(dropout, stream)
    self.heads = heads
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
    heads = self.heads
    size = query.shape[-1] // heads
    q, k = self._query_and_key(query, key)
    v = self._split(self._project(value, self.value_kernel, self.value_bias))
    if self.dropout.active(keys):
      rate, seeds = self.dropout.rate, example_seeds(keys, self.dropout.stream)
    else:
      rate, seeds = 0.0, jnp.zeros((query.shape[0], 2), jnp.uint32)
    mixed = attend(q, k, v, seeds, rate)
    mixed = mixed.reshape(*query.shape[:2], heads, query.shape[2], size)
    mixed = mixed.swapaxes(2, 3).reshape(query.shape)
    return self._project(mixed, self.out_kernel, self.out_bias)

  def weights(self, query: Array, key: Array) -> Array:
    """How much each query attends to each key, without dropout, to be shown.

    Args:
      query: [b, g, q, c].
      key: [b, g, k, c].

    Returns:
      float32 [b, g, q, k], mean over the heads; sums to one over k.
    """
    q, k = self._query_and_key(query, key)
    scores = jnp.einsum("bnqd,bnkd->bnqk", q, k).astype(jnp.float32)
    weights = nnx.softmax(scores, axis=-1)
    groups = query.shape[1]
    return weights.reshape(-1, groups, self.heads, *weights.shape[-2:]).mean(
      axis=2
    )

  def _query_and_key(self, query: Array, key: Array) -> tuple[Array, Array]:
    """Projected and split into heads; the query scaled."""
    size = query.shape[-1] // self.heads
    # Scaling the query touches fewer numbers than scaling the scores.
    q = self._project(query, self.query_kernel, self.query_bias)
    q = q * jnp.asarray(1 / math.sqrt(size), q.dtype)
    k = self._project(key, self.key_kernel, self.key_bias)
    return self._split(q), self._split(k)

  def _split(self, x: Array) -> Array:
    """[b, g, n, c] to [b, g * head, n, c / head]."""
    b, g, n, channels = x.shape
    size = channels // self.heads
    x = x.reshape(b, g, n, self.heads, size).swapaxes(2, 3)
    return x.reshape(b, g * self.heads, n, size)

  def _project(self, x: Array, kernel: nnx.Param, bias: nnx.Param) -> Array:
    x = x.astype(self.dtype) @ kernel[...].astype(self.dtype)
    return add_bias(x, bias[...])
