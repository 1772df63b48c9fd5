"""Acoustic intensity vector of a first-order ambisonics recording.

Per FFT bin, I_d = Re(conj(W) D) for d = X, Y, Z, divided by its length, then
summed in mel bands (specification 2.4; the normalised intensity of DirAC and
of SELD features). The authors' code divides 0 by 0 on digital silence; here
`EPSILON` is added to the length, which gives 0 there and changes nothing
that can be measured elsewhere: one step of 24-bit audio is about 1e-7.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bgm2pose_jax.audio import mel

EPSILON = 1e-12


def direction(w: jax.Array, xyz: jax.Array) -> jax.Array:
  """Direction of energy flow per bin, length 1 (0 on silence).

  Args:
    w: complex spectrum of the omnidirectional channel [..., bins].
    xyz: complex spectra of the figure-eight channels [axis=3, ..., bins].

  Returns:
    float32 [axis=3, ..., bins].
  """
  flow = w.real * xyz.real + w.imag * xyz.imag
  square = jnp.sum(flow * flow, axis=0)
  # Choosing before the root keeps the gradient finite on silence.
  length = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
  return flow / (length + EPSILON)


def mel_intensity(
  spectra: jax.Array, sample_rate_hz: float, size: int, bands: int = 128
) -> jax.Array:
  """Intensity vector in mel bands.

  Args:
    spectra: complex [channel=4 (W, X, Y, Z), ..., bins].
    sample_rate_hz: samples per second.
    size: FFT length in samples.
    bands: number of mel bands.

  Returns:
    float32 [axis=3 (x, y, z), ..., bands].
  """
  unit = direction(spectra[0], spectra[1:4])
  return mel.to_mel(unit, sample_rate_hz, size, bands)
