"""Long short-term memory over a sequence (Hochreiter and Schmidhuber,
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

# Longer sequences run in a loop.
_WRITTEN_OUT = 16


class LSTM(nnx.Module):
  """One layer, from the first step to the last, starting from zeros.

  A dozen steps are written out: they compile quickly, and a loop on CPU would
  slow the gradients of its products. More steps run in a loop.
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

    def step(carry: tuple[Array, Array], driven: Array):
      hidden, cell = carry
      gates = driven + add_bias(hidden @ again, self.hidden_bias[...])
      taken, kept, new, shown = jnp.split(at_least_float32(gates), 4, axis=-1)
      cell = jax.nn.sigmoid(kept) * cell + jax.nn.sigmoid(taken) * jnp.tanh(new)
      hidden = (jax.nn.sigmoid(shown) * jnp.tanh(cell)).astype(self.dtype)
      return (hidden, cell), hidden

    # The cell adds up over the steps: in float32 at least.
    cell = jnp.zeros(
      (x.shape[0], outputs), jnp.promote_types(self.dtype, jnp.float32)
    )
    carry = jnp.zeros((x.shape[0], outputs), self.dtype), cell
    # Before a loop the first one alone: what a loop carries must be the
    # batch's, not a constant, where a batch is spread over devices.
    written_out = x.shape[1] if x.shape[1] <= _WRITTEN_OUT else 1
    steps = []
    for i in range(written_out):
      carry, hidden = step(carry, driven[:, i])
      steps.append(hidden)
    out = jnp.stack(steps, axis=1)
    if written_out == x.shape[1]:
      return out
    _, rest = jax.lax.scan(step, carry, driven[:, written_out:].swapaxes(0, 1))
    return jnp.concatenate([out, rest.swapaxes(0, 1)], axis=1)
