"""Sound for streams, and a source that hands it out as a test wishes."""

from __future__ import annotations

import functools
import time

import numpy as np
import scipy.signal
import soundfile
from absl import flags

from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.stream import command_flags, session
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import Piece, SoundQueue

RATE_HZ = 48000


@functools.cache
def sound(seconds: float) -> tuple[np.ndarray, np.ndarray]:
  """A recording [4, n] of noise as music [2, n] in a small echo."""
  rng = np.random.default_rng(0)
  count = round(seconds * RATE_HZ)
  music = rng.normal(size=(2, count)).astype(np.float32) * 0.1
  room = rng.normal(size=(4, 2, 2000)) * np.exp(-np.arange(2000) / 400) * 0.1
  heard = sum(
    scipy.signal.fftconvolve(music[i][None], room[:, i], axes=1)[:, :count]
    for i in range(2)
  )
  return (heard + rng.normal(size=(4, count)) * 3e-3).astype("f4"), music


class Source:
  """A source whose sound is there at once, in pieces of odd lengths."""

  name = "test"

  def __init__(self, recording: np.ndarray, *, patient: bool = True):
    self.queue = SoundQueue(longest_s=1e6)
    self.samples = recording.shape[1]
    self.is_patient = patient
    self.notes: list[str] = []
    rng = np.random.default_rng(1)
    low = 0
    while low < recording.shape[1]:
      part = recording[:, low : low + int(rng.integers(1, 3000))]
      low += part.shape[1]
      due_s = np.inf if patient else time.monotonic()
      self.queue.put(Piece(part, time.monotonic(), due_s))
    self.queue.close()


class Run:
  """What a session said, after it ran."""

  def __init__(self, model, music, source, settings, line):
    self.frames, self.late, self.told, self.begun = [], [], [], []
    self.session = session.Session(
      model,
      music,
      source,
      settings,
      begin=lambda facts, first: self.begun.append((facts, first)),
      emit=self._emit,
      tell=self.told.append,
    )
    self.session.run(line)

  def _emit(self, frames, late):
    self.frames += frames
    self.late += late

  @property
  def pose(self) -> np.ndarray:
    return np.stack([frame.pose for frame in self.frames])


class Clock:
  """Time that passes when a test says so."""

  now = 1000.0

  def monotonic(self):
    return self.now


clock = Clock()


class SlowModel(MusicModel):
  """A network that needs longer than there is time."""

  def predict(self, features, rows):
    clock.now += 0.9
    return super().predict(features, rows)


def flag_values(run, tmp_path, **given):
  """The command's flags, for five seconds of sound in files."""
  recording, music = sound(5.0)
  paths = {"input": recording, "music": music}
  for name, value in paths.items():
    paths[name] = tmp_path / f"{name}.wav"
    soundfile.write(paths[name], value.T, 48000, subtype="FLOAT")
  values = flags.FlagValues()
  command_flags.define_flags(values)
  chosen = {"checkpoint": run, "speed": 0, "offset_ms": 0} | paths | given
  values(["stream", *(f"--{name}={value}" for name, value in chosen.items())])
  return values
