"""Correlations of a recording and its music: what the static response is told.

The normal equations of a least-squares response hold nothing but correlations
of the sound at lags up to the response's length. So a recording is read once,
in blocks, and stretches or recordings are pooled by adding their correlations.

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

# x[n] - 0.97 x[n - 1]: 36 dB between bass and treble.
PREEMPHASIS = 0.97


def in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
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


@in_float64
def zero_correlations(
  taps: int, speakers: int = 2, channels: int = 4
) -> Correlations:
  """What has been heard before the first sample."""
  return Correlations(
    jnp.zeros((speakers, speakers, taps), jnp.float64),
    jnp.zeros((channels, speakers, taps), jnp.float64),
    jnp.zeros((), jnp.float64),
  )


@in_float64
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


@in_float64
@jax.jit
def pool(first: Correlations, second: Correlations) -> Correlations:
  """Correlations of two stretches of sound together."""
  return jax.tree.map(jnp.add, first, second)


@in_float64
@jax.jit
def turned(sums: Correlations, gain: float | jax.Array) -> Correlations:
  """Correlations of a recording that is louder by a gain."""
  return sums._replace(recording=sums.recording * gain)


@in_float64
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
    sums: the sums of what was heard before.
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


def two_sided(music: jax.Array) -> jax.Array:
  """rho_ij at lags 0 .. taps - 1, then -taps .. -1, [i, j, 2 taps]."""
  # rho_ij[-d] = rho_ji[d]; lag -taps itself is not needed.
  negative = music.swapaxes(0, 1)[..., :0:-1]
  middle = jnp.zeros((*music.shape[:-1], 1), music.dtype)
  return jnp.concatenate([music, middle, negative], axis=-1)


def toeplitz_product(spectra: jax.Array, h: jax.Array) -> jax.Array:
  """The sum over j, l of rho_ji[k - l] h_j[l]; spectra [j, i, f] of rho."""
  taps = h.shape[-1]
  bins = jnp.einsum("jif,cjf->cif", spectra, jnp.fft.rfft(h, 2 * taps))
  return jnp.fft.irfft(bins, 2 * taps)[..., :taps]
