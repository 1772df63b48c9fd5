"""Long short-term memory over a short sequence (Hochreiter and Schmidhuber,
Neural Computation 9, 1997), with PyTorch's gates, biases and draws.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.nn.blocks import add_bias, uniform_param


class LSTM(nnx.Module):
  """One layer, from the first step to the last, starting from zeros.

  The steps are written out: a dozen of them compile quickly, and a loop on CPU
  would slow the gradients of its products.
  """

  def __init__(
    self,
    inputs: int,
    outputs: int,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    bound = 1 / math.sqrt(outputs)
    # Gates in PyTorch's order: input, forget, cell, output.
    self.input_kernel = uniform_param(rngs, (inputs, 4 * outputs), bound)
    self.hidden_kernel = uniform_param(rngs, (outputs, 4 * outputs), bound)
    self.input_bias = uniform_param(rngs, (4 * outputs,), bound)
    # Adds to the other bias and to nothing else; PyTorch has both.
    self.hidden_bias = uniform_param(rngs, (4 * outputs,), bound)
    self.dtype = dtype

  def __call__(self, x: Array) -> Array:
    """Maps [b, t, inputs] to [b, t, outputs]; each step sees no later one."""
    kernel = self.input_kernel[...].astype(self.dtype)
    again = self.hidden_kernel[...].astype(self.dtype)
    # All steps' share of the input in one product.
    driven = add_bias(x.astype(self.dtype) @ kernel, self.input_bias[...])
    outputs = again.shape[0]
    # The cell adds up over the steps: in float32 at least.
    cell = jnp.zeros(
      (x.shape[0], outputs), jnp.promote_types(self.dtype, jnp.float32)
    )
    hidden = jnp.zeros((x.shape[0], outputs), self.dtype)
    steps = []
    for i in range(x.shape[1]):
      gates = driven[:, i] + add_bias(hidden @ again, self.hidden_bias[...])
      taken, kept, new, shown = jnp.split(at_least_float32(gates), 4, axis=-1)
      cell = jax.nn.sigmoid(kept) * cell + jax.nn.sigmoid(taken) * jnp.tanh(new)
      hidden = (jax.nn.sigmoid(shown) * jnp.tanh(cell)).astype(self.dtype)
      steps.append(hidden)
    return jnp.stack(steps, axis=1)
