"""Layers shared by the models: convolution, activation, pooling.

Channels come last everywhere. Parameters and batch statistics are float32;
`dtype` is the type the layers compute in. Modules hold no random state and no
constants, so that a model is its parameters and its batch statistics.

Every convolution block runs convolution, LeakyReLU, batch normalisation in
that order, as Shibata et al. (CVPR 2023) do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.nn import product_convolution, winograd
from bgm2pose_jax.nn.batch_norm import BatchNorm, sum_rows
from bgm2pose_jax.runtime import target

NEGATIVE_SLOPE = 0.01
_GPU_ROWS = 16

_DIMENSIONS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


def uniform_param(
  rngs: nnx.Rngs, shape: Sequence[int], bound: float
) -> nnx.Param:
  """Float32 parameter drawn uniformly from [-bound, bound)."""
  value = jax.random.uniform(
    rngs.params(), tuple(shape), jnp.float32, -bound, bound
  )
  return nnx.Param(value)


def normal_param(rngs: nnx.Rngs, shape: Sequence[int]) -> nnx.Param:
  """Float32 parameter drawn from N(0, 1), for embeddings and tokens."""
  return nnx.Param(jax.random.normal(rngs.params(), tuple(shape), jnp.float32))


def truncated_normal_param(rngs: nnx.Rngs, shape: Sequence[int]) -> nnx.Param:
  """Float32 parameter drawn from N(0, 0.02^2), cut at two deviations.

  The usual start of transformers since BERT (Devlin et al., 2019).
  """
  value = jax.random.truncated_normal(
    rngs.params(), -2, 2, tuple(shape), jnp.float32
  )
  return nnx.Param(0.02 * value)


def add_bias(x: Array, bias: Array) -> Array:
  """Adds a parameter, repeated over the leading axes, in float32 at least.

  Its gradient is a sum over all rows, which bfloat16 is too coarse for.

  Args:
    x: [..., *bias.shape].
    bias: a bias of any shape.

  Returns:
    The shape and type of `x`.
  """
  return _add_bias(x, bias)


@jax.custom_vjp
def _add_bias(x, bias):
  return (at_least_float32(x) + bias).astype(x.dtype)


def _bias_forward(x, bias):
  return _add_bias(x, bias), bias


def _bias_backward(bias, grad):
  return grad, sum_rows(at_least_float32(grad), bias.ndim).astype(bias.dtype)


_add_bias.defvjp(_bias_forward, _bias_backward)


def multiply(x: Array, kernel: Array) -> Array:
  """One product of all rows: [..., inputs] with [inputs, outputs].

  With more than two axes its gradients may run as many small ones.

  Args:
    x: [..., inputs].
    kernel: [inputs, outputs].

  Returns:
    [..., outputs].
  """
  rows = x.reshape(-1, x.shape[-1])
  if _needs_more_rows(x):
    # NVIDIA GPUs' compiler fuses what makes an operand into the product, and
    # then finds no tiles where that repeats a value over 13 or 150 rows. What
    # is filled up it makes apart.
    count = rows.shape[0]
    known = isinstance(count, int)
    more = _GPU_ROWS - count % _GPU_ROWS if known else _GPU_ROWS
    out = (jnp.pad(rows, ((0, more), (0, 0))) @ kernel)[:count]
  else:
    out = rows @ kernel
  return out.reshape(*x.shape[:-1], kernel.shape[1])


def _needs_more_rows(x: Array) -> bool:
  """Whether rows are filled up: also in programs that a GPU may be given."""
  on_gpu = target.platform() in ("gpu", target.ANY)
  return on_gpu and x.ndim > 2 and x.shape[-2] % _GPU_ROWS != 0


def max_pool(x: Array, axis: int, size: int) -> Array:
  """Maximum over neighbours along one axis.

  Written as a maximum of slices: the gradient of a window reduction scatters,
  which is slow on CPU.

  Args:
    x: any shape; a remainder of `x.shape[axis]` over `size` is dropped.
    axis: the axis to pool.
    size: neighbours per output.

  Returns:
    `x` with `x.shape[axis] // size` entries on that axis.
  """
  axis %= x.ndim
  length = x.shape[axis] // size
  if target.platform() == "tpu":
    # Neighbours on an axis of their own would move every entry.
    parts = [
      jax.lax.slice_in_dim(x, i, length * size, stride=size, axis=axis)
      for i in range(size)
    ]
  else:
    x = jax.lax.slice_in_dim(x, 0, length * size, axis=axis)
    shape = (*x.shape[:axis], length, size, *x.shape[axis + 1 :])
    x = x.reshape(shape)
    parts = [
      jax.lax.index_in_dim(x, i, axis + 1, keepdims=False) for i in range(size)
    ]
  out = parts[0]
  for part in parts[1:]:
    # The first of equal neighbours takes the gradient.
    out = jnp.where(out >= part, out, part)
  return out


def merge_bands(x: Array, how: str) -> Array:
  """Turns bands and channels into the features of a frame.

  Args:
    x: [b, t, f, c].
    how: `permute` or `view`, see the fields `tf_merge`.

  Returns:
    [b, t, c * f], channel by channel.
  """
  b, t, f, c = x.shape
  if how == "permute":
    return x.transpose(0, 1, 3, 2).reshape(b, t, c * f)
  return x.transpose(0, 3, 1, 2).reshape(b, c * f, t).transpose(0, 2, 1)


def middle(x: Array, context: int) -> Array:
  """Leaves out frames at either end.

  Args:
    x: [b, t, ...].
    context: frames to leave out at each end.

  Returns:
    [b, t - 2 context, ...].
  """
  return x[:, context : x.shape[1] - context]


def convolve(x: Array, kernel: Array) -> Array:
  """Convolves with stride 1 and zeros around, output as long as the input.

  Args:
    x: [b, *axes, inputs], one or two axes.
    kernel: [*window, inputs, outputs].

  Returns:
    [b, *axes, outputs].
  """
  rank = kernel.ndim - 2
  if product_convolution.as_products.value:
    return product_convolution.convolve(x, kernel)
  if winograd.applies(x, kernel):
    return winograd.conv3x3(x, kernel)
  return jax.lax.conv_general_dilated(
    x, kernel, (1,) * rank, "SAME", dimension_numbers=_DIMENSIONS[rank]
  )


class Conv(nnx.Module):
  """Convolution over one or two axes, stride 1, output as long as the input.

  An even window pads one more zero at the end than at the start.
  """

  def __init__(
    self,
    inputs: int,
    outputs: int,
    window: tuple[int, ...],
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    bound = 1 / math.sqrt(inputs * math.prod(window))
    self.kernel = uniform_param(rngs, (*window, inputs, outputs), bound)
    self.bias = uniform_param(rngs, (outputs,), bound)
    self.dtype = dtype

  def __call__(self, x: Array) -> Array:
    """Maps [b, *axes, inputs] to [b, *axes, outputs]."""
    out = convolve(x.astype(self.dtype), self.kernel[...].astype(self.dtype))
    return add_bias(out, self.bias[...])


class DoublingConv(nnx.Module):
  """Transposed convolution over time: window 4, stride 2, padding 1.

  Twice the input's length. Each output sees two neighbouring inputs, so even
  and odd outputs are two small dot products; the usual form, a convolution
  over an input with zeros between its entries, does twice the work.
  """

  def __init__(
    self,
    inputs: int,
    outputs: int,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    # PyTorch takes a transposed kernel's outputs as its fan-in.
    bound = 1 / math.sqrt(outputs * 4)
    self.kernel = uniform_param(rngs, (4, inputs, outputs), bound)
    self.bias = uniform_param(rngs, (outputs,), bound)
    self.dtype = dtype

  def __call__(self, x: Array) -> Array:
    """Maps [b, t, inputs] to [b, 2 t, outputs]."""
    x = x.astype(self.dtype)
    taps = self.kernel[...].astype(self.dtype)
    padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
    before, after = padded[:, :-2], padded[:, 2:]
    if target.platform() == "cpu":
      even = x @ taps[1] + before @ taps[3]
      odd = x @ taps[2] + after @ taps[0]
      out = jnp.stack([even, odd], axis=2)
    else:
      # One product with a third of zeros in place of four.
      none = jnp.zeros_like(taps[0])
      even = jnp.concatenate([taps[3], taps[1], none])
      odd = jnp.concatenate([none, taps[2], taps[0]])
      rows = jnp.concatenate([before, x, after], axis=-1)
      out = multiply(rows, jnp.concatenate([even, odd], axis=-1))
    out = out.reshape(x.shape[0], 2 * x.shape[1], taps.shape[-1])
    return add_bias(out, self.bias[...])


class ConvBlock(nnx.Module):
  """Convolution, LeakyReLU, batch normalisation."""

  def __init__(
    self,
    inputs: int,
    outputs: int,
    window: tuple[int, ...],
    *,
    rngs: nnx.Rngs,
    axis_name: str | None = None,
    dtype: DTypeLike = jnp.float32,
  ):
    self.conv = Conv(inputs, outputs, window, rngs=rngs, dtype=dtype)
    self.norm = BatchNorm(outputs, axis_name=axis_name)

  def __call__(self, x: Array) -> Array:
    """Maps [b, *axes, inputs] to [b, *axes, outputs]."""
    return self.norm(self.conv(x), NEGATIVE_SLOPE)


class ConvStack(nnx.Module):
  """Two convolution blocks of one width, then pooling of the last axis.

  The pooled axis is the one before the channels: frequency in two
  dimensions, time in one.
  """

  def __init__(
    self,
    inputs: int,
    outputs: int,
    window: tuple[int, ...],
    *,
    pool: int = 1,
    depth: int = 2,
    rngs: nnx.Rngs,
    axis_name: str | None = None,
    dtype: DTypeLike = jnp.float32,
  ):
    self.blocks = nnx.List(
      [
        ConvBlock(
          inputs if i == 0 else outputs,
          outputs,
          window,
          rngs=rngs,
          axis_name=axis_name,
          dtype=dtype,
        )
        for i in range(depth)
      ]
    )
    self.pool = pool

  def __call__(self, x: Array) -> Array:
    """Maps [b, *axes, inputs] to [b, *axes, outputs], last axis pooled."""
    for block in self.blocks:
      x = block(x)
    return max_pool(x, -2, self.pool) if self.pool > 1 else x
