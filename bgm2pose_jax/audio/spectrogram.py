"""Frames, window and spectrum, as exact as float32 allows.

Frames do not overlap: n_fft = window length = hop, periodic Hann window, no
centring; the same as `librosa.stft(center=False)` with those numbers (the
authors' feature extraction; specification 2.4).

Music falls 100 dB and more from bass to treble, and the rounding noise of a
float32 FFT is level with the strongest bins, so a plain transform is off by
up to 0.09 dB in the top bands of real music, and the direction of intensity
by 3e-4. Each frame is therefore transformed three times: as it is, as its
circular first difference (its spectrum times 1 - exp(-2 pi i k / n)) and as
its second difference. Differencing takes the bass away, and the rounding
noise with it; each bin takes the mean of the three, weighted by the inverse
of their noise. What matters is that the differences of the *windowed* frame
are built with the product rule

  d(x w)[n] = dx[n] w[n] + x[n-1] dw[n]

from differences of the samples, which are all but exact: subtracting two
rounded products would carry the rounding of x w into the weak bins.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError

HOP_S = 0.05


def hop_samples(sample_rate_hz: float) -> int:
  """Samples per 50 ms frame: 2400 at 48 kHz.

  Args:
    sample_rate_hz: samples per second.

  Raises:
    InputError: 50 ms is not a whole number of samples at this rate.
  """
  hop = round(sample_rate_hz * HOP_S)
  if hop < 2 or abs(hop - sample_rate_hz * HOP_S) > 1e-6:
    raise InputError(
      "sample_rate_hz",
      f"{sample_rate_hz} Hz gives {sample_rate_hz * HOP_S:g} samples in 50 ms",
      "resample to 48000 Hz",
    )
  return hop


@functools.cache
def _tables(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Window with its two differences, and what differences do to bins.

  Returns:
    float32 [3, size]: window, its first and second circular difference;
    float32 [2, size // 2 + 1]: power gain of one and of two differences;
    complex64 [2, size // 2 + 1]: conjugate gain of one and of two.
  """
  window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
  step = window - np.roll(window, 1)
  bend = step - np.roll(step, 1)
  bins = np.arange(size // 2 + 1)
  gain = 1 - np.exp(-2j * np.pi * bins / size)
  power_gain = (2 * np.sin(np.pi * bins / size)) ** 2
  return (
    np.stack([window, step, bend]).astype(np.float32),
    np.stack([power_gain, power_gain**2]).astype(np.float32),
    np.stack([gain, gain**2]).conj().astype(np.complex64),
  )


def split_frames(signal: jax.Array, size: int) -> jax.Array:
  """Cuts [..., s] into [..., s // size, size]; a partial last frame is left.

  Raises:
    InputError: the signal is shorter than one frame.
  """
  frames = signal.shape[-1] // size
  if frames == 0:
    raise InputError(
      "signal",
      f"{signal.shape[-1]} samples",
      f"pass at least one frame of {size} samples",
    )
  whole = signal[..., : frames * size]
  return whole.reshape(*signal.shape[:-1], frames, size)


def views(frames: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Windowed frames, and their first and second circular difference.

  Args:
    frames: [..., size] float32 samples, not windowed yet.

  Returns:
    Three float32 [..., size].
  """
  window, step, bend = _tables(frames.shape[-1])[0]
  # Slices of one array, not `roll`: XLA fuses them into the views' loop.
  wrapped = jnp.concatenate([frames[..., -2:], frames], axis=-1)
  before = wrapped[..., 1:-1]
  change, change_before = frames - before, before - wrapped[..., :-2]
  return (
    frames * window,
    change * window + before * step,
    (change - change_before) * window
    + 2 * change_before * step
    + wrapped[..., :-2] * bend,
  )


def spectrum(frames: jax.Array) -> jax.Array:
  """Spectrum of Hann-windowed frames.

  Args:
    frames: [..., size] float32 samples, not windowed yet.

  Returns:
    complex64 [..., size // 2 + 1], `rfft` sign and scale.
  """
  _, gains, undo = _tables(frames.shape[-1])
  seen = views(frames)
  # Rounding noise is level in frequency and follows a view's energy; undoing
  # a difference divides it by the gain. A view's weight is the inverse of
  # that noise, as a ratio: products of energies would leave float32's range.
  # The views have the same derivative, so their weights need none.
  energies = [jnp.sum(view * view, axis=-1, keepdims=True) for view in seen]
  ratios = [
    jax.lax.stop_gradient(energies[0] / jnp.where(energy > 0, energy, 1))
    for energy in energies[1:]
  ]
  whole = 1 + ratios[0] * gains[0] + ratios[1] * gains[1]
  plain, first, second = (jnp.fft.rfft(view) for view in seen)
  # Weight |g|^2 times 1 / g, which undoes the difference, is conj(g).
  return (
    plain + (ratios[0] * undo[0]) * first + (ratios[1] * undo[1]) * second
  ) / whole


def power(spectrum_bins: jax.Array) -> jax.Array:
  """Squared magnitude of a complex spectrum, float32, same shape."""
  return spectrum_bins.real**2 + spectrum_bins.imag**2
