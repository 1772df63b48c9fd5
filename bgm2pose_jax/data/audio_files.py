"""Sound files that are checked before and while they are read.

A header may promise a thousand channels, so it is checked before any sample is
read; samples are checked block by block as they pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bgm2pose_jax.data.wav_check import check_wav_complete
from bgm2pose_jax.errors import InputError

SAMPLE_RATE_HZ = 48000

_MAX_HOURS = 12.0
_BLOCK_SAMPLES = 1 << 20


def read_header(path: Path, channels: int, rate_hz: int | None) -> Any:
  """Checks what a sound file claims to be.

  Args:
    path: WAV, FLAC, OGG or MP3.
    channels: how many it must have.
    rate_hz: what its sample rate must be; None takes any usual one.

  Returns:
    soundfile's info object: `frames`, `samplerate`, `channels`.

  Raises:
    InputError: missing, truncated or no audio; another channel count or rate;
      an absurd length.
  """
  if not path.is_file():
    raise InputError(path, "is missing", "add the file")
  check_wav_complete(path)
  try:
    info = soundfile.info(path)
  except soundfile.LibsndfileError as error:
    raise InputError(
      path, f"cannot be read as audio ({error})", "give a WAV, FLAC or MP3 file"
    ) from None
  if info.channels != channels:
    raise InputError(
      path,
      f"has {info.channels} channels instead of {channels}",
      "recordings are W X Y Z (4 channels), music is stereo",
    )
  if rate_hz is not None and info.samplerate != rate_hz:
    raise InputError(
      path, f"has {info.samplerate} Hz", f"resample it to {rate_hz} Hz"
    )
  hours = info.frames / max(info.samplerate, 1) / 3600
  if not 1000 <= info.samplerate <= 768000 or not hours <= _MAX_HOURS:
    raise InputError(
      path,
      f"claims {hours:.1f} hours at {info.samplerate} Hz",
      f"give at most {_MAX_HOURS:.0f} hours at a usual rate",
    )
  return info


def sample_blocks(path: Path) -> Iterator[np.ndarray]:
  """Yields float32 [samples, channel], checked to be finite."""
  with soundfile.SoundFile(path) as file:
    start = 0
    while True:
      part = read_samples(file, path, _BLOCK_SAMPLES)
      check_finite(path, part, start, file.samplerate)
      if len(part):
        yield part
      if len(part) < _BLOCK_SAMPLES:
        return
      start += len(part)


def read_samples(file: Any, path: Path, count: int) -> np.ndarray:
  """Reads the next samples of an open `soundfile.SoundFile`.

  Args:
    file: open file.
    path: named in errors.
    count: samples wanted; fewer come at the end.

  Returns:
    float32 [samples, channel].

  Raises:
    InputError: samples that cannot be decoded.
  """
  try:
    return file.read(count, dtype="float32", always_2d=True)
  except soundfile.LibsndfileError as error:
    raise InputError(
      path, f"cannot be decoded ({error})", "copy the file again"
    ) from None


def check_finite(
  path: Path, samples: np.ndarray, start: int, rate_hz: int
) -> None:
  """Checks samples for NaN and infinity.

  Args:
    path: named in errors.
    samples: [samples, channel].
    start: position of the first in the file.
    rate_hz: to say when.

  Raises:
    InputError: with the time of the first such sample.
  """
  # A sum is finite when every sample is: one pass, no array of booleans.
  if math.isfinite(float(samples.sum(dtype=np.float64))):
    return
  bad = np.flatnonzero(~np.isfinite(samples).all(axis=1))
  raise InputError(
    path,
    f"holds NaN or infinite samples, the first at "
    f"{(start + int(bad[0])) / rate_hz:.3f} s",
    "export the recording again",
  )
