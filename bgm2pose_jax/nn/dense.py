"""A dense layer over the last axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.blocks import add_bias, multiply, truncated_normal_param


class Dense(nnx.Module):
  """Matrix product and bias; the bias starts at zero."""

  def __init__(
    self,
    inputs: int,
    outputs: int,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
    init: Callable[
      [nnx.Rngs, Sequence[int]], nnx.Param
    ] = truncated_normal_param,
  ):
    """Draws the parameters.

    Args:
      inputs: channels that come in.
      outputs: channels that come out.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
      init: makes the kernel [inputs, outputs].
    """
    self.kernel = init(rngs, (inputs, outputs))
    self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32))
    self.dtype = dtype

  def __call__(self, x: Array) -> Array:
    """Maps [..., inputs] to [..., outputs]."""
    out = multiply(x.astype(self.dtype), self.kernel[...].astype(self.dtype))
    return add_bias(out, self.bias[...])
