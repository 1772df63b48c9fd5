"""Two stacks of narrow convolutions side by side in the channels.

A TPU works on 128 lanes at once. A layer of 64 channels fills half of them, in
its products and in every pass over its entries, and takes as long as one of
128. Two stacks of one shape run as one here: block-diagonal kernels keep them
apart, the zeros of which cost nothing where the lanes were empty.
"""

from __future__ import annotations

import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn import batch_norm
from bgm2pose_jax.nn.blocks import (
  NEGATIVE_SLOPE,
  Conv,
  ConvStack,
  add_bias,
  convolve,
  max_pool,
)
from bgm2pose_jax.runtime import target

_LANES = 128

Pair = tuple[ConvStack, ConvStack]


def applies(first: Pair) -> bool:
  """Whether two stacks fit side by side, and gain by it.

  Args:
    first: stacks that read two inputs of one size.
  """
  if target.platform() != "tpu":
    return False
  outputs = [stack.blocks[0].conv.bias.shape[0] for stack in first]
  one, other = first
  alike = one.pool == other.pool and len(one.blocks) == len(other.blocks)
  return alike and sum(outputs) <= _LANES


def run(first: Pair, second: Pair, x: Array, y: Array) -> tuple[Array, Array]:
  """Runs two chains of two stacks: the same sums as each alone.

  Args:
    first: the stacks of `x` and `y`, equally deep, wide and pooled.
    second: the stacks after them.
    x: [b, t, f, c].
    y: [b, t, f, d].

  Returns:
    What the chain of `x` and that of `y` makes.
  """
  both = jnp.concatenate([x, y], axis=-1)
  for one, other in zip(first[0].blocks, first[1].blocks):
    both = _convolve(one.conv, other.conv, both)
    norms = [one.norm, other.norm]
    both = batch_norm.side_by_side(norms, both, NEGATIVE_SLOPE)
  if first[0].pool > 1:
    both = max_pool(both, -2, first[0].pool)
  found = []
  for i, stack in enumerate(second):
    head, *rest = stack.blocks
    # Zeros where the other's channels are: no lane has to move.
    kernel = _among(head.conv, i, second[1 - i].blocks[0].conv)
    out = add_bias(convolve(both, kernel), head.conv.bias[...])
    out = head.norm(out, NEGATIVE_SLOPE)
    for block in rest:
      out = block(out)
    found.append(max_pool(out, -2, stack.pool) if stack.pool > 1 else out)
  return found[0], found[1]


def _convolve(one: Conv, other: Conv, both: Array) -> Array:
  kernels = [_among(one, 0, other), _among(other, 1, one)]
  biases = [one.bias[...], other.bias[...]]
  out = convolve(both, jnp.concatenate(kernels, axis=-1))
  return add_bias(out, jnp.concatenate(biases))


def _among(conv: Conv, place: int, other: Conv) -> Array:
  """A kernel for inputs before (place 1) or after which come the other's."""
  kernel = conv.kernel[...].astype(conv.dtype)
  more = other.kernel.shape[-2]
  sides = [(0, 0)] * (kernel.ndim - 2) + [(more * place, more * (1 - place))]
  return jnp.pad(kernel, [*sides, (0, 0)])
