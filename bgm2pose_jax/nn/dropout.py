"""Dropout whose mask depends on the example, not on its place in the batch.

Each example carries its own key, so a batch split over devices or ordered
otherwise drops the same entries. The mask comes from a few integer operations
on the entry's index, seeded by the key: the compiler fuses them into the
multiplication, where a cryptographic generator would cost more than the
attention whose weights it masks.
"""

from __future__ import annotations

import math
from typing import TypeGuard

import jax
import jax.numpy as jnp
from flax import nnx

from bgm2pose_jax.base.array_typing import Array


def example_seeds(keys: Array, stream: int) -> Array:
  """Two words of JAX's generator per example.

  Args:
    keys: PRNG keys [b].
    stream: number of the place that asks, so that places differ.

  Returns:
    uint32 [b, 2].
  """
  return jax.vmap(
    lambda key: jax.random.bits(
      jax.random.fold_in(key, stream), (2,), jnp.uint32
    )
  )(keys)


def finalise(bits: Array) -> Array:
  """The 32-bit finaliser of MurmurHash3 (Appleby, 2011), entry by entry.

  Good enough to choose what to drop, not for statistics.
  """
  bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
  bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
  return bits ^ (bits >> 16)


def row_bits(row: Array, first: Array, second: Array) -> Array:
  """Random bits of a row of entries, from which its entries' are made.

  Args:
    row: uint32, its number.
    first: uint32, the example's first seed.
    second: uint32, its second. It enters between two rounds: otherwise two
      examples would read the same sequence from two starting points.

  Returns:
    uint32, the arguments' shapes broadcast.
  """
  return finalise(finalise(row * _golden() + first) ^ second)


def survives(of_row: Array, column: Array, rate: float) -> Array:
  """Which entries of rows survive dropout: a short hash for each.

  Args:
    of_row: uint32, the bits from `row_bits`.
    column: uint32, the entry's number in its row.
    rate: the share dropped.

  Returns:
    bool, the arguments' shapes broadcast.
  """
  return finalise(of_row + column * _golden()) >= keep_threshold(rate)


def _golden() -> jax.Array:
  """Spreads consecutive numbers over all bits (Knuth)."""
  return jnp.uint32(0x9E3779B9)


def keep_threshold(rate: float) -> jax.Array:
  """Random bits at or above this survive dropout at `rate`."""
  return jnp.uint32(round(rate * 2**32))


def example_bits(keys: Array, stream: int, shape: tuple[int, ...]) -> Array:
  """Random bits per example: a hash of each entry's index and the seeds.

  Args:
    keys: PRNG keys [b].
    stream: number of the place that asks.
    shape: entries per example.

  Returns:
    uint32 [b, *shape].
  """
  seeds = example_seeds(keys, stream)
  index = jnp.arange(math.prod(shape), dtype=jnp.uint32)
  return row_bits(index, seeds[:, :1], seeds[:, 1:]).reshape(-1, *shape)


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

  def active(self, keys: Array | None) -> TypeGuard[Array]:
    """Whether entries are dropped.

    Args:
      keys: PRNG keys [b], or None.

    Raises:
      ValueError: if entries are to be dropped and `keys` is None.
    """
    if self.deterministic or self.rate == 0:
      return False
    if keys is None:
      raise ValueError(
        "dropout in training needs keys, one per example; pass keys= or "
        "view the model with deterministic=True"
      )
    return True

  def __call__(self, x: Array, keys: Array | None) -> Array:
    """Drops entries of [b, ...] and scales the rest by 1 / (1 - rate).

    Args:
      x: [b, ...].
      keys: PRNG keys [b]; may be None where nothing is dropped.

    Raises:
      ValueError: if entries are to be dropped and `keys` is None.
    """
    if not self.active(keys):
      return x
    bits = example_bits(keys, self.stream, x.shape[1:])
    scaled = x * jnp.asarray(1 / (1 - self.rate), x.dtype)
    return jnp.where(bits >= keep_threshold(self.rate), scaled, 0)
