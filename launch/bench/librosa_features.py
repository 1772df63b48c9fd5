"""The peer of the features' benchmark: librosa, a window and channel a time.

Two ways. `published` is what the published preprocessing does: a mel
spectrogram of every channel, then transforms of the microphone's channels for
the intensity. `careful` transforms each channel once and builds the filters
once. Both in float32, librosa's default, with the arithmetic between in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

import librosa
import numpy as np

_RATE_HZ = 48_000
_SIZE = 2400
_EPSILON = 1e-12


def published(recording: np.ndarray, music: np.ndarray) -> np.ndarray:
  """Features of windows, [n, 4, s] and [n, 2, s] -> [n, frames, f, c]."""
  matrix = _filters()
  return _each(recording, music, lambda six: _published_window(six, matrix))


def careful(recording: np.ndarray, music: np.ndarray) -> np.ndarray:
  """The same with every transform and the filters made once."""
  matrix = _filters()
  return _each(recording, music, lambda six: _careful_window(six, matrix))


def _each(
  recording: np.ndarray,
  music: np.ndarray,
  window: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
  both = zip(recording, music, strict=True)
  return np.stack([window(np.concatenate(pair)) for pair in both])


def _published_window(six: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  decibels = [
    _decibels(
      librosa.feature.melspectrogram(
        y=channel,
        sr=_RATE_HZ,
        n_fft=_SIZE,
        hop_length=_SIZE,
        win_length=_SIZE,
        center=False,
        n_mels=128,
      )
    )
    for channel in six
  ]
  spectra = np.stack([_transform(channel) for channel in six[:4]])
  return _layout(decibels, _flow(spectra, matrix))


def _careful_window(six: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  spectra = np.stack([_transform(channel) for channel in six])
  decibels = [_decibels(matrix @ np.abs(one) ** 2) for one in spectra]
  return _layout(decibels, _flow(spectra, matrix))


def _transform(channel: np.ndarray) -> np.ndarray:
  return librosa.stft(
    channel, n_fft=_SIZE, hop_length=_SIZE, win_length=_SIZE, center=False
  )


def _filters() -> np.ndarray:
  return librosa.filters.mel(sr=_RATE_HZ, n_fft=_SIZE, n_mels=128)


def _decibels(power: np.ndarray) -> np.ndarray:
  return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)


def _flow(spectra: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  flow = np.real(np.conj(spectra[0]) * spectra[1:4])
  length = np.sqrt((flow**2).sum(axis=0)) + _EPSILON
  return matrix @ (flow / length)


def _layout(decibels: list[np.ndarray], flow: np.ndarray) -> np.ndarray:
  """[c][f, frames] -> [frames, f, c]."""
  return np.concatenate([np.stack(decibels), flow]).transpose(2, 1, 0)
