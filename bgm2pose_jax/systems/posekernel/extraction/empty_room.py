"""The empty room's responses, averaged as recordings pass."""

from __future__ import annotations

import numpy as np
import scipy.fft

from bgm2pose_jax.systems.posekernel.extraction.alignment import Aligned
from bgm2pose_jax.systems.posekernel.extraction.plan import LEAD


class EmptyRoom:
  """Mean of aligned responses and the power of what differs from it.

  Args:
    pairs: how many pairs there are.
    taps: taps of a kernel.
    direct_taps: taps of the direct sound, which count for no power.
  """

  def __init__(self, pairs: int, taps: int, direct_taps: int):
    self._mask = LEAD + direct_taps
    frequencies = (taps - direct_taps) // 2 + 1
    self.mean = np.zeros((pairs, LEAD + taps))
    self.count = np.zeros(pairs, int)
    self._spectrum = np.zeros((pairs, frequencies), complex)
    self._spread = np.zeros((pairs, frequencies))

  def add(self, take: Aligned) -> None:
    """Adds the usable pairs of a recording."""
    use = take.usable
    self.count[use] += 1
    count = self.count[use, None]
    self.mean[use] += (take.responses[use] - self.mean[use]) / count
    # Welford's update: sums of squares would lose what differs.
    spectrum = kernel_spectrum(take.responses[use], self._mask)
    before = spectrum - self._spectrum[use]
    self._spectrum[use] += before / count
    self._spread[use] += np.real(
      np.conj(before) * (spectrum - self._spectrum[use])
    )

  def noise_power(self) -> np.ndarray:
    """Power that a kernel has without a person.

    Returns:
      float64 [pair, frequency], of the spectra of `kernel_spectrum`: one
      recording less the mean of all; NaN with fewer than two recordings.
    """
    count = self.count[:, None].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
      power = self._spread / (count - 1) * (1 + 1 / count)
    return np.where(count >= 2, power, np.nan)


def kernel_spectrum(responses: np.ndarray, mask: int) -> np.ndarray:
  """Spectra of what lies behind the direct sound.

  Args:
    responses: float64 [..., LEAD + tap].
    mask: how many of their taps to leave out.

  Returns:
    complex128 [..., frequency].
  """
  return np.asarray(scipy.fft.rfft(responses[..., mask:], axis=-1))
