"""A track's music at the microphone's rate."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import soxr
from absl import logging

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError

MUSIC_CHANNELS = 2
# Mono music is played by both loudspeakers.
ACCEPTED_CHANNELS = (1, MUSIC_CHANNELS)


def unread_music(sound: Path, track: str) -> str:
  """Names music of a track whose format is not read; empty for none.

  Args:
    sound: the folder of the sound.
    track: its token.
  """
  begin = f"{track}_input."
  try:
    names = sorted(n for n in os.listdir(sound) if n.startswith(begin))
  except OSError:
    return ""
  if not names:
    return ""
  return f" ({', '.join(names[:3])}: WAV, FLAC, OGG and MP3 are read)"


class TrackMusic:
  """A track's music at the microphone's rate, read from any position.

  Music of another rate, and formats in which seeking is not exact, are decoded
  once into a temporary file that vanishes with this object.
  """

  def __init__(self, path: Path | None, track: str, sound: Path):
    if path is None:
      raise InputError(
        sound / f"{track}_input.WAV",
        f"the music of track {track} is missing{unread_music(sound, track)}",
        "add it as <track>_input.WAV or <track>_input.mp3, stereo or mono",
      )
    self.path = path
    info = audio_files.read_header(path, ACCEPTED_CHANNELS, None)
    if info.channels == 1:
      logging.warning(
        "%s is mono: both loudspeakers are taken to have played it", path
      )
    audio_files.check_room(path, info, tempfile.gettempdir())
    # Digital silence, NaN and truncation are found here, once per track, not
    # in the middle of the third recording.
    self._spool = tempfile.TemporaryFile(prefix="bgm2pose-music-")  # noqa: SIM115
    self.frames = self._decode(info.samplerate)
    self._samples: np.ndarray | None = np.memmap(
      self._spool, np.float32, "r", shape=(self.frames, MUSIC_CHANNELS)
    )

  def __enter__(self) -> TrackMusic:
    return self

  def __exit__(self, *unused: object) -> None:
    self._samples = None
    self._spool.close()

  def read(self, start: int, count: int) -> np.ndarray:
    """Returns float32 [2, count]; zeros beyond the end."""
    if self._samples is None:
      raise ValueError("the music was closed")
    part = np.array(self._samples[start : start + count].T, np.float32)
    return np.pad(part, ((0, 0), (0, count - part.shape[1])))

  def _decode(self, rate_hz: int) -> int:
    resampler = None
    if rate_hz != audio_files.SAMPLE_RATE_HZ:
      resampler = soxr.ResampleStream(
        rate_hz, audio_files.SAMPLE_RATE_HZ, MUSIC_CHANNELS, dtype="float32"
      )
      logging.info(
        "%s: resampled from %d to %d Hz",
        self.path,
        rate_hz,
        audio_files.SAMPLE_RATE_HZ,
      )
    loudest, frames = 0.0, 0
    parts = audio_files.sample_blocks(self.path)
    part = next(parts, None)
    while part is not None:
      following = next(parts, None)
      if part.shape[1] < MUSIC_CHANNELS:
        part = np.repeat(part, MUSIC_CHANNELS, axis=1)
      loudest = max(loudest, float(np.abs(part).max(initial=0.0)))
      if resampler is not None:
        part = resampler.resample_chunk(part, last=following is None)
      self._keep(np.ascontiguousarray(part, np.float32))
      frames += len(part)
      part = following
    if not loudest:
      raise InputError(
        self.path, "is digital silence", "give the music that was played"
      )
    return frames

  def _keep(self, part: np.ndarray) -> None:
    try:
      # Not `tofile`, which does not say why it could not write.
      self._spool.write(part.data)
      self._spool.flush()
    except OSError as error:
      raise InputError(
        tempfile.gettempdir(),
        f"has no room for the decoded music of {self.path} ({error.strerror})",
        "free some room, or name another folder by TMPDIR",
      ) from None
