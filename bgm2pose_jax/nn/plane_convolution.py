"""Convolution over volumes made of convolutions over planes, for CPUs.

The compiler convolves over three axes without its fast library: at 10 GFLOP/s
for 16 channels where the two-dimensional convolution runs at 70, and the
gradient with respect to the kernel at 5 against 60 to 75 (one AVX-512 core,
float32). So the first axis joins the batch:

- few channels: one convolution of the planes makes the outputs of the three
  kernel planes side by side, and neighbouring planes are added;
- many channels: Winograd's F(4, 3) along the first axis (`winograd.py` has
  formulas and source). Four neighbouring planes of the output need six
  products of planes instead of twelve. The gradients have the same form.

What else was measured, and how it compares with PyTorch: docs/measurements.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn import product_convolution, winograd
from bgm2pose_jax.nn.winograd import combine
from bgm2pose_jax.runtime import target

# Fewest input and output channels for the transforms along x.
MIN_CHANNELS = 12
# Fewest pairs of them for the kernel's gradient: below, the transforms cost
# what the products save.
MIN_PAIRS = 512
# Columns of a vector register: a product is fast whose columns fill them.
_LANES = 16

# Most planes that are added up at once: more fall out of the cache. A number
# that is no multiple of `_FOLD` takes twice as long.
_PLANES = 20
_FOLD = 4

_TILE = winograd.OUTPUTS


def applies(kernel: Array) -> bool:
  """Whether this module is the faster way to convolve, known while tracing.

  Args:
    kernel: [*window, c, o].
  """
  return (
    not winograd.plain_convolution.value
    and target.platform() == "cpu"
    and kernel.shape[:-2] == (3, 3, 3)
  )


def side_by_side_applies(channels: int, lots: int) -> bool:
  """Whether lots of volumes are faster as channels than as examples.

  Known while tracing. The compiler's convolution is fast where channels fill a
  vector register, and at 3 GFLOP/s with four of them.

  Args:
    channels: most channels of one lot.
    lots: how many volumes are convolved with the same kernel.
  """
  return (
    not winograd.plain_convolution.value
    and not product_convolution.as_products.value
    and target.platform() == "cpu"
    and channels * lots <= _LANES
  )


def convolve(x: Array, kernel: Array) -> Array:
  """Convolves with zeros around, output as large as the input.

  The same sums as `jax.lax.conv_general_dilated` with padding `SAME`. The
  gradients have rules of their own, so there is no forward-mode derivative.

  Args:
    x: [b, x, z, y, c].
    kernel: [3, 3, 3, c, o].

  Returns:
    [b, x, z, y, o].
  """
  x = _whole(x)
  if min(kernel.shape[-2:]) >= MIN_CHANNELS:
    return by_tiles(x, kernel)
  return by_planes(x, kernel)


@jax.custom_vjp
def by_tiles(x: Array, kernel: Array) -> Array:
  """`convolve` with F(4, 3) along x.

  Args:
    x: [b, x, z, y, c].
    kernel: [3, 3, 3, c, o].

  Returns:
    [b, x, z, y, o].
  """
  b, count, z, y, _ = x.shape
  products = [
    _planes(v, u) for v, u in zip(apart(_input_tiles, x), _kernel_tiles(kernel))
  ]
  # The four planes of a tile are neighbours again.
  tiles = [
    combine(row, products).reshape(b, -1, z, y, kernel.shape[-1])
    for row in winograd.OUTPUT
  ]
  out = jnp.stack(tiles, axis=2)
  return out.reshape(b, -1, *out.shape[3:])[:, :count]


@jax.custom_vjp
def by_planes(x: Array, kernel: Array) -> Array:
  """`convolve` with three outputs a voxel, added one plane apart.

  Args:
    x: [b, x, z, y, c].
    kernel: [3, 3, 3, c, o].

  Returns:
    [b, x, z, y, o].
  """
  o, count = kernel.shape[-1], x.shape[1]
  wide = jnp.concatenate([kernel[2 - i] for i in range(3)], axis=-1)
  found = _planes(_joined(_pad_x(x, 1, 1)), wide)
  found = found.reshape(x.shape[0], -1, *x.shape[2:-1], 3 * o)
  parts = [
    found[:, 2 - i : 2 - i + count, ..., i * o : (i + 1) * o] for i in range(3)
  ]
  return parts[0] + parts[1] + parts[2]


def _mirrored(kernel: Array) -> Array:
  """What leads from outputs back to inputs."""
  return kernel[::-1, ::-1, ::-1].swapaxes(3, 4)


def _planes_gradient(x: Array, grad: Array) -> Array:
  """Gradient [3, 3, 3, c, o] with respect to the kernel."""
  padded, count, x = _pad_x(grad, 1, 1), x.shape[1], _joined(x)
  planes = [_joined(padded[:, 2 - i : 2 - i + count]) for i in range(3)]
  return jnp.stack([_kernel_of_planes(x, grad) for grad in planes])


def _tiles_gradient(x: Array, grad: Array) -> Array:
  """Gradient [3, 3, 3, c, o]: the transposed transforms, products between."""
  inputs = apart(_input_tiles, x)
  outputs = apart(_output_tiles, grad)
  products = [_kernel_of_planes(v, m) for v, m in zip(inputs, outputs)]
  return jnp.stack([combine(row, products) for row in zip(*winograd.KERNEL)])


def _output_tiles(grad: Array) -> list[Array]:
  """A d: six arrays [b * tile, z, y, o] of tiles of planes."""
  b, count, z, y, o = grad.shape
  tiles = _pad_x(grad, 0, -count % _TILE).reshape(b, -1, _TILE, z, y, o)
  planes = [_joined(tiles[:, :, i]) for i in range(_TILE)]
  return [combine(column, planes) for column in zip(*winograd.OUTPUT)]


def _kernel_gradient(x: Array, grad: Array) -> Array:
  """The faster of both ways."""
  if x.shape[-1] * grad.shape[-1] < MIN_PAIRS:
    return _planes_gradient(x, grad)
  return _tiles_gradient(x, grad)


by_planes.defvjp(
  lambda x, kernel: (by_planes(x, kernel), (x, kernel)),
  lambda kept, grad: (
    by_planes(_whole(grad), _mirrored(kept[1])),
    _planes_gradient(kept[0], _whole(grad)),
  ),
)
by_tiles.defvjp(
  lambda x, kernel: (by_tiles(x, kernel), (x, kernel)),
  lambda kept, grad: (
    by_tiles(_whole(grad), _mirrored(kept[1])),
    _kernel_gradient(kept[0], _whole(grad)),
  ),
)


def _input_tiles(x: Array) -> list[Array]:
  """B^T d: six arrays [b * tile, z, y, c] of overlapping tiles of planes."""
  b, count, z, y, c = x.shape
  whole = count + -count % _TILE
  padded = _pad_x(x, 1, whole - count + _TILE - 1)
  # Neighbouring tiles share two planes: two slices, each cut into whole tiles.
  low, high = (
    padded[:, i : i + whole].reshape(b, -1, _TILE, z, y, c) for i in (0, _TILE)
  )
  planes = [low[:, :, i] for i in range(_TILE)]
  planes += [high[:, :, i] for i in range(winograd.PRODUCTS - _TILE)]
  return [_joined(combine(row, planes)) for row in winograd.INPUT]


def _kernel_tiles(kernel: Array) -> list[Array]:
  """G g: six kernels [3, 3, c, o]."""
  planes = [kernel[i] for i in range(3)]
  return [combine(row, planes) for row in winograd.KERNEL]


def apart(function: Any, *arguments: Any) -> Any:
  """Calls a function that the compiler neither inlines nor joins with others.

  Without, it makes element-wise values again for every array that reads them,
  and inside transposed copies, where it reads one number at a time. A barrier
  does not help: it is taken out before operations are joined.

  Args:
    function: takes arrays.
    *arguments: the arrays.
  """
  with set_xla_metadata(inlineable="false"):
    return jax.jit(function)(*arguments)


def _whole(x: Array) -> Array:
  """An array that the compiler makes once, before it is read many times."""
  # What is handed on as it is, JAX takes out of the call.
  return apart(jax.lax.optimization_barrier, x)


def _joined(x: Array) -> Array:
  """[b, x, z, y, c] to [b * x, z, y, c]."""
  return x.reshape(-1, *x.shape[2:])


def _pad_x(x: Array, before: int, after: int) -> Array:
  return jnp.pad(x, ((0, 0), (before, after), (0, 0), (0, 0), (0, 0)))


def _planes(x: Array, kernel: Array) -> Array:
  """The compiler's convolution of planes [n, z, y, c], zeros around."""
  return jax.lax.conv_general_dilated(
    x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )


def _kernel_of_planes(x: Array, grad: Array) -> Array:
  """Gradient of `_planes` with respect to its kernel, [3, 3, c, o].

  A convolution in which one side's channels are the batch, the planes are the
  channels and the other side is the kernel. The other side's channels are the
  columns of its products: the side whose channels fill registers.
  """
  swap = grad.shape[-1] % _LANES and not x.shape[-1] % _LANES
  first, second = (grad, x) if swap else (x, grad)
  # Zeros add nothing.
  missing = ((0, -x.shape[0] % _FOLD), (0, 0), (0, 0), (0, 0))
  first, second = jnp.pad(first, missing), jnp.pad(second, missing)
  total = functools.reduce(
    jnp.add,
    [
      _correlate(first[i : i + _PLANES], second[i : i + _PLANES])
      for i in range(0, first.shape[0], _PLANES)
    ],
  )
  return total[::-1, ::-1].swapaxes(2, 3) if swap else total


def _correlate(x: Array, window: Array) -> Array:
  """Sums of products of two lots of planes, shifted by -1, 0 or 1.

  In parts of as many columns as a register has: more of them at once run at a
  fifth of the speed where there are many planes.
  """
  columns = range(0, window.shape[-1], _LANES)
  parts = [
    jax.lax.conv_general_dilated(
      x,
      window[..., i : i + _LANES],
      (1, 1),
      ((1, 1), (1, 1)),
      dimension_numbers=("CHWN", "IHWO", "HWNC"),
    )
    for i in columns
  ]
  return jnp.concatenate(parts, axis=-1)
