"""A dense layer over the last axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.blocks import add_bias, truncated_normal_param
from bgm2pose_jax.runtime import target

_GPU_COLUMNS = 16


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
    kernel = self.kernel[...].astype(self.dtype)
    outputs = kernel.shape[1]
    if target.platform() == "gpu":
      # Else a gradient's product may be asked for that NVIDIA GPUs' compiler
      # finds no tiles for.
      kernel = jnp.pad(kernel, ((0, 0), (0, -outputs % _GPU_COLUMNS)))
    # One product of all rows: with more than two axes its gradients may run
    # as many small ones.
    rows = x.reshape(-1, x.shape[-1]).astype(self.dtype)
    out = add_bias((rows @ kernel)[:, :outputs], self.bias[...])
    return out.reshape(*x.shape[:-1], -1)
