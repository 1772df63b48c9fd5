"""Reads recording and music, checked, without holding them in memory."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from bgm2pose_jax.audio import ambisonics, audio_files
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError

RECORDING_CHANNELS, MUSIC_CHANNELS = 4, 2
MONO_NOTE = "is mono: both loudspeakers are taken to have played it"
_PIECE = 1 << 20


@contextlib.contextmanager
def decoded(
  path: Path,
  channels: int,
  rate_hz: int | None,
  order: str = ambisonics.DEFAULT_ORDER,
) -> Iterator[np.ndarray]:
  """Decodes a sound file into a temporary file that is read like an array.

  Args:
    path: WAV, FLAC, OGG or MP3.
    channels: how many it must have; music may be mono, and is then played by
      both loudspeakers.
    rate_hz: sample rate it must have; None resamples any usual one to 48 kHz.
    order: the order of a recording's channels, one of `ambisonics.ORDERS`.

  Yields:
    float32 [channels, samples] at 48 kHz; a recording W X Y Z.

  Raises:
    InputError: a file that cannot be read, another channel count or rate, NaN
      or infinite samples, digital silence.
  """
  info = audio_files.read_header(path, accepted(channels), rate_hz)
  resampler = None
  if info.samplerate != SAMPLE_RATE_HZ:
    resampler = soxr.ResampleStream(
      info.samplerate, SAMPLE_RATE_HZ, channels, dtype="float32", quality="VHQ"
    )
  frames = 0
  heard = np.zeros(channels, bool)
  audio_files.check_room(path, info, tempfile.gettempdir())
  with tempfile.TemporaryFile(prefix="bgm2pose-align-") as spool:
    for part in audio_files.sample_blocks(path):
      if part.shape[1] < channels:
        part = np.repeat(part, channels, axis=1)
      if channels == RECORDING_CHANNELS:
        part = ambisonics.in_order(part, order, axis=1)
      heard |= part.any(axis=0)
      if resampler is not None:
        part = resampler.resample_chunk(part)
      # Not `tofile`: its error does not say that the disk is full.
      spool.write(np.ascontiguousarray(part, np.float32).data)
      frames += len(part)
    if resampler is not None:
      empty = np.zeros((0, channels), np.float32)
      part = resampler.resample_chunk(empty, last=True)
      spool.write(np.ascontiguousarray(part, np.float32).data)
      frames += len(part)
    _check_heard(path, channels, heard)
    spool.flush()
    samples = np.memmap(spool, np.float32, "r", shape=(frames, channels))
    yield samples.T


def accepted(channels: int) -> tuple[int, ...]:
  """Channel counts that a file of so many may have: music may be mono."""
  return (1, channels) if channels == MUSIC_CHANNELS else (channels,)


def header_warnings(*paths: Path) -> list[str]:
  """What a person should know of how headers are read, a sentence each.

  Args:
    paths: files that are given to `decoded`.

  Raises:
    InputError: truncated.
  """
  return [
    found
    for found in map(audio_files.header_remark, paths)
    if found is not None
  ]


def music_notes(path: Path) -> list[str]:
  """Notes on how music is taken, a sentence each.

  Args:
    path: music that is given to `decoded`.

  Raises:
    InputError: as `decoded`, of the header alone.
  """
  info = audio_files.read_header(path, accepted(MUSIC_CHANNELS), None)
  return [f"{path} {MONO_NOTE}"] if info.channels == 1 else []


def _check_heard(path: Path, channels: int, heard: np.ndarray) -> None:
  if not heard.any():
    raise InputError(
      path, "is digital silence", "give the file that has the sound"
    )
  # One loudspeaker may be off on purpose; a microphone without one of its
  # channels is broken.
  if channels == RECORDING_CHANNELS and not heard.all():
    name = ambisonics.CHANNELS[int(np.argmin(heard))]
    raise InputError(
      path,
      f"channel {name} is digital silence",
      "give a recording with all four channels W X Y Z",
    )


def resampled(sound: np.ndarray, rate_hz: int) -> np.ndarray:
  """Another sample rate, piece by piece.

  Args:
    sound: [channel, samples] at 48 kHz, an array or a mapped file.
    rate_hz: rate wanted.

  Returns:
    float32 [channel, samples].
  """
  stream = soxr.ResampleStream(
    SAMPLE_RATE_HZ, rate_hz, len(sound), dtype="float32"
  )
  samples = sound.shape[1]
  # Filled in place: pieces and a whole at once would take the memory twice.
  out = np.zeros(
    (len(sound), math.ceil(samples * rate_hz / SAMPLE_RATE_HZ)), np.float32
  )
  end = 0
  for low in range(0, samples, _PIECE):
    piece = np.ascontiguousarray(sound[:, low : low + _PIECE].T, np.float32)
    part = stream.resample_chunk(piece, last=low + _PIECE >= samples)
    part = part.reshape(-1, len(sound))[: out.shape[1] - end]
    out[:, end : end + len(part)] = part.T
    end += len(part)
  return out
