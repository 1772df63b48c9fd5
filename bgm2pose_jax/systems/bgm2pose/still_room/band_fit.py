"""At what loudness one sound explains another, told by bands."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ

_FRAME = 9600  # 0.2 s
_LOWEST_HZ, _HIGHEST_HZ, _BANDS = 40.0, 16_000.0, 48


def _edges() -> np.ndarray:
  """First bins of the bands and the end of the last, [band + 1]."""
  hertz = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
  return np.unique(np.round(hertz * _FRAME / SAMPLE_RATE_HZ).astype(int))


class BandFit:
  """Regression of a sound on what explains it, in bands, as both come in."""

  def __init__(self):
    """Nothing was heard."""
    self._edges = _edges()
    # Of both together, of what explains, and of the sound: [3, band].
    self._sums = np.zeros((3, len(self._edges) - 1))

  def add(self, sound: np.ndarray, said: np.ndarray, keep: float) -> None:
    """Takes in the next stretch.

    Args:
      sound: [channel, s].
      said: [channel, s], what should explain it.
      keep: what all before counts beside it, 1 in full.
    """
    frames = sound.shape[-1] // _FRAME
    taper = np.hanning(_FRAME)

    def bins(x: np.ndarray) -> np.ndarray:
      cut = np.float64(x[:, : frames * _FRAME])
      return np.fft.rfft(cut.reshape(-1, _FRAME) * taper)

    heard, told = bins(sound), bins(said)
    powers = np.stack(
      [
        (heard * told.conj()).real.sum(0),
        (np.abs(told) ** 2).sum(0),
        (np.abs(heard) ** 2).sum(0),
      ]
    )[:, : self._edges[-1]]
    banded = np.add.reduceat(powers, self._edges[:-1], axis=1)
    self._sums = keep * self._sums + banded

  def gain(self, otherwise: float) -> float:
    """The gain at which it is explained best.

    A band counts by the square of what it explains over what it leaves: a mean
    over all bands is drawn to zero by those in which nothing is explained.

    Args:
      otherwise: in silence, and where nothing is explained.
    """
    both, told, _ = self._sums
    explained = self._explained()
    weight = (explained / (1 - explained + 1e-3)) ** 2
    weight = np.where((both > 0) & (told > 0), weight, 0)
    if not weight.any():
      return otherwise
    ratio = both / np.where(told > 0, told, 1)
    return float(np.sum(weight * ratio) / np.sum(weight))

  def _explained(self) -> np.ndarray:
    """Share of the sound's power that is explained, [band]; 0 in silence."""
    both, told, heard = self._sums
    power = told * heard
    share = np.maximum(both, 0) ** 2 / np.where(power > 0, power, 1)
    return np.clip(np.where(power > 0, share, 0), 0, 1)
