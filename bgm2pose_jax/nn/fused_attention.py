"""Attention as one kernel on TPUs and NVIDIA GPUs: scores never leave the chip.

What XLA makes of `nn.dot_product` on an accelerator keeps the scores of a
batch (tokens x tokens per group and head) in memory from the forward to the
backward pass: it sees that both compute the same product and does it once.
Here each program holds the scores of a few heads of one group, and the
backward pass computes them again from queries and keys. Weights are dropped by
the same integers as there, so that both forms drop the same.

Arrays have their tokens last: a head has fewer channels than a TPU's 128
lanes, and arrays with them last would be filled up to eight times their size.
Scores have the queries last, so that a softmax adds up rows.

The memory saved and what it costs are those of FlashAttention (Dao et al.,
arXiv 2205.14135); its running maximum is not needed, since all keys of a query
fit on the chip.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.dropout import row_bits, survives
from bgm2pose_jax.runtime import target

# Inside `with interpreting(True):` the kernel runs on any platform, slowly.
interpreting = jax.make_user_context(False)

_LANES = 128
# Tokens whose scores for one head fit into a program: 1 MiB in float32.
_MOST_TOKENS = 512
# A GPU's programs have registers for no more.
_MOST_GPU_TOKENS = 128
# Rows of a tile in the narrowest type that is computed in.
_LEAST_CHANNELS = 16


@dataclasses.dataclass(frozen=True)
class _Form:
  """What a kernel is compiled for.

  Attributes:
    heads: how many the attention has.
    together: how many of them one program has.
    rate: the share of weights dropped.
    platform: `tpu`, `gpu`, or `interpreted`.
  """

  heads: int
  together: int
  rate: float
  platform: str


def applies(queries: int, keys: int, channels: int) -> bool:
  """Whether the kernel is the form to take for `runtime.target`.

  Args:
    queries: tokens that ask, of one group.
    keys: tokens that are asked.
    channels: of one head.
  """
  platform = target.platform()
  if interpreting.value or platform == "tpu":
    most = _MOST_TOKENS
  elif platform == "gpu":
    most = _MOST_GPU_TOKENS
  else:
    return False
  return (
    all(n % _LANES == 0 and n <= most for n in (queries, keys))
    and channels >= _LEAST_CHANNELS
    and math.log2(channels).is_integer()
  )


def attend(
  query: Array, key: Array, value: Array, seeds: Array, rate: float, heads: int
) -> Array:
  """Softmax attention in every head, as `dot_product.attend` computes it.

  Args:
    query: [b, g, c, q], already scaled; channels head by head, groups do not
      see each other.
    key: [b, g, c, k].
    value: [b, g, c, k].
    seeds: uint32 [b, 2] of the dropout mask; unused at rate 0.
    rate: share of weights dropped; the rest grow by 1 / (1 - rate).
    heads: must divide c.

  Returns:
    [b, g, c, q] in the type of `value`.
  """
  platform = "interpreted" if interpreting.value else target.platform()
  # A TPU runs programs one after another and a GPU side by side.
  together = 1 if platform == "gpu" else heads
  form = _Form(heads, together, rate, platform)
  return _attend(form, query, key, value, seeds)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(form, query, key, value, seeds):
  out = _like(query, value.dtype)
  return _call(_forward, form, (seeds, query, key, value), out)


def _keep(form, query, key, value, seeds):
  return _attend(form, query, key, value, seeds), (query, key, value, seeds)


def _gradients(form, residuals, cotangent):
  query, key, value, seeds = residuals
  given = seeds, query, key, value, cotangent
  out = tuple(_like(x, x.dtype) for x in given[1:4])
  return *_call(_backward, form, given, out), None


def _like(x: Array, dtype: Any) -> jax.ShapeDtypeStruct:
  """Shape of a result that differs by device as an argument does."""
  return jax.ShapeDtypeStruct(
    x.shape, dtype, manual_axis_type=jax.typeof(x).manual_axis_type
  )


_attend.defvjp(_keep, _gradients)


def _call(kernel: Any, form: _Form, given: tuple[Array, ...], out: Any) -> Any:
  """Runs a kernel for every example, group and few heads."""
  # Half a second to import, and nobody on a CPU needs it.
  from jax.experimental import pallas as pl

  batch, groups, channels, _ = given[1].shape
  rows = channels // form.heads * form.together

  def block(x: Any) -> pl.BlockSpec:
    return pl.BlockSpec((1, 1, rows, x.shape[-1]), lambda b, g, h: (b, g, h, 0))

  seeds, more = pl.BlockSpec(), {}
  if form.platform == "tpu":
    from jax.experimental.pallas import tpu as pltpu

    seeds = pl.BlockSpec(memory_space=pltpu.SMEM)
    more["compiler_params"] = pltpu.CompilerParams(
      dimension_semantics=("parallel",) * 3
    )
  elif form.platform == "gpu":
    from jax.experimental.pallas import triton as pltriton

    more["compiler_params"] = pltriton.CompilerParams(num_warps=8, num_stages=1)
  return pl.pallas_call(
    functools.partial(kernel, form),
    out_shape=out,
    grid=(batch, groups, form.heads // form.together),
    in_specs=[seeds, *(block(x) for x in given[1:])],
    out_specs=jax.tree.map(block, out),
    interpret=form.platform == "interpreted",
    name=f"attention{kernel.__name__}",
    **more,
    # In a line: a TPU fills each row of a table up to 128 entries, and has no
    # room for those of 2,048 examples.
  )(given[0].reshape(-1), *given[1:])


def _forward(form: _Form, seeds, query, key, value, out) -> None:
  """Attends in a few heads of one group."""
  for head in range(form.together):
    part = _part(form, query, head)
    q, k, v = (x[0, 0, part, :] for x in (query, key, value))
    _, total, kept = _weights(q, k, _mask(form, seeds, head, q, k))
    mixed = _product(v, kept.astype(v.dtype), 1, 0)
    mixed = mixed / (total * (1 - form.rate))
    out[0, 0, part, :] = mixed.astype(out.dtype)


def _backward(
  form: _Form,
  seeds,
  query,
  key,
  value,
  cotangent,
  query_grad,
  key_grad,
  value_grad,
) -> None:
  """Gradients of a few heads of one group; scores are computed again."""
  for head in range(form.together):
    part = _part(form, query, head)
    q, k, v, grad = (x[0, 0, part, :] for x in (query, key, value, cotangent))
    mask = _mask(form, seeds, head, q, k)
    weights, total, kept = _weights(q, k, mask)
    shared = grad.astype(total.dtype) / (total * (1 - form.rate))
    shared = shared.astype(v.dtype)
    # Masked once: the gradient of a dropped weight is zero as the weight is.
    moved = kept * _product(v, shared, 0, 0)
    # Of a query's weights, what moves all together the softmax takes out.
    common = jnp.sum(moved, axis=0, keepdims=True) / total
    scores_grad = (moved - weights * common).astype(q.dtype)
    kept = kept.astype(v.dtype)
    query_grad[0, 0, part, :] = _product(k, scores_grad, 1, 0).astype(q.dtype)
    key_grad[0, 0, part, :] = _product(q, scores_grad, 1, 1).astype(k.dtype)
    value_grad[0, 0, part, :] = _product(shared, kept, 1, 1).astype(v.dtype)


def _part(form: _Form, block: Any, head: int) -> slice:
  """The channels of one of a program's heads."""
  size = block.shape[2] // form.together
  return slice(head * size, (head + 1) * size)


def _weights(q, k, mask) -> tuple[Any, Any, Any]:
  """Weights [k, q] not yet divided, their sums [1, q], those that are kept."""
  scores = _product(k, q, 0, 0)
  weights = jnp.exp(scores - jnp.max(scores, axis=0, keepdims=True))
  total = jnp.sum(weights, axis=0, keepdims=True)
  return weights, total, weights if mask is None else _masked(mask, weights)


def _masked(mask, weights):
  return jnp.where(mask, weights, jnp.zeros_like(weights))


def _mask(form: _Form, seeds, head: int, q, k) -> Any:
  """`dot_product.keep_mask` of one head, keys first: bool [k, q]."""
  from jax.experimental import pallas as pl

  if form.rate == 0:
    return None
  example, group, some = (pl.program_id(axis) for axis in range(3))
  group = group * form.heads + some * form.together + head
  queries, keys = q.shape[-1], k.shape[-1]
  row = jax.lax.broadcasted_iota(jnp.int32, (1, queries), 1)
  row = (row + group * queries).astype(jnp.uint32)
  column = jax.lax.broadcasted_iota(jnp.int32, (keys, 1), 0)
  of_row = row_bits(row, seeds[2 * example], seeds[2 * example + 1])
  return survives(of_row, column.astype(jnp.uint32), form.rate)


def _product(a, b, contract_a: int, contract_b: int):
  """Matrix product, summed in float32 at least."""
  return jax.lax.dot_general(
    a,
    b,
    (((contract_a,), (contract_b,)), ((), ())),
    preferred_element_type=jnp.promote_types(a.dtype, jnp.float32),
  )
