"""The room's static response to each loudspeaker, fitted to a recording.

A recording of music in a room is, person aside, the music convolved with one
finite impulse response per loudspeaker and microphone channel. The response
is the least-squares one: its normal equations hold nothing but correlations of
the sound at lags up to the response's length, so a recording is read once, in
blocks, and stretches or recordings are pooled by adding their correlations.
The equations are block Toeplitz; conjugate gradients with a circulant
preconditioner solve them (R. Chan and Ng, SIAM Review 38, 1996; the
preconditioner is T. Chan's, SIAM J. Sci. Stat. Comput. 9, 1988).

Music falls by 60 dB and more from bass to treble and has bands with nothing in
them, and steady tones stand as far above the rest. What correlations are
rounded by in float32 is then as large as the regularisation: the equations of
real music have negative power at some frequencies, and the solver leaves the
answer behind. So they are summed and solved in float64, on the host. Both
sounds are differenced first: convolution commutes with it, so the response
stays the same, and fewer steps are needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.sparse import linalg

from bgm2pose_jax.array_typing import ArrayLike

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
# x[n] - 0.97 x[n - 1]: 36 dB between bass and treble.
PREEMPHASIS = 0.97
_TOLERANCE = 1e-7


def _in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
  """Has a function traced and run in float64 where there is hardware for it.

  That is the host: TPUs have none, and what is solved here is small.
  """

  @functools.wraps(function)
  def run(*arguments: Any, **options: Any) -> Any:
    try:
      host = jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX was told to leave the host alone
      host = jax.local_devices()[0]
    with jax.enable_x64(True), jax.default_device(host):
      return function(*arguments, **options)

  return run


class Correlations(NamedTuple):
  """Sums over samples that the least-squares response depends on.

  Two of them add up to those of both stretches of sound.

  Attributes:
    music: float64 [speaker, speaker, lag], sum over n of m_i[n] m_j[n - lag].
    recording: float64 [channel, speaker, lag], sum of y_c[n] m_i[n - lag].
    samples: float64 [], how many samples were summed over.
  """

  music: jax.Array
  recording: jax.Array
  samples: jax.Array

  @property
  def taps(self) -> int:
    """Length of the response in samples."""
    return self.music.shape[-1]


@_in_float64
def zero_correlations(
  taps: int, speakers: int = 2, channels: int = 4
) -> Correlations:
  """What has been heard before the first sample."""
  return Correlations(
    jnp.zeros((speakers, speakers, taps), jnp.float64),
    jnp.zeros((channels, speakers, taps), jnp.float64),
    jnp.zeros((), jnp.float64),
  )


@_in_float64
@functools.partial(jax.jit, static_argnames="taps")
def correlate(
  recording: jax.Array, music: jax.Array, *, taps: int
) -> Correlations:
  """Correlations of one block of a recording.

  Args:
    recording: float32 [channel, s].
    music: float32 [speaker, taps + s], the music of the block and of the
      `taps` samples before it (zeros before its start).
    taps: length of the response in samples.

  Returns:
    The block's share of the sums.
  """
  size = music.shape[-1]
  channels, samples = recording.shape
  # Differencing needs the sample before. Of the music it is there; the
  # recording's first difference is left out, as if it were zero.
  recording, music = (jnp.float64(x) for x in (recording, music))
  sound = _differenced(music)
  heard = jnp.pad(_differenced(recording), ((0, 0), (1, 0)))
  heard = jnp.concatenate([heard, sound[:, taps - 1 :]])
  # At its place behind the history, so that lags 0 .. taps - 1 do not wrap.
  heard = jnp.pad(heard, ((0, 0), (taps - 1, 1)))
  sound = jnp.pad(sound, ((0, 0), (0, 1)))
  left, right = jnp.fft.rfft(heard), jnp.fft.rfft(sound)
  lags = jnp.fft.irfft(left[:, None] * right.conj(), size)[..., :taps]
  return Correlations(lags[channels:], lags[:channels], jnp.float64(samples))


def _differenced(x: jax.Array) -> jax.Array:
  return x[..., 1:] - PREEMPHASIS * x[..., :-1]


@_in_float64
@jax.jit
def pool(first: Correlations, second: Correlations) -> Correlations:
  """Correlations of two stretches of sound together."""
  return jax.tree.map(jnp.add, first, second)


@_in_float64
@jax.jit
def turned(sums: Correlations, gain: float | jax.Array) -> Correlations:
  """Correlations of a recording that is louder by a gain."""
  return sums._replace(recording=sums.recording * gain)


@_in_float64
@functools.partial(jax.jit, static_argnames="ends")
def add(
  sums: Correlations,
  recording: jax.Array,
  music: jax.Array,
  keep: float | jax.Array,
  *,
  ends: bool = False,
) -> Correlations:
  """Adds one block of a recording to what was heard before.

  Forgetting is a weight that falls evenly from sample to sample and that both
  sounds carry, so the sums are correlations of two sounds that exist. They are
  what a least-squares fit needs: equations that have a minimum. Weights that
  fell from block to block would not be (by a few thousandths, a hundred times
  the regularisation), and the solver would not stay near the answer.

  Args:
    sums: of what was heard before.
    recording: see `correlate`.
    music: see `correlate`.
    keep: what the past counts beside the block's end, 1 in full.
    ends: the sums are solved as they are, so the block is faded out. What the
      room still says after the end is then quiet, not missing.

  Returns:
    keep * sums + the block's own.
  """
  taps, size = sums.taps, recording.shape[-1]
  # Amplitudes: their product over `size` samples is `keep`.
  before = jnp.arange(size + taps - 1, -1, -1) / size
  weight = jnp.exp(0.5 * before * jnp.log(jnp.float64(keep)))
  if ends:
    fade = 0.5 + 0.5 * jnp.cos(jnp.pi * jnp.arange(size) / size)
    weight = weight.at[taps:].multiply(fade)
  new = correlate(recording * weight[taps:], music * weight, taps=taps)
  return jax.tree.map(lambda old, more: keep * old + more, sums, new)


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


@_in_float64
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
    sums: of everything heard.
    start: [channel, speaker, tap] to start from, e.g. that of a moment ago.
    regularisation: power added at every frequency, relative to the music's
      mean power.
    iterations: of conjugate gradients; few are enough after a good start.

  Returns:
    The response; zeros where no music was heard.
  """
  power = jnp.trace(sums.music[..., 0]) / len(sums.music)
  # In silence any positive number makes the response zero.
  ridge = jnp.maximum(regularisation * power, jnp.finfo(jnp.float64).tiny)
  lags = _both_sides(sums.music)
  spectra = jnp.fft.rfft(lags)
  # Of all windows tried the triangle is the quickest to converge.
  smooth = _smooth_spectra(lags)
  inverse = _inverse(smooth, ridge)

  def product(h):
    return _spread(spectra, h) + ridge * h

  found, _ = linalg.cg(
    product,
    sums.recording,
    x0=jnp.zeros_like(sums.recording) if start is None else jnp.float64(start),
    tol=_TOLERANCE,
    maxiter=iterations,
    M=functools.partial(_spread, inverse),
  )
  left = jnp.sum((product(found) - sums.recording) ** 2)
  whole = jnp.sum(sums.recording**2)
  return Response(
    jnp.where(power > 0, found, 0).astype(jnp.float32),
    (left / jnp.where(whole > 0, whole, 1)).astype(jnp.float32),
    _condition(smooth, ridge).astype(jnp.float32),
  )


@_in_float64
@jax.jit
def loudness(sums: Correlations, response: jax.Array) -> jax.Array:
  """How loud a recording is beside what a response says of its music.

  Args:
    sums: of the recording.
    response: float32 [channel, speaker, tap].

  Returns:
    float64 [], the gain of the response that fits the recording best in the
    least-squares sense; 0 where either is silent.
  """
  response = jnp.float64(response)
  spectra = jnp.fft.rfft(_both_sides(sums.music))
  said = jnp.vdot(response, _spread(spectra, response))
  heard = jnp.vdot(response, sums.recording)
  return jnp.where(said > 0, heard / jnp.where(said > 0, said, 1), 0)


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


@_in_float64
@jax.jit
def add_moment(moments: Moments, new: Correlations, middle: float) -> Moments:
  """Takes in the correlations of the next block.

  Args:
    moments: of the blocks before.
    new: of the block alone.
    middle: of the block, in samples from the recording's start.
  """
  return Moments(
    *(
      jax.tree.map(lambda old, more, w=weight: old + w * more, sums, new)
      for sums, weight in zip(moments, (1.0, middle, middle**2), strict=True)
    )
  )


@_in_float64
@jax.jit
def clock_drift(moments: Moments, response: jax.Array) -> jax.Array:
  """How far the music's clock runs away from the recording's.

  A drift d moves what the response predicts by d t, so it leaves d t times the
  prediction's derivative: the least-squares d of what is left, to first order.
  Both are weighted as they sound, without the differencing of the sums: where
  low sounds lead, a drift is still found that turns high ones round.

  Args:
    moments: of the recording.
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
  spectra = [jnp.fft.rfft(_both_sides(part.music)) for part in moments]
  # <probe, what moves> at the powers 0, 1 and 2 of time; around its middle.
  power = [jnp.vdot(probe, _spread(s, moved)) for s in spectra]
  left = [
    jnp.vdot(probe, part.recording - _spread(s, response))
    for part, s in zip(moments[:2], spectra)
  ]
  known = power[0] > 0
  middle = power[1] / jnp.where(known, power[0], 1)
  spread = power[2] - middle * power[1]
  # Rounding is all there is of it within one block.
  known &= spread > 1e-9 * power[2]
  drift = (left[1] - middle * left[0]) / jnp.where(known, spread, 1)
  return jnp.where(known, drift, 0)


def _spread(spectra: jax.Array, h: jax.Array) -> jax.Array:
  """The sum over j, l of rho_ji[k - l] h_j[l]; spectra [j, i, f] of rho."""
  taps = h.shape[-1]
  bins = jnp.einsum("jif,cjf->cif", spectra, jnp.fft.rfft(h, 2 * taps))
  return jnp.fft.irfft(bins, 2 * taps)[..., :taps]


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


def _both_sides(music: jax.Array) -> jax.Array:
  """rho_ij at lags 0 .. taps - 1, then -taps .. -1, [i, j, 2 taps]."""
  # rho_ij[-d] = rho_ji[d]; lag -taps itself is not needed.
  negative = music.swapaxes(0, 1)[..., :0:-1]
  middle = jnp.zeros((*music.shape[:-1], 1), music.dtype)
  return jnp.concatenate([music, middle, negative], axis=-1)


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


@_in_float64
@jax.jit
def power_density(sums: Correlations, response: jax.Array) -> jax.Array:
  """Mean power of the static room's W over all that was heard.

  Args:
    sums: of what was heard.
    response: float32 [channel, speaker, tap].

  Returns:
    float32 [taps + 1], at frequencies from 0 to half the sample rate; the
    expected |DFT bin|^2 of a frame is that times the sum of the window's
    squares.
  """
  taps = sums.taps
  spectra = _smooth_spectra(_both_sides(sums.music))
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
