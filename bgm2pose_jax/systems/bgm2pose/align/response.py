"""The room between loudspeakers and microphone, and how each block fits it.

One impulse response per loudspeaker and microphone channel is fitted to all
blocks of a recording by least squares, frequency by frequency. A block's own
delay is then the slope of the phase between it and what the response, fitted
to *other* blocks, predicts for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
import scipy.ndimage

from bgm2pose_jax.systems.bgm2pose.align import spectra
from bgm2pose_jax.systems.bgm2pose.align.spectra import BLOCK, FREQS_HZ, RATE_HZ

# Every block belongs to one of so many folds; neighbours, which share samples,
# to the same one where possible.
FOLDS = 4
_FOLD_RUN = 4
# The response lies between these delays from the line, s.
_BEFORE_S, _AFTER_S = 0.025, 0.4
_FADE_S = 0.01
_LOW_HZ, _HIGH_HZ = 80.0, 11000.0
_SMOOTH_BINS = 65
# Music this far below its own mean is silent.
_SILENT_DB = 50.0
# Side signal below this share of the mid's power says nothing of its own.
_SIDE_SHARE = 1e-3


def fold_of(number: int) -> int:
  """Fold that a block belongs to."""
  return number // _FOLD_RUN % FOLDS


@dataclasses.dataclass
class Sums:
  """Products of music and recording, summed over blocks, per fold.

  Attributes:
    music: complex128 [fold, 2, 2, bins].
    cross: complex128 [fold, channel, 2, bins], recording times music's
      conjugate.
    sound: float64 [fold, channel, bins], power.
    count: int [fold], blocks.
  """

  music: np.ndarray
  cross: np.ndarray
  sound: np.ndarray
  count: np.ndarray

  def of(self, keep: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Sums over some folds: music, cross, sound, count."""
    keep = list(keep)
    return tuple(
      a[keep].sum(0) for a in (self.music, self.cross, self.sound, self.count)
    )


def sum_products(
  sound: np.ndarray,
  placed: np.ndarray,
  quiet: float,
  fold: Callable[[int], int] = fold_of,
) -> Sums:
  """Sums the products of all blocks in which music is heard.

  Args:
    sound: float32 [channel, samples].
    placed: float32 [2, samples], see `spectra.place_music`.
    quiet: power of a block's music below which it is left out.
    fold: which of the `FOLDS` sums a block number goes to.
  """
  channels, bins = len(sound), BLOCK // 2 + 1
  sums = Sums(
    np.zeros((FOLDS, 2, 2, bins), np.complex128),
    np.zeros((FOLDS, channels, 2, bins), np.complex128),
    np.zeros((FOLDS, channels, bins)),
    np.zeros(FOLDS, np.int64),
  )
  for block in spectra.blocks(sound, placed):
    if not is_heard(block, quiet):
      continue
    at = fold(block.number)
    conjugate = np.conj(block.music)
    sums.music[at] += block.music[:, None] * conjugate[None]
    sums.cross[at] += block.sound[:, None] * conjugate[None]
    sums.sound[at] += np.square(np.abs(block.sound))
    sums.count[at] += 1
  return sums


def is_heard(block: spectra.BlockSpectra, quiet: float) -> bool:
  """Whether a block has both music and any sound."""
  return bool(
    np.square(np.abs(block.music[0])).mean() > quiet and block.sound.any()
  )


def quiet_power(placed: np.ndarray) -> float:
  """Power of a block's mid spectrum below which its music counts as silent."""
  mean = float(np.mean(np.square(placed[0], dtype=np.float64)))
  # Parseval, with the window's power.
  return mean * BLOCK * 0.375 * 10 ** (-_SILENT_DB / 10)


@dataclasses.dataclass(frozen=True)
class Response:
  """Responses of the room to the music's half sum and half difference.

  Attributes:
    spectrum: complex128 [channel, 2, bins].
    noise: float64 [channel, bins], power of a block that music leaves
      unexplained.
    has_side: whether left and right could be told apart.
  """

  spectrum: np.ndarray
  noise: np.ndarray
  has_side: bool

  def predict(self, music: np.ndarray) -> np.ndarray:
    """Spectra [channel, bins] for music [2, bins]."""
    return np.einsum("csf,sf->cf", self.spectrum, music)

  def impulse(self, taper: np.ndarray | None = None) -> np.ndarray:
    """Impulse responses [channel, 2, BLOCK]; tap 0 lies on the line."""
    shaped = self.spectrum if taper is None else self.spectrum * taper
    return np.asarray(scipy.fft.irfft(shaped, BLOCK))


def all_but(fold: int) -> list[int]:
  """The other folds."""
  return [i for i in range(FOLDS) if i != fold]


def fit_response(
  sums: Sums, folds: Sequence[int] = range(FOLDS), *, apart: bool = False
) -> Response:
  """Fits the room by ridge regression, frequency by frequency.

  Args:
    sums: the sums from `sum_products`.
    folds: which of them to use.
    apart: whether the difference of the loudspeakers counts as music. Else it
      counts as noise, which is safe for delays but lets each loudspeaker's
      response hold a share of the other's, and directions of loudspeakers far
      apart turn to their middle.
  """
  music, cross, sound, count = sums.of(folds)
  mid, side = music[0, 0].real, music[1, 1].real
  has_side = bool(side.sum() > _SIDE_SHARE * mid.sum())
  gain = np.square(np.abs(cross[:, 0])) / (mid + 1e-30)
  known = _explained_apart(music, cross) if apart and has_side else gain
  noise = _smooth(np.clip(sound - known, 1e-3 * sound, None)) / max(count, 1)
  # Expected power of the response: where music explains the sound, what the
  # sound has over the music.
  band = (FREQS_HZ > _LOW_HZ) & (FREQS_HZ < _HIGH_HZ)
  size = gain[:, band].sum(1) / (mid[band].sum() + 1e-30)
  ridge = noise / (size[:, None] + 1e-30) + 1e-9 * mid.mean()
  spectrum = np.zeros_like(cross)
  if has_side:
    a, d = mid + ridge, side + ridge
    b = music[1, 0]
    det = a * d - np.square(np.abs(b))
    spectrum[:, 0] = (cross[:, 0] * d - cross[:, 1] * b) / det
    spectrum[:, 1] = (cross[:, 1] * a - cross[:, 0] * np.conj(b)) / det
  else:
    spectrum[:, 0] = cross[:, 0] / (mid + ridge)
  spectrum *= band
  taps = np.asarray(scipy.fft.irfft(spectrum, BLOCK)) * _gate()
  return Response(np.asarray(scipy.fft.rfft(taps)), noise, has_side)


def _explained_apart(music: np.ndarray, cross: np.ndarray) -> np.ndarray:
  """Power that both music channels explain together, [channel, bins]."""
  least = 1e-6 * music[0, 0].real.mean()
  a, d = music[0, 0].real + least, music[1, 1].real + least
  b = music[1, 0]
  det = a * d - np.square(np.abs(b))
  mid = (cross[:, 0] * d - cross[:, 1] * b) / det
  side = (cross[:, 1] * a - cross[:, 0] * np.conj(b)) / det
  return (mid * np.conj(cross[:, 0]) + side * np.conj(cross[:, 1])).real


def _smooth(power: np.ndarray) -> np.ndarray:
  return scipy.ndimage.uniform_filter1d(
    power, _SMOOTH_BINS, axis=-1, mode="nearest"
  )


def _gate() -> np.ndarray:
  """One where the response may lie, faded at both ends, [BLOCK]."""
  time = np.arange(BLOCK) / RATE_HZ
  time = np.where(time > BLOCK / RATE_HZ / 2, time - BLOCK / RATE_HZ, time)
  rise = np.clip((time + _BEFORE_S) / _FADE_S, 0, 1)
  fall = np.clip((_AFTER_S - time) / _FADE_S, 0, 1)
  return rise * fall


def explained_share(sums: Sums, response: Response) -> float:
  """Share of W's power, in blocks with music, that the fit explains.

  Args:
    sums: the sums of these blocks.
    response: fitted to them.
  """
  _, cross, sound, _ = sums.of(range(FOLDS))
  gained = (cross[0] * np.conj(response.spectrum[0])).real.sum(axis=0)
  band = (FREQS_HZ > _LOW_HZ) & (FREQS_HZ < _HIGH_HZ)
  return float(gained[band].sum() / (sound[0, band].sum() + 1e-30))


def held_out_shares(sums: Sums) -> np.ndarray:
  """Share of each channel's power that fits to other blocks predict.

  A fit to the same blocks would explain some of any noise, too.

  Args:
    sums: the sums of the blocks with music.

  Returns:
    float64 [channel], 0 to 1.
  """
  band = (FREQS_HZ > _LOW_HZ) & (FREQS_HZ < _HIGH_HZ)
  gained, total = np.zeros(sums.sound.shape[1]), 1e-30
  for fold in range(FOLDS):
    music, cross, sound = (a[..., band] for a in sums.of([fold])[:3])
    spectrum = fit_response(sums, all_but(fold), apart=True).spectrum[..., band]
    met = 2 * np.real(cross * np.conj(spectrum)).sum(axis=(1, 2))
    power = np.einsum("csf,stf,ctf->c", spectrum, music, np.conj(spectrum))
    gained += met - np.real(power)
    total = total + sound.sum(axis=1)
  return np.clip(gained / total, 0, 1)


@dataclasses.dataclass(frozen=True)
class Delays:
  """How each block fits the response of the others.

  Attributes:
    middle_s: [blocks] middles in the recording.
    delay_s: [blocks] how much later than the line the music comes; NaN where
      there is none.
    deviation_s: [blocks] its standard deviation from the noise alone.
    gain: [blocks] size of the predicted sound in what was recorded; near one
      where the music is heard as predicted, near zero where not.
    score: [blocks] the same in standard deviations of the noise.
  """

  middle_s: np.ndarray
  delay_s: np.ndarray
  deviation_s: np.ndarray
  gain: np.ndarray
  score: np.ndarray


def block_delays(
  sound: np.ndarray, placed: np.ndarray, sums: Sums, quiet: float
) -> Delays:
  """Delays of all blocks by the phase slope against the prediction.

  Args:
    sound: float32 [channel, samples]; the first channel is used.
    placed: float32 [2, samples].
    sums: the same blocks' sums.
    quiet: see `sum_products`.
  """
  responses = [fit_response(sums, all_but(fold)) for fold in range(FOLDS)]
  # [delay, deviation, gain, score] of each block.
  rows = np.full((len(spectra.block_middles_s(sound.shape[1])), 4), np.nan)
  turn = 2 * np.pi * FREQS_HZ
  for block in spectra.blocks(sound[:1], placed):
    if not is_heard(block, quiet):
      continue
    response = responses[fold_of(block.number)]
    predicted = response.predict(block.music)[0]
    noise = response.noise[0] + 1e-30
    power = np.square(np.abs(predicted)) / noise
    product = block.sound[0] * np.conj(predicted) / noise
    total, sharpness = float(power.sum()), float((turn**2 * power).sum())
    if total <= 0:
      continue
    # Delay d turns the product by -2 pi f d: Newton's steps on the likelihood.
    delay = 0.0
    for _ in range(4):
      turned = product * np.exp(1j * turn * delay)
      step = float((turn * turned.imag).sum())
      bend = max(float((turn**2 * turned.real).sum()), 0.3 * sharpness)
      delay -= step / bend
    gain = float(product.real.sum()) / total
    # A Hann window correlates neighbouring bins: 1.5 of them carry one
    # independent value, each with its real half of the noise.
    score = gain * np.sqrt(2 * total / 1.5)
    rows[block.number] = delay, np.sqrt(1.5 / (2 * sharpness)), gain, score
  return Delays(
    spectra.block_middles_s(sound.shape[1]), *np.ascontiguousarray(rows.T)
  )
