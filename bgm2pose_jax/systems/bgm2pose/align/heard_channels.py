"""What the direct sound says of channels, where the music's place is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr

from bgm2pose_jax.audio import ambisonics, audio_files
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import sound_field, sounds, spectra
from bgm2pose_jax.systems.bgm2pose.align.alignment import SHORTEST_S, align
from bgm2pose_jax.systems.bgm2pose.align.response import (
  quiet_power,
  sum_products,
)
from bgm2pose_jax.systems.bgm2pose.align.sound_field import UNCLEAR, SoundField
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks

# The direct sound of a minute is as sure as it gets.
LONGEST_S = 60.0
# Where the direct sound is looked for lies around this, after the music began.
_WAY_S = 0.01
_FEWEST_BLOCKS = 8


def of_sound(
  recording: np.ndarray,
  music: np.ndarray,
  clocks: Clocks,
  *,
  left: str = "+Y",
  order: str = ambisonics.DEFAULT_ORDER,
  maybe_simulated: bool = True,
) -> SoundField | None:
  """Judges the channels of a recording by a minute of its music.

  Args:
    recording: [4, samples] W X Y Z at 48 kHz, an array or a mapped file.
    music: [2, samples] at 48 kHz.
    clocks: where the music was sent, to some 10 ms.
    left, order, maybe_simulated: see `sound_field.judge`.

  Returns:
    What the direct sound says; None for less than `SHORTEST_S` of music.
  """
  if not np.isfinite([clocks.offset_s, clocks.drift_ppm]).all():
    return None
  first = max(0, round(clocks.offset_s * SAMPLE_RATE_HZ))
  part = recording[:, first : first + round(LONGEST_S * SAMPLE_RATE_HZ)]
  # The clocks start with the part.
  begin_s = clocks.offset_s - first / SAMPLE_RATE_HZ + _WAY_S
  ends_s = begin_s + music.shape[1] / SAMPLE_RATE_HZ
  seconds = min(part.shape[1] / SAMPLE_RATE_HZ, ends_s)
  if seconds < SHORTEST_S or not np.any(part):
    return None
  part = part[:, : round(seconds * SAMPLE_RATE_HZ)]
  skipped = max(0.0, -begin_s) * SAMPLE_RATE_HZ
  low = max(0, int(skipped) - SAMPLE_RATE_HZ)
  high = round(skipped + (LONGEST_S + 2) * SAMPLE_RATE_HZ)
  played = sounds.resampled(music[:, low:high], spectra.RATE_HZ)
  sound = sounds.resampled(part, spectra.RATE_HZ)
  drift = 1 + clocks.drift_ppm * 1e-6
  placed = spectra.place_music(
    played,
    Clocks(begin_s + low / SAMPLE_RATE_HZ / drift, clocks.drift_ppm),
    sound.shape[1],
  )
  quiet = quiet_power(placed)
  if not quiet > 0:
    return None
  sums = sum_products(sound, placed, quiet)
  if sums.count.sum() < _FEWEST_BLOCKS or not sums.count.all():
    return None
  return sound_field.judge(
    sums,
    sound,
    left=left,
    order=order,
    maybe_simulated=maybe_simulated,
  )


def of_file(
  wav: Path,
  music: np.ndarray,
  clocks: Clocks,
  *,
  gains: np.ndarray | None = None,
  left: str = "+Y",
  order: str = ambisonics.DEFAULT_ORDER,
  maybe_simulated: bool = True,
) -> SoundField | None:
  """Judges a recording's file, in the first minute of its music.

  Args:
    wav: four channels at 48 kHz.
    music: [2, samples] at 48 kHz.
    clocks: where the music was sent, to some 10 ms.
    gains: [4, 1] that W X Y Z are multiplied by; None leaves them.
    left, order, maybe_simulated: see `sound_field.judge`.

  Returns:
    What the direct sound says; None for too little sound.

  Raises:
    InputError: a file that cannot be read.
  """
  first = max(0, int(clocks.offset_s * SAMPLE_RATE_HZ))
  recording = _begin(wav, sounds.RECORDING_CHANNELS, first)
  recording = ambisonics.in_order(recording, order, axis=0)
  return of_sound(
    recording if gains is None else recording * gains,
    music,
    Clocks(clocks.offset_s - first / SAMPLE_RATE_HZ, clocks.drift_ppm),
    left=left,
    order=order,
    maybe_simulated=maybe_simulated,
  )


def of_files(
  wav: Path,
  music: Path,
  *,
  left: str = "+Y",
  order: str = ambisonics.DEFAULT_ORDER,
  maybe_simulated: bool = False,
) -> SoundField | None:
  """Judges a recording that begins with its music.

  Args:
    wav: four channels at 48 kHz.
    music: what was played from its first sample on.
    left, order, maybe_simulated: see `sound_field.judge`.

  Returns:
    What the first minute says; None for too little sound.

  Raises:
    InputError: a file that cannot be read.
  """
  recording = _begin(wav, sounds.RECORDING_CHANNELS)
  recording = ambisonics.in_order(recording, order, axis=0)
  played = _begin(music, sounds.MUSIC_CHANNELS)
  found = of_sound(
    recording,
    played,
    Clocks(0.0, 0.0),
    left=left,
    order=order,
    maybe_simulated=maybe_simulated,
  )
  if found is None or found.fits != UNCLEAR or found.warnings:
    return found
  # Perhaps it does not begin with it.
  try:
    return align(
      recording,
      played,
      left=left,
      where=wav,
      channel_order=order,
      maybe_simulated=maybe_simulated,
    ).sound_field
  except InputError:
    return found


def _begin(path: Path, channels: int, first: int = 0) -> np.ndarray:
  """A minute, [channels, samples] at 48 kHz; mono on all channels."""
  info = audio_files.read_header(path, sounds.accepted(channels), None)
  first = min(first, info.frames)
  count = min(round(LONGEST_S * info.samplerate), info.frames - first)
  with audio_files.opened(path) as file:
    if first:
      file.seek(first)
    samples = audio_files.read_samples(file, path, count)
  audio_files.check_finite(path, samples, 0, info.samplerate)
  if samples.shape[1] < channels:
    samples = np.repeat(samples, channels, axis=1)
  if info.samplerate != SAMPLE_RATE_HZ:
    samples = soxr.resample(samples, info.samplerate, SAMPLE_RATE_HZ)
  return np.ascontiguousarray(samples.T)
