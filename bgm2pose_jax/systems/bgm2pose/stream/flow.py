"""From sound that has come to poses, once it is known where the music lies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import (
  FRAME_SAMPLES,
  SoundPair,
)
from bgm2pose_jax.systems.bgm2pose.stream.frame_sound import FrameSound
from bgm2pose_jax.systems.bgm2pose.stream.latency import Figures
from bgm2pose_jax.systems.bgm2pose.stream.live_features import (
  LiveFeatures,
  make_room,
)
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line, LiveMusic
from bgm2pose_jax.systems.bgm2pose.stream.live_poses import LiveFrame, LivePoses
from bgm2pose_jax.systems.bgm2pose.stream.settings import Settings
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import CHANNELS

_TOLD_S = 1.0


def expected_pair(
  music: np.ndarray, line: Line, samples: int | None, where: object
) -> SoundPair:
  """A stream that is yet to come, as a pair.

  Args:
    music: [2, samples].
    line: where it lies.
    samples: the stream's length; None is until the music ends.
    where: names the stream.
  """
  if samples is None:
    samples = math.ceil(line.sample(music.shape[1]))
  # Of the recording only its length counts; it takes no memory.
  recording = np.broadcast_to(np.float32(0), (CHANNELS, max(samples, 0)))
  return SoundPair(recording, music, *line, where=where)


def make_parts(
  model: MusicModel, settings: Settings, pair: SoundPair
) -> tuple[LiveFeatures, LivePoses]:
  """What turns sound into features and features into poses, at the start."""
  room = None if settings.form is None else make_room(settings.form, pair)
  features = LiveFeatures(model.spec.name, settings.hop_frames, room)
  poses = LivePoses(
    model,
    hop_frames=settings.hop_frames,
    blend=settings.blend,
    statistics=settings.options.statistics or "training",
    track=settings.options.track,
  )
  return features, poses


class Flow:
  """Takes samples, hands out frames, and leaves windows out when it is late."""

  def __init__(
    self,
    parts: tuple[LiveFeatures, LivePoses],
    music: LiveMusic,
    first_sample: int,
    settings: Settings,
    figures: Figures,
    *,
    emit: Callable[[Sequence[LiveFrame], Sequence[float]], None],
    tell: Callable[[str], None],
  ):
    """Starts before the first frame.

    Args:
      parts: see `make_parts`.
      music: the music to go with the sound.
      first_sample: the stream's sample at which the first frame begins.
      settings: how late is too late.
      figures: counts.
      emit: takes frames and their latencies in ms, in order.
      tell: takes what a person should read, a line each.
    """
    self._features, self._poses = parts
    self.music = music
    self._first = first_sample
    self._max_lag_s = settings.max_lag_s
    hop_s = settings.hop_frames * FRAME_SAMPLES / SAMPLE_RATE_HZ
    self._caught_up_s = min(hop_s, settings.max_lag_s)
    self._figures, self._emit, self._tell = figures, emit, tell
    self._sound = FrameSound(first_sample, self._features.unit_frames)
    self._in = 0  # frames
    self._quiet_to = 0  # frames before it are not handed out
    self._has_begun = self._is_behind = False
    self._told_s, self._told_windows = 0.0, 0

  def add(
    self, samples: np.ndarray, end: int, arrived_s: float, due_s: float
  ) -> None:
    """Takes samples [4, n] that end before sample `end` of the stream."""
    self._sound.add(samples, end, arrived_s, due_s)

  def add_unsaid(self, samples: np.ndarray, end: int) -> None:
    """Takes samples of which statistics and room learn, without poses."""
    now = time.monotonic()
    frames = math.ceil((end - self._first) / FRAME_SAMPLES)
    self._quiet_to = max(0, frames)
    self.add(samples, end, now, now)

  @property
  def has_ended(self) -> bool:
    """Whether all sound has come for which there is music."""
    left = self._frames() - self._in
    return left < self._features.unit_frames and self._sound.frames >= left

  def step(self) -> bool:
    """Uses the next sound; False when there is not enough of it."""
    if self._in + self._features.unit_frames > self._frames():
      return False
    first, unit = self._sound.first, self._sound.next_unit()
    if unit is None:
      return False
    music = self.music.read(first, unit.shape[1])
    self._poses.push(self._features.push(unit, music))
    self._in += self._features.unit_frames
    self._windows()
    self._features.settle()
    return True

  def flush(self) -> None:
    """Hands out what was heard and not yet said."""
    first = self._sound.first
    rest = self._sound.rest(self._frames() - self._in)
    music = self.music.read(first, rest.shape[1])
    self._poses.push(self._features.flush(rest, music))
    self._windows()
    self._hand_out(self._poses.flush())

  def _frames(self) -> int:
    """Frames until the music ends."""
    return max(0, (self.music.end - self._first) // FRAME_SAMPLES)

  def _windows(self) -> None:
    while self._poses.is_due:
      self._hand_out(self._poses.step(skip=self._skips()))

  def _skips(self) -> bool:
    """Whether to leave the network out of the next window."""
    end = self._poses.next_end
    if end <= self._quiet_to:
      return True
    more = self._features.context_frames + self._poses.context
    _, due_s = self._sound.times(end - 1 + more)
    lag_s = time.monotonic() - due_s
    # Once behind it catches up for good, not to be late again at once.
    limit_s = self._caught_up_s if self._is_behind else self._max_lag_s
    self._is_behind = lag_s > limit_s
    if not self._is_behind:
      self._has_begun = True
    elif self._has_begun:
      self._figures.dropped_windows += 1
      self._tell_dropped(lag_s)
    else:
      # Still working off what was listened to.
      self._quiet_to = end
    return self._is_behind

  def _tell_dropped(self, lag_s: float) -> None:
    now = time.monotonic()
    if now - self._told_s >= _TOLD_S:
      count = self._figures.dropped_windows - self._told_windows
      self._told_s = now
      self._told_windows = self._figures.dropped_windows
      self._tell(f"{lag_s:.1f} s behind: {count} windows dropped")

  def _hand_out(self, frames: Sequence[LiveFrame]) -> None:
    shown = [f for f in frames if f.number >= self._quiet_to]
    if shown:
      now = time.monotonic()
      late = [(now - self._sound.times(f.number)[0]) * 1e3 for f in shown]
      for frame, ms in zip(shown, late):
        if frame.pose is None:
          self._figures.dropped_frames += 1
        else:
          self._figures.late(ms)
      self._emit(shown, late)
    if frames:
      self._sound.forget(frames[-1].number)


def warm_up(model: MusicModel, settings: Settings) -> None:
  """Compiles every program of a stream, before its first sample is due."""
  silence = np.zeros((2, 2 * SAMPLE_RATE_HZ), np.float32)
  pair = expected_pair(silence, Line(0.0, 0.0), None, "warm-up")
  features, poses = make_parts(model, settings, pair)
  size = features.unit_frames * FRAME_SAMPLES
  sound = np.zeros((CHANNELS, size), np.float32)
  # Three seconds: the room is brought up to date once on the way.
  for _ in range(3 * SAMPLE_RATE_HZ // size):
    poses.push(features.push(sound, sound[:2]))
    features.settle()
    while poses.is_due:
      poses.step(skip=False)
