"""Figures of kernels and of the recordings that they come from."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.systems.posekernel.extraction.faults import Tally
from bgm2pose_jax.systems.posekernel.extraction.plan import Plan

_LOWEST_SNR_DB = -20.0
_LEAST_SNR_DB = 6.0
_MOST_RESIDUE_DB = -20.0
_MOST_SAMPLES = 1.0
_OCTAVES_HZ = 1000.0 * 2.0 ** np.arange(-5, 6)


def octaves_hz(band_hz: tuple[float, float]) -> np.ndarray:
  """Middles of the octave bands that begin and end in a band, Hz."""
  low, high = _OCTAVES_HZ / np.sqrt(2), _OCTAVES_HZ * np.sqrt(2)
  return _OCTAVES_HZ[(low >= band_hz[0]) & (high <= band_hz[1])]


def snr_db(
  power: np.ndarray, noise: np.ndarray, plan: Plan
) -> tuple[np.ndarray, np.ndarray]:
  """Kernels over noise.

  Args:
    power: [pair, frequency], mean power of the kernels' spectra, which hold
      the noise as well.
    noise: [pair, frequency], power of the noise.
    plan: rate and band.

  Returns:
    [pair, band], dB in each of `octaves_hz`; [pair], over all frequencies.
  """
  size = 2 * (power.shape[-1] - 1)
  frequency_hz = np.arange(power.shape[-1]) * plan.rate_hz / max(size, 1)
  bands = []
  for middle_hz in octaves_hz(plan.band_hz):
    octave = frequency_hz / middle_hz
    within = (octave >= np.sqrt(0.5)) & (octave < np.sqrt(2))
    bands.append(
      _ratio_db(power[:, within].sum(axis=1), noise[:, within].sum(axis=1))
    )
  every = _ratio_db(power.sum(axis=1), noise.sum(axis=1))
  return np.array(bands).reshape(-1, len(power)).T, every


def _ratio_db(power: np.ndarray, noise: np.ndarray) -> np.ndarray:
  with np.errstate(divide="ignore", invalid="ignore"):
    found = 10 * np.log10(np.maximum(power - noise, 0) / noise)
  return np.where(np.isnan(found), np.nan, np.maximum(found, _LOWEST_SNR_DB))


def residue_db(left: np.ndarray, direct: np.ndarray) -> np.ndarray:
  """Energy that is left of the direct sound.

  Args:
    left: [pair, tap], a kernel's taps of the direct sound.
    direct: [pair, tap], the same of the empty room.

  Returns:
    [pair], dB of the direct sound's; NaN where there was none.
  """
  before, after = (direct**2).sum(axis=1), (left**2).sum(axis=1)
  with np.errstate(divide="ignore", invalid="ignore"):
    return np.where(before > 0, 10 * np.log10(after / before), np.nan)


def note_residue(
  tally: Tally, residue: np.ndarray, recording: str
) -> np.ndarray:
  """Notes pairs whose direct sound was not subtracted.

  Args:
    tally: takes the faults.
    residue: [pair], dB.
    recording: the name of the recording.

  Returns:
    bool [pair], those without the fault.
  """
  left = residue > _MOST_RESIDUE_DB
  for pair in np.flatnonzero(left):
    value = float(residue[pair])
    tally.add("direct_residue", int(pair) + 1, recording, value, empty=False)
  return ~left


def latency(
  left: np.ndarray, plan: Plan
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Compares when the sound leaves in recordings.

  Args:
    left: [recording, pair], samples; NaN where unknown.
    plan: the rate.

  Returns:
    [pair], the median in ms; [pair], the largest distance from it in ms;
    [recording], samples by which a recording as a whole is late;
    [recording, pair], samples by which a pair is later than its recording.
    Zero where unknown; the first two are NaN there.
  """
  middle = median(left, axis=0)
  late = left - middle
  whole = np.nan_to_num(median(late, axis=1))
  own = np.nan_to_num(late - whole[:, None])
  spread = np.where(
    np.isnan(middle), np.nan, np.abs(np.nan_to_num(late)).max(axis=0)
  )
  return plan.ms(1) * middle, plan.ms(1) * spread, whole, own


def median(values: np.ndarray, axis: int) -> np.ndarray:
  """The median along an axis of what is finite, NaN where nothing is.

  Of an even number it is the lower of the two in the middle: a mean of both
  would lie off all recordings when some are late.
  """
  count = np.isfinite(values).sum(axis=axis, keepdims=True)
  ordered = np.sort(values, axis=axis)  # NaN last
  place = np.maximum(count - 1, 0) // 2
  return np.take_along_axis(ordered, place, axis).squeeze(axis)


def note_latency(
  tally: Tally,
  whole: np.ndarray,
  own: np.ndarray,
  names: list[tuple[str, bool]],
  plan: Plan,
  *,
  is_measured: bool,
) -> None:
  """Notes recordings that are late, and pairs that are later than theirs.

  Args:
    tally: takes the faults.
    whole, own: from `latency`.
    names: name of each recording, and whether the room was empty.
    plan: the rate.
    is_measured: False where a loopback takes out what a recording is late.
  """
  for row, (name, empty) in enumerate(names):
    if is_measured and abs(whole[row]) > _MOST_SAMPLES:
      tally.add("latency_differs", 0, name, plan.ms(whole[row]), empty=empty)
    for pair in np.flatnonzero(np.abs(own[row]) > _MOST_SAMPLES):
      value = plan.ms(own[row, pair])
      tally.add("samples_lost", int(pair) + 1, name, value, empty=empty)


def note_kernels(
  tally: Tally, snr_all_db: np.ndarray, empty: np.ndarray
) -> None:
  """Notes pairs whose kernels are poor.

  Args:
    tally: takes the faults.
    snr_all_db: [pair], dB.
    empty: [pair], recordings of the empty room.
  """
  for pair, count in enumerate(empty):
    if count == 1:
      tally.add("one_empty", pair + 1, "", 1, empty=True)
    if snr_all_db[pair] < _LEAST_SNR_DB:
      tally.add("low_snr", pair + 1, "", snr_all_db[pair], empty=False)
