"""How far the clocks of a recording and its music drift apart.

A response cannot follow a drift: what the fit leaves grows with time from the
fit's middle. How it grows is told by the correlations that the response was
fitted to, if it is known how they lie in time.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from bgm2pose_jax.systems.bgm2pose.features.lag_correlations import (
  PREEMPHASIS,
  Correlations,
  in_float64,
  toeplitz_product,
  two_sided,
)


class Moments(NamedTuple):
  """Correlations of a recording, and how they lie in time.

  Attributes:
    sums: over all samples.
    first: each block's, times the block's middle in samples.
    second: each block's, times the square of that.
  """

  sums: Correlations
  first: Correlations
  second: Correlations


@in_float64
@jax.jit
def add_moment(moments: Moments, new: Correlations, middle: float) -> Moments:
  """Takes in the correlations of the next block.

  Args:
    moments: the moments of the blocks before.
    new: the moments of the block alone.
    middle: the middle of the block, in samples from the recording's start.
  """
  return Moments(
    *(
      jax.tree.map(lambda old, more, w=weight: old + w * more, sums, new)
      for sums, weight in zip(moments, (1.0, middle, middle**2), strict=True)
    )
  )


@in_float64
@jax.jit
def estimate(moments: Moments, response: jax.Array) -> jax.Array:
  """How far the music's clock runs away from the recording's.

  A drift d moves what the response predicts by d t, so it leaves d t times the
  prediction's derivative: the least-squares d of what is left, to first order.
  Both are weighted as they sound, without the differencing of the sums: where
  low sounds lead, a drift is still found that turns high ones round.

  Args:
    moments: the moments of the recording.
    response: float32 [channel, speaker, tap], fitted to `moments.sums`.

  Returns:
    float64 [], how much faster than the recorder's clock the player's runs, as
    a ratio less one. 0 where nothing can be said: in silence, in one block.
  """
  response = jnp.float64(response)
  taps = response.shape[-1]
  turn = jnp.pi * jnp.arange(taps + 1) / taps
  slope = 1j * jnp.sin(turn)
  differencing = jnp.abs(1 - PREEMPHASIS * jnp.exp(-1j * turn)) ** 2

  def through(filters):
    bins = jnp.fft.rfft(response, 2 * taps) * filters
    return jnp.fft.irfft(bins, 2 * taps)[..., :taps]

  moved, probe = through(slope), through(slope / differencing)
  spectra = [jnp.fft.rfft(two_sided(part.music)) for part in moments]
  # <probe, what moves> at the powers 0, 1 and 2 of time; around its middle.
  power = [jnp.vdot(probe, toeplitz_product(s, moved)) for s in spectra]
  left = [
    jnp.vdot(probe, part.recording - toeplitz_product(s, response))
    for part, s in zip(moments[:2], spectra)
  ]
  known = power[0] > 0
  middle = power[1] / jnp.where(known, power[0], 1)
  width = power[2] - middle * power[1]
  # Rounding is all there is of it within one block.
  known &= width > 1e-9 * power[2]
  drift = (left[1] - middle * left[0]) / jnp.where(known, width, 1)
  return jnp.where(known, drift, 0)
