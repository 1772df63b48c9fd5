"""Layers shared by the models: convolution, batch statistics, pooling.

Channels come last everywhere. Parameters and batch statistics are float32;
`dtype` is the type the layers compute in. Modules hold no random state and no
constants, so that a model is its parameters and its batch statistics.

Every convolution block runs convolution, LeakyReLU, batch normalisation in
that order, as BGM2Pose does (arXiv 2503.00389, section 2.2, after Shibata et
al., CVPR 2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.array_typing import Array, at_least_float32
from bgm2pose_jax.models import product_convolution, winograd

NEGATIVE_SLOPE = 0.01
# Weight of the old running statistics; PyTorch calls the same thing 0.1.
MOMENTUM = 0.9
EPSILON = 1e-5

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


def leaky_relu(x: Array) -> Array:
  """LeakyReLU with slope 0.01."""
  return jnp.where(x >= 0, x, x * jnp.asarray(NEGATIVE_SLOPE, x.dtype))


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
    self.window = window
    self.dtype = dtype

  def __call__(self, x: Array) -> Array:
    """Maps [b, *axes, inputs] to [b, *axes, outputs]."""
    rank = len(self.window)
    x, kernel = x.astype(self.dtype), self.kernel[...].astype(self.dtype)
    if product_convolution.as_products.value:
      x = product_convolution.convolve(x, kernel)
    elif winograd.applies(x, kernel):
      x = winograd.conv3x3(x, kernel)
    else:
      x = jax.lax.conv_general_dilated(
        x, kernel, (1,) * rank, "SAME", dimension_numbers=_DIMENSIONS[rank]
      )
    return x + self.bias[...].astype(self.dtype)


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
    even = x @ taps[1] + before @ taps[3]
    odd = x @ taps[2] + after @ taps[0]
    out = jnp.stack([even, odd], axis=2)
    out = out.reshape(x.shape[0], 2 * x.shape[1], taps.shape[-1])
    return out + self.bias[...].astype(self.dtype)


def sum_rows(x: Array) -> Array:
  """Sums [..., channels] over every axis but the last, in two stages.

  A single sum of a hundred thousand float32 numbers one after the other loses
  two digits, which then depend on how many devices share the batch; and CPU
  runs it on one core.
  """
  rows = x.reshape(-1, x.shape[-1])
  count = rows.shape[0]
  inner = 1
  while inner * inner < count and count % (2 * inner) == 0:
    inner *= 2
  partial = rows.reshape(count // inner, inner, -1).sum(1)
  # Without the barrier the compiler joins the two sums again.
  return jax.lax.optimization_barrier(partial).sum(0)


@jax.custom_vjp
def _affine(x: Array, gain: Array, offset: Array) -> Array:
  """`x * gain + offset`, whose gradients are summed by `sum_rows`."""
  return x * gain + offset


def _affine_forward(x, gain, offset):
  return x * gain + offset, (x, gain)


def _affine_backward(residuals, grad):
  x, gain = residuals
  return grad * gain, sum_rows(grad * x), sum_rows(grad)


_affine.defvjp(_affine_forward, _affine_backward)


class BatchNorm(nnx.Module):
  """Batch normalisation over every axis but the last, statistics in float32.

  With `axis_name` the statistics are those of the batch over all devices of
  that mesh axis; None keeps each device's own.

  Switch between training and evaluation with
  `nnx.view(model, use_running_average=...)`.
  """

  def __init__(self, channels: int, *, axis_name: str | None = None):
    self.scale = nnx.Param(jnp.ones((channels,), jnp.float32))
    self.bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.mean = nnx.BatchStat(jnp.zeros((channels,), jnp.float32))
    self.var = nnx.BatchStat(jnp.ones((channels,), jnp.float32))
    self.axis_name = axis_name
    self.use_running_average = False

  def set_view(self, use_running_average: bool | None = None):
    """Called by `nnx.view`.

    Args:
      use_running_average: normalise by stored statistics and leave them.
    """
    if use_running_average is not None:
      self.use_running_average = use_running_average

  def __call__(self, x: Array) -> Array:
    """Normalises [..., channels]; updates the running statistics."""
    dtype, x = x.dtype, at_least_float32(x)
    if self.use_running_average:
      near, mean, var = self.mean[...], 0.0, self.var[...]
      x = x - near
    else:
      # Moments around a value that occurs: around zero, a channel with a
      # large mean would leave its variance, and its gradients, to rounding.
      near = jax.lax.stop_gradient(x.reshape(-1, x.shape[-1])[0])
      if self.axis_name is not None:
        near = jax.lax.pmean(near, self.axis_name)
      x = x - near
      mean, var = self._batch_statistics(x)
      self.mean[...] = MOMENTUM * self.mean[...] + (1 - MOMENTUM) * (
        near + mean
      )
      self.var[...] = MOMENTUM * self.var[...] + (1 - MOMENTUM) * var
    # One multiply and one add per entry.
    gain = self.scale[...] * jax.lax.rsqrt(var + EPSILON)
    return _affine(x, gain, self.bias[...] - mean * gain).astype(dtype)

  def _batch_statistics(self, x: Array) -> tuple[Array, Array]:
    """Mean and biased variance over all devices' rows, each read once."""
    count = x.size // x.shape[-1]
    moments = jnp.stack([sum_rows(x), sum_rows(jnp.square(x))]) / count
    if self.axis_name is not None:
      moments = jax.lax.pmean(moments, self.axis_name)
    mean, square = moments
    return mean, jnp.maximum(square - jnp.square(mean), 0.0)


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
    return self.norm(leaky_relu(self.conv(x)))


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
