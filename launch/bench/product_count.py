"""Counts the arithmetic of a program's matrix products and convolutions.

The count is made on the traced program before any compiler sees it, so it is
the same on every device: one multiplication and one addition per pair of
entries that meet. Entries that meet padding or the zeros between the entries
of a dilated array are left out. Everything that is neither a matrix product
nor a convolution counts nothing.

The layers' 3 x 3 convolutions count as what they are, also on CPU, where the
wide ones run with fewer products (`bgm2pose_jax/models/winograd.py`).

`traffic` counts bytes in the same way: what these products read and write when
each fetches its operands from main memory and puts its result there, and all
work between them costs no traffic of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.extend import core

from bgm2pose_jax.nn import winograd

Weights = Mapping[str, Callable[[Any], float]]

_PRODUCTS = ("dot_general", "conv_general_dilated")


def count(
  function: Callable[..., Any], *arguments: Any, plain: bool = True
) -> float:
  """Returns the operations of one call, over all devices together.

  Args:
    function: anything JAX can trace, compiled or not.
    *arguments: arrays, or `jax.ShapeDtypeStruct` in their place.
    plain: count convolutions as what they are; False counts the products
      that run here.
  """
  with winograd.plain_convolution(plain):
    program = jax.make_jaxpr(function)(*arguments).jaxpr
  return _of_program(
    program, dict(zip(_PRODUCTS, (of_product, of_convolution)))
  )


def traffic(function: Callable[..., Any], *arguments: Any) -> float:
  """Returns the bytes that products read and write, see above.

  Args:
    function: anything JAX can trace, compiled or not.
    *arguments: arrays, or `jax.ShapeDtypeStruct` in their place.
  """
  with winograd.plain_convolution(True):
    program = jax.make_jaxpr(function)(*arguments).jaxpr
  return _of_program(program, dict.fromkeys(_PRODUCTS, _bytes_of))


def of_convolution(equation: Any) -> float:
  """Operations of one `conv_general_dilated`."""
  left, kernel = (v.aval.shape for v in equation.invars)
  out = equation.outvars[0].aval.shape
  p = equation.params
  numbers = p["dimension_numbers"]
  meets = 1
  for axis, padding in enumerate(p["padding"]):
    meets *= _meetings(
      out[numbers.out_spec[2 + axis]],
      kernel[numbers.rhs_spec[2 + axis]],
      left[numbers.lhs_spec[2 + axis]],
      stride=p["window_strides"][axis],
      before=padding[0],
      left_dilation=p["lhs_dilation"][axis],
      kernel_dilation=p["rhs_dilation"][axis],
    )
  batch, outputs = (out[axis] for axis in numbers.out_spec[:2])
  # With groups the kernel's inputs are already those of one group.
  return 2.0 * batch * outputs * kernel[numbers.rhs_spec[1]] * meets


def of_product(equation: Any) -> float:
  """Operations of one `dot_general`."""
  (contracted, _), _ = equation.params["dimension_numbers"]
  left = equation.invars[0].aval.shape
  summed = math.prod(left[axis] for axis in contracted)
  return 2.0 * summed * math.prod(equation.outvars[0].aval.shape)


def _meetings(
  out: int,
  window: int,
  length: int,
  *,
  stride: int,
  before: int,
  left_dilation: int,
  kernel_dilation: int,
) -> int:
  """How many (output, kernel entry) pairs of one axis meet an entry."""
  place = (
    np.arange(out)[:, None] * stride
    + np.arange(window)[None] * kernel_dilation
    - before
  )
  inside = (place >= 0) & (place < (length - 1) * left_dilation + 1)
  return int((inside & (place % left_dilation == 0)).sum())


def _bytes_of(equation: Any) -> float:
  return float(
    sum(
      v.aval.size * v.aval.dtype.itemsize
      for v in (*equation.invars, *equation.outvars)
    )
  )


def _of_program(program: core.Jaxpr, weights: Weights) -> float:
  total = 0.0
  for equation in program.eqns:
    name = equation.primitive.name
    if name in weights:
      total += weights[name](equation)
    else:
      inner = [_of_program(p, weights) for p in programs_in(equation.params)]
      if inner:
        # Of the branches of a condition one runs; of other equations all.
        whole = max(inner) if name == "cond" else sum(inner)
        total += whole * _repeats(name, equation.params)
  return total


def _repeats(name: str, params: Any) -> int:
  if name == "scan":
    return params["length"]
  if name == "shard_map":
    return params["mesh"].size
  if name == "xla_pmap":
    return params["global_axis_size"]
  if name == "pallas_call":
    return math.prod(params["grid_mapping"].grid)
  return 1


def programs_in(params: Any) -> Iterator[core.Jaxpr]:
  """Programs inside an equation, found among its parameters."""
  for value in params.values():
    for item in value if isinstance(value, (tuple, list)) else (value,):
      if isinstance(item, core.ClosedJaxpr):
        yield item.jaxpr
      elif isinstance(item, core.Jaxpr):
        yield item
