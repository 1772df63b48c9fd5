"""Dropout whose mask depends on the example, not on its place in the batch.

Each example carries its own key, so a batch split over devices or ordered
otherwise drops the same entries. The mask comes from a few integer operations
on the entry's index, seeded by the key: the compiler fuses them into the
multiplication, where a cryptographic generator would cost more than the
attention whose weights it masks.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx

from bgm2pose_jax.array_typing import Array


def example_bits(keys: Array, stream: int, shape: tuple[int, ...]) -> Array:
  """Random bits per example.

  The seeds of an example are two words of JAX's generator; the bits of an
  entry are the 32-bit finaliser of MurmurHash3 (Appleby, 2011) of its index
  and those seeds. Good enough to drop entries, not for statistics.

  Args:
    keys: PRNG keys [b].
    stream: number of the place that asks, so that places differ.
    shape: entries per example.

  Returns:
    uint32 [b, *shape].
  """
  size = math.prod(shape)
  seeds = jax.vmap(
    lambda key: jax.random.bits(
      jax.random.fold_in(key, stream), (2,), jnp.uint32
    )
  )(keys)
  column = (-1, *(1 for _ in shape))
  first, second = (seeds[:, i].reshape(column) for i in (0, 1))
  index = jnp.arange(size, dtype=jnp.uint32).reshape(1, *shape)
  bits = index * jnp.uint32(0x9E3779B9) + first
  bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
  # The second seed enters between the rounds: otherwise two examples would
  # read the same sequence from two starting points.
  bits = bits ^ second
  bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
  return bits ^ (bits >> 16)


class ExampleDropout(nnx.Module):
  """Inverted dropout keyed per example.

  Switch off with `nnx.view(model, deterministic=True)`.
  """

  def __init__(self, rate: float, stream: int):
    self.rate = rate
    self.stream = stream
    self.deterministic = False

  def set_view(self, deterministic: bool | None = None):
    """Called by `nnx.view`.

    Args:
      deterministic: pass entries through unchanged.
    """
    if deterministic is not None:
      self.deterministic = deterministic

  def __call__(self, x: Array, keys: Array | None) -> Array:
    """Drops entries of [b, ...] and scales the rest by 1 / (1 - rate).

    Args:
      x: [b, ...].
      keys: PRNG keys [b]; may be None where nothing is dropped.

    Raises:
      ValueError: if entries are to be dropped and `keys` is None.
    """
    if self.deterministic or self.rate == 0:
      return x
    if keys is None:
      raise ValueError(
        "dropout in training needs keys, one per example; pass keys= or "
        "view the model with deterministic=True"
      )
    threshold = jnp.uint32(round(self.rate * 2**32))
    keep = example_bits(keys, self.stream, x.shape[1:]) >= threshold
    return x * keep.astype(x.dtype) * jnp.asarray(1 / (1 - self.rate), x.dtype)
