"""The room's static response to each loudspeaker, fitted to a recording.

A recording of music in a room is, person aside, the music convolved with one
finite impulse response per loudspeaker and microphone channel. The response
is the least-squares one: its normal equations hold nothing but correlations of
the sound (`lag_correlations`). They are block Toeplitz; conjugate gradients
with a circulant preconditioner solve them (R. Chan and Ng, SIAM Review 38,
1996; the preconditioner is T. Chan's, SIAM J. Sci. Stat. Comput. 9, 1988).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.sparse import linalg

from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.systems.bgm2pose.features.lag_correlations import (
  PREEMPHASIS,
  Correlations,
  in_float64,
  toeplitz_product,
  two_sided,
)

# Longest reverberation that a response of the default length holds; the rest
# stays in what differs from the static room.
RESPONSE_S = 0.4
# Added to the music's power at each frequency, relative to its mean (both of
# differenced sound): the response stays small where there is no music.
REGULARISATION = 1e-5
# Of conjugate gradients. Steady tones converge slowly: of a minute with someone
# 80 explain 99.65 % where 300 explain 99.65 (real ambient music), and 99.01
# where they explain 99.03 (pads).
ITERATIONS = 80
_TOLERANCE = 1e-7


class Response(NamedTuple):
  """A static response and how well the music determines it.

  Attributes:
    taps: float32 [channel, speaker, tap], samples of the impulse response.
    unmet: float32 [], what the solver left of the equations' right side, as a
      share of its energy.
    condition: float32 [], median over frequency of the condition number of
      the loudspeakers' spectral matrix: large where both play the same, and
      only the sum of their responses is known.
  """

  taps: jax.Array
  unmet: jax.Array
  condition: jax.Array


@in_float64
@functools.partial(jax.jit, static_argnames="iterations")
def solve(
  sums: Correlations,
  start: jax.Array | None = None,
  *,
  regularisation: float | jax.Array = REGULARISATION,
  iterations: int = ITERATIONS,
) -> Response:
  """Solves for the response that fits best in the least-squares sense.

  Args:
    sums: the sums of everything heard.
    start: [channel, speaker, tap] to start from, e.g. that of a moment ago.
    regularisation: power added at every frequency, relative to the music's
      mean power.
    iterations: the number of steps of conjugate gradients; few are enough after
      a good start.

  Returns:
    The response; zeros where no music was heard.
  """
  power = jnp.trace(sums.music[..., 0]) / len(sums.music)
  # In silence any positive number makes the response zero.
  ridge = jnp.maximum(regularisation * power, jnp.finfo(jnp.float64).tiny)
  lags = two_sided(sums.music)
  spectra = jnp.fft.rfft(lags)
  # Of all windows tried the triangle is the quickest to converge.
  smooth = _smooth_spectra(lags)
  inverse = _inverse(smooth, ridge)

  def product(h):
    return toeplitz_product(spectra, h) + ridge * h

  found, _ = linalg.cg(
    product,
    sums.recording,
    x0=jnp.zeros_like(sums.recording) if start is None else jnp.float64(start),
    tol=_TOLERANCE,
    maxiter=iterations,
    M=functools.partial(toeplitz_product, inverse),
  )
  left = jnp.sum((product(found) - sums.recording) ** 2)
  whole = jnp.sum(sums.recording**2)
  return Response(
    jnp.where(power > 0, found, 0).astype(jnp.float32),
    (left / jnp.where(whole > 0, whole, 1)).astype(jnp.float32),
    _condition(smooth, ridge).astype(jnp.float32),
  )


@in_float64
@jax.jit
def loudness(sums: Correlations, response: jax.Array) -> jax.Array:
  """How loud a recording is beside what a response says of its music.

  Args:
    sums: the sums of the recording.
    response: float32 [channel, speaker, tap].

  Returns:
    float64 [], the gain of the response that fits the recording best in the
    least-squares sense; 0 where either is silent.
  """
  response = jnp.float64(response)
  spectra = jnp.fft.rfft(two_sided(sums.music))
  said = jnp.vdot(response, toeplitz_product(spectra, response))
  heard = jnp.vdot(response, sums.recording)
  return jnp.where(said > 0, heard / jnp.where(said > 0, said, 1), 0)


# Two loudspeakers, so inverse and eigenvalues are written out. LAPACK takes far
# longer for 20,000 matrices of two rows, and called from a compiled program on
# two cores it has stopped for ever (JAX 0.10.2).


def _inverse(spectra: jax.Array, ridge: jax.Array) -> jax.Array:
  """Inverse over [j, i] of Hermitian spectra [2, 2, f] plus ridge."""
  first, second = spectra[0, 0].real + ridge, spectra[1, 1].real + ridge
  cross = spectra[0, 1]
  # Two speakers alike cancel to rounding; without them it is at least this.
  least = ridge * (first + second - ridge)
  determinant = jnp.maximum(first * second - jnp.abs(cross) ** 2, least)
  rows = jnp.array([[second, -cross], [-cross.conj(), first]])
  return rows / determinant


def _condition(spectra: jax.Array, ridge: jax.Array) -> jax.Array:
  """Median condition number of Hermitian spectra [2, 2, f] plus ridge."""
  first, second = spectra[0, 0].real, spectra[1, 1].real
  middle = (first + second) / 2
  apart = jnp.sqrt((first - second) ** 2 / 4 + jnp.abs(spectra[0, 1]) ** 2)
  low = jnp.maximum(middle - apart, 0) + ridge
  return jnp.median((middle + apart + ridge) / low)


def _smooth_spectra(lags: jax.Array) -> jax.Array:
  """Cross-spectra [i, j, f] of lags weighted by a triangle: never negative."""
  taps = lags.shape[-1] // 2
  triangle = 1 - jnp.abs(jnp.fft.fftfreq(2 * taps, 1 / (2 * taps))) / taps
  return jnp.fft.rfft(lags * triangle)


class StillRoom(NamedTuple):
  """What the microphone would hear if nothing moved.

  Attributes:
    sound: float32 [..., channel=4, s] samples.
    density: float32 [..., k], the usual power of W there, per sample and bin,
      at k frequencies from 0 to half the sample rate. It says how much music a
      band has at its usual, and where it has none.
  """

  sound: ArrayLike
  density: ArrayLike


@in_float64
@jax.jit
def power_density(sums: Correlations, response: jax.Array) -> jax.Array:
  """Mean power of the static room's W over all that was heard.

  Args:
    sums: the sums of what was heard.
    response: float32 [channel, speaker, tap].

  Returns:
    float32 [taps + 1], at frequencies from 0 to half the sample rate; the
    expected |DFT bin|^2 of a frame is that times the sum of the window's
    squares.
  """
  taps = sums.taps
  spectra = _smooth_spectra(two_sided(sums.music))
  filters = jnp.fft.rfft(response[0], 2 * taps)
  power = jnp.einsum("if,jf,ijf->f", filters, filters.conj(), spectra).real
  turn = jnp.exp(-1j * jnp.pi * jnp.arange(taps + 1) / taps)
  differencing = jnp.abs(1 - PREEMPHASIS * turn) ** 2
  power = jnp.maximum(power, 0) / differencing
  return (power / jnp.maximum(sums.samples, 1)).astype(jnp.float32)


@jax.jit
def static_sound(music: jax.Array, response: jax.Array) -> jax.Array:
  """What the microphone would hear if nobody moved, for one block.

  Args:
    music: float32 [speaker, taps + s], with the `taps` samples before the
      block (zeros before the music's start).
    response: float32 [channel, speaker, tap].

  Returns:
    float32 [channel, s].
  """
  taps, size = response.shape[-1], music.shape[-1]
  return filtered(music, jnp.fft.rfft(response, size), taps=taps)


@functools.partial(jax.jit, static_argnames="taps")
def filtered(music: jax.Array, spectrum: jax.Array, *, taps: int) -> jax.Array:
  """As `static_sound`, for many short blocks of one length.

  Args:
    music: float32 [speaker, taps + s].
    spectrum: [channel, speaker, bin], `jnp.fft.rfft(response, taps + s)`.
    taps: length of the response.

  Returns:
    float32 [channel, s].
  """
  mixed = jnp.einsum("jf,cjf->cf", jnp.fft.rfft(music), spectrum)
  return jnp.fft.irfft(mixed, music.shape[-1])[..., taps:]
