"""Dot-product attention that keeps neither weights nor dropout mask.

The weights of a batch (query x key per group and head) can be by far the
largest arrays of a network. Here the backward pass computes them again, as in
FlashAttention (Dao et al., arXiv 2205.14135), the dropout mask is integer
arithmetic inside the same pass, and on CPU a few examples are handled at a
time so that their weights stay in the cache.

On an accelerator XLA sees that both passes compute the same product and keeps
it: `nn.fused_attention` is the form for large groups there.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.nn.dropout import row_bits, survives
from bgm2pose_jax.runtime import target

# Name of what the backward pass reads besides its inputs, for policies of
# `jax.checkpoint`.
ATTENDED = "attended"
# Weights handled at a time on CPU: 2 MiB of float32, a core's share of cache.
_CPU_CHUNK = 2**19


def attend(
  query: Array, key: Array, value: Array, seeds: Array, rate: float
) -> Array:
  """Softmax attention, scores divided by nothing, with weight dropout.

  Args:
    query: [b, g, q, d], already scaled; groups do not see each other.
    key: [b, g, k, d].
    value: [b, g, k, d].
    seeds: uint32 [b, 2] of the dropout mask; unused at rate 0.
    rate: share of weights dropped; the rest grow by 1 / (1 - rate).

  Returns:
    [b, g, q, d] in the type of `value`.
  """
  batch, groups, queries, _ = query.shape
  per_example = groups * queries * key.shape[2]
  if target.platform() != "cpu" or batch * per_example <= _CPU_CHUNK:
    return _attend(rate, query, key, value, seeds)
  rows = max(1, _CPU_CHUNK // per_example)
  while batch % rows:
    rows -= 1
  split = [
    x.reshape(batch // rows, rows, *x.shape[1:])
    for x in (query, key, value, seeds)
  ]
  out = jax.lax.map(lambda x: _attend(rate, *x), tuple(split))
  return out.reshape(query.shape)


def keep_mask(seeds: Array, shape: tuple[int, ...], rate: float) -> Array:
  """Which weights of each example survive.

  A full hash per row of weights, a short one per weight.

  Args:
    seeds: uint32 [b, 2].
    shape: groups, queries, keys.
    rate: share dropped.

  Returns:
    bool [b, groups, queries, keys].
  """
  groups, queries, columns = shape
  row = jnp.arange(groups * queries, dtype=jnp.uint32)
  of_row = row_bits(row, seeds[:, :1], seeds[:, 1:])
  of_row = of_row.reshape(-1, groups, queries, 1)
  return survives(of_row, jnp.arange(columns, dtype=jnp.uint32), rate)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(rate, query, key, value, seeds):
  return _forward(rate, query, key, value, seeds)[0]


def _forward(rate, query, key, value, seeds):
  scores = _dot(query, key, 3, 3)
  top = jnp.max(scores, axis=-1, keepdims=True)
  weights = jnp.exp(scores - top)
  total = jnp.sum(weights, axis=-1, keepdims=True)
  kept = _drop(weights, seeds, rate)
  # Dividing the result is cheaper than dividing the weights.
  out = _dot(kept.astype(value.dtype), value, 3, 2)
  out = (out / (total * (1 - rate))).astype(value.dtype)
  out, top, total = (checkpoint_name(x, ATTENDED) for x in (out, top, total))
  return out, (query, key, value, seeds, out, top, total)


def _backward(rate, residuals, cotangent):
  query, key, value, seeds, out, top, total = residuals
  grad = at_least_float32(cotangent)
  # d(weight) of a row is orthogonal to its weights after this subtraction.
  common = jnp.sum(grad * at_least_float32(out), axis=-1, keepdims=True)
  common = common / total
  weights = jnp.exp(_dot(query, key, 3, 3) - top)
  shared = (grad / (total * (1 - rate))).astype(value.dtype)
  # Masked once: the gradient of a dropped weight is zero as the weight is.
  kept = _drop(weights, seeds, rate)
  grad_scores = kept * _dot(shared, value, 3, 3) - weights * common
  grad_scores = grad_scores.astype(query.dtype)
  grad_query = _dot(grad_scores, key, 3, 2)
  grad_key = _over_queries(grad_scores, query)
  grad_value = _over_queries(kept.astype(value.dtype), shared)
  return (
    grad_query.astype(query.dtype),
    grad_key.astype(key.dtype),
    grad_value.astype(value.dtype),
    None,
  )


_attend.defvjp(_forward, _backward)


def _drop(x: Array, seeds: Array, rate: float) -> Array:
  if rate == 0:
    return x
  return jnp.where(keep_mask(seeds, x.shape[1:], rate), x, 0.0)


def _over_queries(weights: Array, rows: Array) -> Array:
  """Sums [b, g, q, k] times [b, g, q, d] over the queries: [b, g, k, d]."""
  if target.platform() == "cpu":
    # A product that turns what comes first is half as fast when that is the
    # larger array.
    return _dot(rows, weights, 2, 2).swapaxes(2, 3)
  # Turned afterwards, it does not compile for NVIDIA GPUs where the number of
  # keys is 13: XLA's fusion of the turning into the next product has no tiles.
  return _dot(weights, rows, 2, 2)


def _dot(a: Array, b: Array, contract_a: int, contract_b: int) -> Array:
  """Batched product over the first two axes, summed in float32 at least."""
  return jax.lax.dot_general(
    a,
    b,
    (((contract_a,), (contract_b,)), ((0, 1), (0, 1))),
    preferred_element_type=jnp.promote_types(a.dtype, jnp.float32),
  )
