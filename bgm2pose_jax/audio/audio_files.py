"""Sound files that are checked before and while they are read.

A header may promise a thousand channels, so it is checked before any sample is
read; samples are checked block by block as they pass.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from absl import logging

from bgm2pose_jax.audio.wav_check import BehindHeader, check_wav_complete
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file

SAMPLE_RATE_HZ = 48000

_MAX_HOURS = 12.0
_BLOCK_SAMPLES = 1 << 20


def read_header(
  path: Path, channels: int | tuple[int, ...] | None, rate_hz: int | None
) -> Any:
  """Checks what a sound file claims to be.

  Args:
    path: WAV (RF64, BW64 and Wave64 too), FLAC, OGG or MP3.
    channels: how many it must have; None takes any number.
    rate_hz: what its sample rate must be; None takes any usual one.

  Returns:
    soundfile's info object: `frames`, `samplerate`, `channels`.

  Raises:
    InputError: missing, truncated or no audio; another channel count or rate;
      no samples, or an absurd length.
  """
  if not os.path.exists(path):
    raise InputError(path, "is missing", "add the file")
  remark = header_remark(path)
  if remark is not None:
    logging.log_first_n(logging.WARNING, "%s", 20, remark)
  with _source(path) as source:
    try:
      info = soundfile.info(source)
    except (soundfile.SoundFileError, OSError) as error:
      raise _no_audio(path, error) from None
  wanted = (channels,) if isinstance(channels, int) else channels
  if wanted is not None and info.channels not in wanted:
    raise InputError(
      path,
      f"has {info.channels} channels instead of "
      f"{' or '.join(map(str, wanted))}",
      _channel_fix(info.channels, wanted),
    )
  if rate_hz is not None and info.samplerate != rate_hz:
    raise InputError(
      path, f"has {info.samplerate} Hz", f"resample it to {rate_hz} Hz"
    )
  if info.frames < 1:
    raise InputError(path, "holds no samples", "export it again")
  hours = info.frames / max(info.samplerate, 1) / 3600
  if not 1000 <= info.samplerate <= 768000 or not hours <= _MAX_HOURS:
    raise InputError(
      path,
      f"claims {hours:.1f} hours at {info.samplerate} Hz",
      f"give at most {_MAX_HOURS:.0f} hours at a usual rate",
    )
  return info


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
  """Opens a sound file whose header was checked.

  Args:
    path: the file.

  Yields:
    The open `soundfile.SoundFile`.

  Raises:
    InputError: it cannot be decoded.
  """
  plain_file.check(path, "give a sound file")
  with _source(path) as source:
    try:
      file = soundfile.SoundFile(source)
    except (soundfile.SoundFileError, OSError) as error:
      raise _no_audio(path, error) from None
    with file:
      yield file


def header_remark(path: Path) -> str | None:
  """What a person should know of how a file's header is read.

  Args:
    path: a sound file that `read_header` takes.

  Returns:
    A sentence that names the file; None for nothing.
  """
  found = check_wav_complete(path)
  if found is None or found.remark is None:
    return None
  return f"{path}: {found.remark}"


@contextlib.contextmanager
def _source(path: Path) -> Iterator[Any]:
  """What soundfile is to open: the file, or its samples behind our header.

  Raises:
    InputError: truncated.
  """
  found = check_wav_complete(path)
  if found is None:
    yield _name(path)
    return
  with (
    plain_file.opened(path, "give a sound file") as file,
    BehindHeader(file, found) as source,
  ):
    yield source


def _channel_fix(has: int, wanted: tuple[int, ...]) -> str:
  """What to do about another number of channels."""
  if 4 not in wanted:
    return "music is stereo or mono: give two channels or one"
  if has == 3:
    return (
      "a recording is W X Y Z: export all four channels of the first-order"
      " microphone; without height (W X Y) it cannot be used"
    )
  if has > 4:
    return (
      "a recording is W X Y Z, first order: keep the first four channels"
      " (sox FILE fixed.wav remix 1 2 3 4); of AmbiX they are W Y Z X, for"
      " which there is --channel_order=wyzx"
    )
  return "recordings are W X Y Z (4 channels), music is stereo"


def check_room(path: Path, info: Any, folder: str) -> None:
  """Refuses sound that would fill the disk once it is decoded.

  A long silence takes a thousandth of its samples as FLAC.

  Args:
    path: named in errors.
    info: what `read_header` returned.
    folder: where its samples are to be kept, as float32 at 48 kHz.

  Raises:
    InputError: there is no room for them.
  """
  seconds = info.frames / info.samplerate
  needed = 4 * info.channels * seconds * SAMPLE_RATE_HZ
  free = shutil.disk_usage(folder).free
  if needed > 0.9 * free:
    raise InputError(
      path,
      f"lasts {seconds / 3600:.1f} hours and takes {needed / 1e9:.1f} GB once "
      f"decoded, {free / 1e9:.1f} GB are free in {folder}",
      "cut it, free some space, or set TMPDIR to a larger folder",
    )


def _name(path: Path) -> Any:
  """A file's name as the system has it, which need not be text."""
  return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def _no_audio(path: Path, error: Exception) -> InputError:
  said = getattr(error, "error_string", error)
  return InputError(
    path, f"cannot be read as audio ({said})", "give a WAV, FLAC or MP3 file"
  )


def sample_blocks(path: Path) -> Iterator[np.ndarray]:
  """Yields float32 [samples, channel], checked to be finite."""
  with opened(path) as file:
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
  except (soundfile.SoundFileError, OSError) as error:
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
    rate_hz: the sample rate, to say when.

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
