"""Convolution of 3 x 3 entries with half the multiplications, for CPUs.

Winograd's minimal filtering F(4, 3) along the last of the two axes: four
neighbouring outputs of a window of three need six products instead of twelve.
Formulas: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
arXiv 1509.09308, section 4.3 for the matrices of F(4, 3). Along the other
axis the convolution stays as it is: F(4 x 4, 3 x 3) would leave a quarter of
the products, but rounds worse and moves 36 transformed arrays instead of 6.

The transforms' coefficients reach 8, so that rounding costs more: the error
is about three times the direct sum's, 1e-6 of the output's deviation in the
mean and a few 1e-5 at most.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.runtime import target

# Fewest input and output channels. At 32 the transforms cost what the
# products save.
MIN_CHANNELS = 64
# Fewest channels for the kernel's gradient: below, 18 thin matrix products
# take longer than the direct sum.
MIN_CHANNELS_KERNEL_GRADIENT = 128

# Inside `with plain_convolution(True):` nothing is traced with this module.
# A context that the compiler's caches know, unlike a global variable.
plain_convolution = jax.make_user_context(False)

OUTPUTS, TAPS, PRODUCTS = 4, 3, 6
# B^T, G and A^T of the paper: y = A^T ((G g) * (B^T d)).
INPUT = (
  (4, 0, -5, 0, 1, 0),
  (0, -4, -4, 1, 1, 0),
  (0, 4, -4, -1, 1, 0),
  (0, -2, -1, 2, 1, 0),
  (0, 2, -1, -2, 1, 0),
  (0, 4, 0, -5, 0, 1),
)
KERNEL = (
  (1 / 4, 0, 0),
  (-1 / 6, -1 / 6, -1 / 6),
  (-1 / 6, 1 / 6, -1 / 6),
  (1 / 24, 1 / 12, 1 / 6),
  (1 / 24, -1 / 12, 1 / 6),
  (0, 0, 1),
)
OUTPUT = (
  (1, 1, 1, 1, 1, 0),
  (0, 1, -1, 2, -2, 0),
  (0, 1, 1, 4, 4, 0),
  (0, 1, -1, 8, -8, 1),
)


def applies(x: Array, kernel: Array) -> bool:
  """Whether `conv3x3` is the faster way to convolve, known while tracing.

  It is for float32 on CPUs, a window of 3 x 3, and `MIN_CHANNELS`
  or more channels on both sides.

  Args:
    x: [b, t, f, c].
    kernel: [*window, c, o].
  """
  return (
    not plain_convolution.value
    and target.platform() == "cpu"
    and x.dtype == kernel.dtype == jnp.float32
    and kernel.shape[:-2] == (3, 3)
    and min(kernel.shape[-2:]) >= MIN_CHANNELS
  )


def conv3x3(x: Array, kernel: Array) -> Array:
  """Convolves over t and f with zeros around, output as long as the input.

  The same sums as `jax.lax.conv_general_dilated` with padding `SAME`. The
  gradients have rules of their own, so there is no forward-mode derivative
  (`jax.jvp`, `jax.linearize`, `jax.hessian`).

  Args:
    x: [b, t, f, c].
    kernel: [3, 3, c, o].

  Returns:
    [b, t, f, o].
  """
  bands = x.shape[2]
  # Zeros after the last band are what the border holds anyway.
  x = jnp.pad(x, ((0, 0), (0, 0), (0, -bands % OUTPUTS), (0, 0)))
  return _whole_tiles(x, kernel)[:, :, :bands]


@jax.custom_vjp
def _whole_tiles(x: Array, kernel: Array) -> Array:
  """`conv3x3` for f a multiple of 4."""
  products = [
    _direct(v, u) for v, u in zip(_input_tiles(x), _kernel_tiles(kernel))
  ]
  # The four outputs of a tile are neighbours again.
  y = jnp.stack([combine(row, products) for row in OUTPUT], axis=3)
  return y.reshape(*x.shape[:3], kernel.shape[-1])


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
  return _whole_tiles(x, kernel), (x, kernel)


def _backward(
  residuals: tuple[Array, Array], grad: Array
) -> tuple[Array, Array]:
  x, kernel = residuals
  # Every input meets the outputs around it, through the mirrored kernel.
  mirrored = kernel[::-1, ::-1].swapaxes(2, 3)
  return _whole_tiles(grad, mirrored), _kernel_gradient(x, kernel, grad)


_whole_tiles.defvjp(_forward, _backward)


def _kernel_gradient(x: Array, kernel: Array, grad: Array) -> Array:
  """Gradient [3, 3, c, o]: the transposed transforms, products between."""
  c, o = kernel.shape[2:]
  if min(c, o) < MIN_CHANNELS_KERNEL_GRADIENT:
    # The compiler drops the output, which nobody uses here.
    _, backward = jax.vjp(lambda k: _direct(x, k), kernel)
    return backward(grad)[0]
  b, t, f, _ = grad.shape
  tiles = grad.reshape(b, t, f // OUTPUTS, OUTPUTS, o)
  outputs = [tiles[:, :, :, i] for i in range(OUTPUTS)]
  products = []
  for v, column in zip(_input_tiles(x), zip(*OUTPUT)):
    m = combine(column, outputs).reshape(-1, o)
    v = jnp.pad(v, ((0, 0), (1, 1), (0, 0), (0, 0)))
    # A dot product for each row of the kernel: the compiler's convolution
    # over so few positions is three times slower.
    rows = [v[:, i : i + t].reshape(-1, c).T @ m for i in range(TAPS)]
    products.append(jnp.stack(rows))
  return jnp.stack([combine(row, products) for row in zip(*KERNEL)], axis=1)


def _input_tiles(x: Array) -> list[Array]:
  """B^T d: six arrays [b, t, f / 4, c] from overlapping tiles of six bands."""
  b, t, f, c = x.shape
  padded = jnp.pad(x, ((0, 0), (0, 0), (1, OUTPUTS - 1), (0, 0)))
  # Neighbouring tiles share two bands: two slices, each cut into whole tiles.
  low, high = (
    padded[:, :, i : i + f].reshape(b, t, f // OUTPUTS, OUTPUTS, c)
    for i in (0, OUTPUTS)
  )
  bands = [low[:, :, :, i] for i in range(OUTPUTS)]
  bands += [high[:, :, :, i] for i in range(PRODUCTS - OUTPUTS)]
  return [combine(row, bands) for row in INPUT]


def _kernel_tiles(kernel: Array) -> list[Array]:
  """G g: six kernels [3, 1, c, o]."""
  taps = [kernel[:, i : i + 1] for i in range(TAPS)]
  return [combine(row, taps) for row in KERNEL]


def combine(factors: Sequence[float], arrays: Sequence[Array]) -> Array:
  """Weighted sum, written out so that the compiler makes it one pass."""
  terms = [
    array if factor == 1 else -array if factor == -1 else factor * array
    for factor, array in zip(factors, arrays)
    if factor
  ]
  total = terms[0]
  for term in terms[1:]:
    total = total + term
  return total


def _direct(x: Array, kernel: Array) -> Array:
  """The compiler's own convolution, zeros around."""
  return jax.lax.conv_general_dilated(
    x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )
