"""Layers over volumes: convolution, group normalisation, and their block.

Volumes are [b, x, z, y, c], channels last. On accelerators the convolution is
the compiler's. The CPU compiler's convolution over three axes is slow, its
gradient with respect to the kernel above all, while its convolution over two
axes is fast. `plane_convolution` therefore makes one of the other on CPU.

Parameters are float32; `dtype` is the type that the layers compute in.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn import plane_convolution, product_convolution
from bgm2pose_jax.nn.blocks import add_bias, uniform_param

EPSILON = 1e-5
WINDOW = (3, 3, 3)


def convolve(x: Array, kernel: Array) -> Array:
  """Convolves with zeros around, output as large as the input.

  Args:
    x: [b, x, z, y, c].
    kernel: [3, 3, 3, c, o].

  Returns:
    [b, x, z, y, o].
  """
  if product_convolution.as_products.value:
    return product_convolution.convolve(x, kernel)
  if plane_convolution.applies(kernel):
    return plane_convolution.convolve(x, kernel)
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    (1, 1, 1),
    "SAME",
    dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
  )


class VolumeConv(nnx.Module):
  """Convolution of 3 x 3 x 3 voxels, stride 1, zeros around."""

  def __init__(
    self,
    inputs: int,
    outputs: int,
    *,
    bias: bool = True,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters, uniform as PyTorch draws them.

    Args:
      inputs: channels that come in.
      outputs: channels that come out.
      bias: whether a number is added to each output channel.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    bound = 1 / math.sqrt(inputs * math.prod(WINDOW))
    self.kernel = uniform_param(rngs, (*WINDOW, inputs, outputs), bound)
    self.bias = uniform_param(rngs, (outputs,), bound) if bias else None
    self.dtype = dtype

  def __call__(self, x: Array, lots: int = 1) -> Array:
    """Maps [b, x, z, y, inputs] to [b, x, z, y, outputs].

    Args:
      x: the volumes; with `lots`, lot after lot along the channels.
      lots: how many volumes stand side by side in the channels, each convolved
        by itself with the same kernel. The products between lots, with zeros,
        are made as well: worth it where one lot's channels do not fill a
        vector register.
    """
    kernel = self.kernel[...].astype(self.dtype)
    if lots > 1:
      kernel = side_by_side(kernel, lots)
    out = convolve(x.astype(self.dtype), kernel)
    if self.bias is None:
      return out
    return add_bias(out, jnp.tile(self.bias[...], lots))


class GroupNorm(nnx.Module):
  """Group normalisation (Wu and He, arXiv 1803.08494), float32 moments."""

  def __init__(self, channels: int, groups: int):
    """Makes the parameters: gain one, bias zero.

    Args:
      channels: channels of the volumes.
      groups: how many groups of neighbouring channels have moments of their
        own.

    Raises:
      InputError: the groups do not divide the channels.
    """
    if channels % groups:
      raise InputError(
        "network.groups",
        f"{groups} groups do not divide {channels} channels",
        "take a divisor of every width",
      )
    self.scale = nnx.Param(jnp.ones((channels,), jnp.float32))
    self.bias = nnx.Param(jnp.zeros((channels,), jnp.float32))
    self.groups = groups

  def __call__(self, x: Array, lots: int = 1) -> Array:
    """Normalises [b, x, z, y, channels] for each example and lot.

    Args:
      x: the volumes; with `lots`, lot after lot along the channels.
      lots: how many volumes stand side by side in the channels.
    """
    scale, bias = (
      jnp.tile(part[...], lots) for part in (self.scale, self.bias)
    )
    return normalise(x, scale, bias, lots * self.groups)


class VolumeBlock(nnx.Module):
  """Convolution, group normalisation, ReLU."""

  def __init__(
    self,
    inputs: int,
    outputs: int,
    *,
    groups: int,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      inputs: channels that come in.
      outputs: channels that come out.
      groups: groups of the normalisation; no more than `outputs` are made.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    self.conv = VolumeConv(inputs, outputs, rngs=rngs, dtype=dtype)
    self.norm = GroupNorm(outputs, min(groups, outputs))

  def __call__(self, x: Array, lots: int = 1) -> Array:
    """Maps [b, x, z, y, inputs] to [b, x, z, y, outputs].

    Args:
      x: the volumes; with `lots`, lot after lot along the channels.
      lots: how many volumes stand side by side in the channels.
    """
    return relu(self.norm(self.conv(x, lots), lots))


def side_by_side(kernel: Array, lots: int) -> Array:
  """A kernel for lots of channels that do not see each other.

  Args:
    kernel: [*window, c, o].
    lots: how many.

  Returns:
    [*window, lots * c, lots * o], zeros between lots.
  """
  *window, c, o = kernel.shape
  own = jnp.eye(lots, dtype=kernel.dtype)[:, None, :, None]
  wide = kernel[..., None, :, None, :] * own
  return wide.reshape(*window, lots * c, lots * o)


@jax.custom_vjp
def relu(x: Array) -> Array:
  """ReLU whose gradient asks the output, which the next layer keeps anyway."""
  return jnp.maximum(x, 0)


relu.defvjp(
  lambda x: (relu(x),) * 2,
  lambda out, grad: (jnp.where(out > 0, grad, jnp.zeros_like(grad)),),
)


def normalise(x: Array, scale: Array, bias: Array, groups: int) -> Array:
  """Gives each group of channels of each example mean 0 and deviation 1.

  The biased variance, epsilon 1e-5. One pass takes the sums, one writes the
  result; the way back is the same, and keeps the input alone.

  Args:
    x: [b, x, z, y, c].
    scale: gain [c].
    bias: [c].
    groups: how many; divides c.

  Returns:
    The shape and type of `x`.
  """
  return _normalise(groups, x, scale, bias)


def _forward(groups, x, scale, bias):
  # Moments around a value that occurs: around zero, a channel with a large
  # mean would leave its variance to rounding.
  near = at_least_float32(x[:, 0, 0, 0])
  centred = at_least_float32(x) - _spread(near)
  count = x[0, ..., 0].size
  mean = _sums(centred) / count
  square = _sums(jnp.square(centred)) / count
  group_mean = _of_groups(near + mean, groups)
  # A channel's variance and how far its mean is from the group's.
  apart = jnp.square(near + mean - group_mean)
  var = _of_groups(jnp.maximum(square - jnp.square(mean), 0) + apart, groups)
  inverse = jax.lax.rsqrt(var + EPSILON)
  gain = scale * inverse
  shift = bias + (near - group_mean) * gain
  out = centred * _spread(gain) + _spread(shift)
  return out.astype(x.dtype), (x, near - group_mean, near, inverse, scale)


def _backward(groups, residuals, grad):
  x, offset, near, inverse, scale = residuals
  centred = at_least_float32(x) - _spread(near)
  grad = at_least_float32(grad)
  count = x[0, ..., 0].size
  level = _sums(grad)
  # Sum of gradient times standardised input.
  slope = (_sums(grad * centred) + offset * level) * inverse
  # What moves the mean or the deviation of a group together is taken out.
  mean_level = _of_groups(scale * level, groups) / count
  mean_slope = _of_groups(scale * slope, groups) / count
  factor = inverse * mean_slope * inverse
  x_grad = (
    grad * _spread(scale * inverse)
    - centred * _spread(factor)
    - _spread(inverse * mean_level + offset * factor)
  )
  return x_grad.astype(x.dtype), slope.sum(0), level.sum(0)


# The decorator's type says nothing of what it returns.
_normalise: Any = jax.custom_vjp(
  lambda *arguments: _forward(*arguments)[0], nondiff_argnums=(0,)
)
_normalise.defvjp(_forward, _backward)


def _spread(x: Array) -> Array:
  """[b, c] to [b, 1, 1, 1, c]."""
  return x[:, None, None, None]


def _of_groups(x: Array, groups: int) -> Array:
  """Mean over the channels of each group, [b, c] to [b, c]."""
  grouped = x.reshape(x.shape[0], groups, -1)
  mean = jnp.broadcast_to(grouped.mean(-1, keepdims=True), grouped.shape)
  return mean.reshape(x.shape)


def _sums(x: Array) -> Array:
  """Sums [b, x, z, y, c] over the voxels, in two stages: [b, c].

  Rows along y are added first, so that the inner loop is long on CPU and no
  sum has more than some thousand terms.
  """
  b, along_x, along_z, along_y, c = x.shape
  rows = x.reshape(b, along_x * along_z, along_y * c).sum(1)
  # Without the barrier the compiler joins the two sums again.
  rows = jax.lax.optimization_barrier(rows)
  return rows.reshape(b, along_y, c).sum(1)
