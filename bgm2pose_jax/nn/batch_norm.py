"""Batch normalisation: float32 statistics, one value kept for the way back.

Forward and backward each read the activations twice, once for two sums and
once for the result; on accelerators the first reading is that of the layer that
makes them. Between them only the input waits, in the type it came in: a float32
copy would double the memory and traffic of a bfloat16 network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.runtime import target

# Weight of the old running statistics; PyTorch calls the same thing 0.1.
MOMENTUM = 0.9
EPSILON = 1e-5
# Float32 numbers that one stage adds: a GPU's threads share a column between
# them, so each adds tens of numbers; two stages would be two launches.
_FEW_ROWS = 1024


def sum_rows(x: Array, kept: int = 1) -> Array:
  """Sums over every axis but the last ones, in two stages.

  A single sum of a hundred thousand float32 numbers one after the other loses
  two digits, which then depend on how many devices share the batch; and CPU
  runs it on one core.

  Args:
    x: [..., *rest].
    kept: how many axes the rest has.

  Returns:
    [*rest].
  """
  if kept > 1 and target.platform() != "cpu":
    # Other axes than its own keep the sum from what makes the entries.
    partial = jax.lax.optimization_barrier(x.sum(0))
    return partial.sum(tuple(range(partial.ndim - kept)))
  if _are_few(x, kept):
    return x.sum(tuple(range(x.ndim - kept)))
  # Without the barrier the compiler joins the two sums again.
  return jax.lax.optimization_barrier(_partial_sums(x, kept)).sum(0)


def _are_few(x: Array, kept: int = 1) -> bool:
  """Whether one stage sums rows on a GPU, where each is a launch."""
  few = math.prod(x.shape[: x.ndim - kept]) <= _FEW_ROWS
  return few and target.platform() == "gpu"


def _partial_sums(x: Array, kept: int = 1) -> Array:
  """The first of two stages, about as many sums as entries of each."""
  rest = x.shape[x.ndim - kept :]
  count = math.prod(x.shape[: x.ndim - kept])
  inner = 1
  while inner * inner < count and count % (2 * inner) == 0:
    inner *= 2
  return x.reshape(count // inner, inner, *rest).sum(1)


def _sums_of(a: Array, b: Array) -> Array:
  """Sums of two arrays of one shape over all rows: [2, channels]."""
  if target.platform() == "cpu" or _are_few(a):
    return jnp.stack([sum_rows(a), sum_rows(b)])
  # One second stage for both: each costs its start.
  parts = _partial_sums(a), _partial_sums(b)
  if target.platform() == "tpu":
    return jax.lax.optimization_barrier(jnp.stack(parts)).sum(1)
  # Stacked before, a GPU's compiler would read the entries once for each.
  both = jnp.concatenate(jax.lax.optimization_barrier(parts), axis=1)
  return both.sum(0).reshape(2, -1)


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

  def __call__(self, x: Array, slope: float | None = None) -> Array:
    """Normalises [..., channels]; updates the running statistics.

    Args:
      x: [..., channels].
      slope: the slope of a LeakyReLU that comes first; None is none.
    """
    return side_by_side([self], x, slope)


def leaky(x: Array, slope: float | None) -> Array:
  """LeakyReLU; with None as its slope, what it is given.

  Args:
    x: any shape.
    slope: what entries below zero are multiplied by.
  """
  if slope is None:
    return x
  return jnp.where(x >= 0, x, x * jnp.asarray(slope, x.dtype))


def side_by_side(
  norms: Sequence[BatchNorm], x: Array, slope: float | None = None
) -> Array:
  """Runs several layers on the channels of one array; each keeps its own.

  Args:
    norms: layers that share their axis and their view.
    x: [..., channels], one layer's after the other's.
    slope: the slope of a LeakyReLU that comes first; None is none.

  Returns:
    [..., channels].
  """

  def of_all(name: str) -> Array:
    each = [getattr(norm, name)[...] for norm in norms]
    return jnp.concatenate(each) if len(each) > 1 else each[0]

  scale, bias, running = of_all("scale"), of_all("bias"), of_all("mean")
  if norms[0].use_running_average:
    gain = scale * jax.lax.rsqrt(of_all("var") + EPSILON)
    x = leaky(x, slope)
    out = (at_least_float32(x) - running) * gain + bias
    return out.astype(x.dtype)
  near = None if target.platform() == "cpu" else running
  axis_name = norms[0].axis_name
  out, *moments = normalise(axis_name, x, scale, bias, near, slope)
  start = 0
  for norm in norms:
    part = slice(start, start := start + norm.scale.shape[0])
    for kept, new in zip((norm.mean, norm.var), moments):
      kept[...] = MOMENTUM * kept[...] + (1 - MOMENTUM) * new[part]
  return out


def normalise(
  axis_name: str | None,
  x: Array,
  scale: Array,
  bias: Array,
  near: Array | None = None,
  slope: float | None = None,
) -> tuple[Array, Array, Array]:
  """Normalises by the batch's own statistics.

  Args:
    axis_name: mesh axis whose devices share the batch, or None.
    x: [..., channels].
    scale: [channels].
    bias: [channels].
    near: [channels], a value not far from the mean, known before `x` is: so
      the layer that makes `x` can add it up in passing. None takes the first
      entry, which is never far, and costs a reading of `x` where the two could
      have been one.
    slope: the slope of a LeakyReLU that comes first; None is none. Its
      gradient asks the sign of what is kept anyway; a mask would be one more
      array to keep.

  Returns:
    The normalised entries in the type of `x`; mean and biased variance
    [channels], through which no gradient flows.
  """
  return _normalise(axis_name, slope, x, scale, bias, near)


def _forward(axis_name, slope, x, scale, bias, near):
  x = leaky(x, slope)
  # Moments around a value that occurs: around zero, a channel with a large
  # mean would leave its variance, and its gradients, to rounding. Each device
  # takes a value of its own, so that nothing is sent before the moments.
  if near is None:
    near = at_least_float32(x.reshape(-1, x.shape[-1])[0])
  centred = at_least_float32(x) - near
  count = x.size // x.shape[-1]
  sums = _sums_of(centred, jnp.square(centred))
  if target.platform() == "tpu":
    # The sums are taken where the entries are made, in one pass, and not again
    # from what makes them: the compiler sees no such chance by itself.
    x, sums = jax.lax.optimization_barrier((x, sums))
    centred = at_least_float32(x) - near
  away, square = sums / count
  own_var = jnp.maximum(square - jnp.square(away), 0.0)
  own_mean = near + away
  mean, var = _combined(own_mean, own_var, axis_name)
  # From the value to the mean of all; on one device nothing is rounded.
  offset = away + (mean - own_mean)
  inverse = jax.lax.rsqrt(var + EPSILON)
  # One multiply and one add per entry.
  gain = scale * inverse
  out = (centred * gain + (bias - offset * gain)).astype(x.dtype)
  return (out, mean, var), (x, near, offset, inverse, scale)


def _backward(axis_name, slope, residuals, grads):
  x, near, offset, inverse, scale = residuals
  grad = at_least_float32(grads[0])
  standard = ((at_least_float32(x) - near) - offset) * inverse
  sums = _sums_of(grad, grad * standard)
  # What moves the mean or the deviation of all entries together is taken out.
  count = x.size // x.shape[-1]
  level, tilt = sums / count
  if axis_name is not None:
    level, tilt = jax.lax.pmean(jnp.stack([level, tilt]), axis_name)
  x_grad = (scale * inverse) * (grad - level - standard * tilt)
  x_grad = x_grad.astype(x.dtype)
  if slope is not None:
    x_grad = jnp.where(x >= 0, x_grad, x_grad * jnp.asarray(slope, x.dtype))
  bias_grad, scale_grad = sums
  return x_grad, scale_grad, bias_grad, None


def _combined(
  mean: Array, var: Array, axis_name: str | None
) -> tuple[Array, Array]:
  """Mean and variance of all devices' entries, from each device's own.

  Exact, since all devices have as many entries: the variance is the mean of
  the variances, and of the squared distances of the means from theirs (Chan,
  Golub and LeVeque, 1979). One exchange.
  """
  if axis_name is None:
    return mean, var
  means, variances = jnp.moveaxis(
    jax.lax.all_gather(jnp.stack([mean, var]), axis_name), 1, 0
  )
  mean = means.mean(axis=0)
  return mean, (variances + jnp.square(means - mean)).mean(axis=0)


# The decorator's type says nothing of what it returns.
_normalise: Any = jax.custom_vjp(
  lambda *arguments: _forward(*arguments)[0], nondiff_argnums=(0, 1)
)
_normalise.defvjp(_forward, _backward)
