"""A recording and its music on one clock, block by block."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import BLOCK_WINDOWS, Block
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES

FRAME_SAMPLES = 2400
# Alignment finds when the direct sound arrives. Recordings to learn from begin
# when it is sent, some 3 m away, and a response that begins at once would have
# no room for what a fractional delay rings before it.
FLIGHT_MS = 9.0


def sent_at(arrival_samples: float, flight_ms: float = FLIGHT_MS) -> float:
  """When music that arrived at some sample was sent.

  Args:
    arrival_samples: sample of the recording, at 48 kHz.
    flight_ms: the sound's way from the nearer loudspeaker.
  """
  return arrival_samples - flight_ms * SAMPLE_RATE_HZ / 1000


@dataclasses.dataclass(frozen=True, eq=False)
class SoundPair:
  """What was recorded while the music played.

  Sample n of the recording holds the music at position
  (n - offset_samples) * (1 + drift_ppm / 1e6).

  Attributes:
    recording: float32 [4, samples] W X Y Z at 48 kHz, an array or a mapped
      file.
    music: float32 [2, samples] at 48 kHz.
    offset_samples: where the music begins in the recording.
    drift_ppm: how much faster the player's clock runs than the recorder's.
    where: names the recording in messages.
    gains: float32 [4, 1] that the recording's channels are multiplied by;
      None leaves them.
  """

  recording: np.ndarray
  music: np.ndarray
  offset_samples: float = 0.0
  drift_ppm: float = 0.0
  where: Any = "recording"
  gains: np.ndarray | None = None

  @property
  def first_sample(self) -> int:
    """Sample of the recording at which the first frame begins."""
    return max(0, math.ceil(self.offset_samples))

  @property
  def first_s(self) -> float:
    """Middle of the first frame, seconds after the recording's start."""
    return (self.first_sample + FRAME_SAMPLES / 2) / SAMPLE_RATE_HZ

  @property
  def frames(self) -> int:
    """Frames of 50 ms in which there are both recording and music."""
    end = self.offset_samples + self.music.shape[1] / (
      1 + self.drift_ppm * 1e-6
    )
    end = min(self.recording.shape[1], math.floor(end))
    return max(0, (end - self.first_sample) // FRAME_SAMPLES)

  def check(self, window_frames: int) -> None:
    """Refuses a pair that is too short for one window.

    Raises:
      InputError: with what overlaps.
    """
    if self.frames < window_frames:
      raise InputError(
        self.where,
        f"has {self.frames * FRAME_SAMPLES / SAMPLE_RATE_HZ:.2f} s together "
        "with its music",
        f"a window takes {window_frames * FRAME_SAMPLES / SAMPLE_RATE_HZ:g} s: "
        "give a longer recording, or the right offset",
      )

  def blocks(self) -> Iterator[Block]:
    """Yields the sound in whole windows, the last filled up with silence."""
    samples = self.frames * FRAME_SAMPLES
    size = BLOCK_WINDOWS * WINDOW_SAMPLES
    for low in range(0, samples, size):
      used = min(size, samples - low)
      windows = -(-used // WINDOW_SAMPLES)
      yield Block(
        first_window=low // WINDOW_SAMPLES,
        windows=windows,
        audio=_filled(self._recorded(low, used), windows * WINDOW_SAMPLES),
        music=_filled(self._played(low, used), windows * WINDOW_SAMPLES),
      )

  def _recorded(self, low: int, count: int) -> np.ndarray:
    first = self.first_sample + low
    sound = np.asarray(self.recording[:, first : first + count], np.float32)
    return sound if self.gains is None else sound * self.gains

  def _played(self, low: int, count: int) -> np.ndarray:
    line = self.offset_samples, self.drift_ppm
    return played(self.music, *line, self.first_sample + low, count)


def played(
  music: np.ndarray,
  offset_samples: float,
  drift_ppm: float,
  first: int,
  count: int,
) -> np.ndarray:
  """The music that belongs to a stretch of a recording.

  Args:
    music: [2, samples] at 48 kHz.
    offset_samples: see `SoundPair`.
    drift_ppm: see `SoundPair`.
    first: sample of the recording at which a frame begins, not before the
      music does.
    count: samples, not beyond the music's end.

  Returns:
    float32 [2, count].
  """
  if drift_ppm == 0 and float(offset_samples).is_integer():
    # Nothing to interpolate: the samples as they are.
    first -= int(offset_samples)
    return np.asarray(music[:, first : first + count], np.float32)
  out = np.empty((len(music), count), np.float32)
  # Frame by frame, so that a stream gets the very same bits as a file: fitting
  # a room in float32 makes much of the last one.
  for low in range(0, count, FRAME_SAMPLES):
    size = min(FRAME_SAMPLES, count - low)
    moved = warp(music, offset_samples, drift_ppm, size, first + low)
    out[:, low : low + size] = moved
  return out


def _filled(sound: np.ndarray, samples: int) -> np.ndarray:
  sound = np.ascontiguousarray(sound)
  missing = samples - sound.shape[1]
  return np.pad(sound, ((0, 0), (0, missing))) if missing else sound
