"""Recordings with something wrong with them, as tables of windows."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.ampl import recordings
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.still_room import (
  block_features,
  response_file,
  room_fit,
)
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES

_RATE_HZ = recordings.audio_files.SAMPLE_RATE_HZ
# (recording [4, s], music [2, s]) -> the same, disturbed
Disturbance = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def unchanged(recording: np.ndarray, music: np.ndarray):
  """As recorded."""
  return recording, music


def noise(snr_db: float) -> Disturbance:
  """White noise in all channels, so many dB below W."""

  def disturb(recording, music):
    level = np.sqrt(np.mean(recording[0] ** 2)) * 10 ** (-snr_db / 20)
    rng = np.random.default_rng(recording.shape[1])
    more = rng.standard_normal(recording.shape, np.float32)
    return recording + more * np.float32(level), music

  return disturb


def source(snr_db: float, turn_s: float = math.inf) -> Disturbance:
  """Noise from one place, so many dB below W: a fan, or something that moves.

  It falls 3 dB an octave above 100 Hz or so, as fans and streets do, comes
  from the height of the microphone (Y is up, as the simulator has it), and
  goes round it in `turn_s`.
  """

  def disturb(recording, music):
    count = recording.shape[1]
    rng = np.random.default_rng(count)
    bins = np.fft.rfft(rng.standard_normal(count))
    bins /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / _RATE_HZ), 100.0))
    sound = np.fft.irfft(bins, count)
    sound *= recording[0].std() / sound.std() * 10 ** (-snr_db / 20)
    angle = 1.0 + 2 * np.pi * np.arange(count) / (_RATE_HZ * turn_s)
    ones = np.ones(count)
    way = np.stack([ones, np.cos(angle), 0 * ones, np.sin(angle)])
    return recording + (way * sound).astype(np.float32), music

  return disturb


def gain(gain_db: float) -> Disturbance:
  """A microphone that is turned up or down."""
  factor = np.float32(10 ** (gain_db / 20))
  return lambda recording, music: (recording * factor, music)


def late(seconds: float) -> Disturbance:
  """Music that is taken to start later than it did."""

  def disturb(recording, music):
    shift = round(seconds * _RATE_HZ)
    moved = np.zeros_like(music)
    if shift >= 0:
      moved[:, shift:] = music[:, : music.shape[1] - shift]
    else:
      moved[:, :shift] = music[:, -shift:]
    return recording, moved

  return disturb


def drift(drift_ppm: float) -> Disturbance:
  """Music whose clock runs away from the recorder's."""

  def disturb(recording, music):
    moved = warp(music, 0.0, drift_ppm, music.shape[1])
    return recording, np.asarray(moved, np.float32)

  return disturb


@functools.lru_cache(maxsize=4)
def _poses(recording: RawRecording, music_frames: int, path: Path):
  return recordings.read_windows(recording, music_frames, path)


def read(recording: RawRecording):
  """A recording's sound and the labels and poses of its windows."""
  with TrackMusic(
    recording.music, recording.track, recording.wav.parent
  ) as music:
    windows = _poses(recording, music.frames, music.path)
    blocks = list(recordings.sound_blocks(recording.wav, music, len(windows)))
  sound = np.concatenate([block.audio for block in blocks], axis=1)
  played = np.concatenate([block.music for block in blocks], axis=1)
  return sound, played, windows


def in_blocks(sound: np.ndarray, music: np.ndarray) -> list[recordings.Block]:
  """Sound in the blocks that the dataset build reads."""
  size = WINDOW_SAMPLES
  most = recordings.BLOCK_WINDOWS
  found = []
  for first in range(0, sound.shape[1] // size, most):
    cut = slice(first * size, (first + most) * size)
    count = sound[:, cut].shape[1] // size
    found.append(recordings.Block(first, count, sound[:, cut], music[:, cut]))
  return found


def response_of(chosen: Sequence[RawRecording]) -> str:
  """Writes the static response of recordings; returns the file's name."""
  sounds = [in_blocks(*read(recording)[:2]) for recording in chosen]
  found = room_fit.fit(*(lambda blocks=blocks: blocks for blocks in sounds))
  folder = Path(tempfile.mkdtemp(prefix="response-"))
  response_file.write(folder / "room.npz", np.asarray(found.taps))
  return str(folder / "room.npz")


def table(
  chosen: Sequence[RawRecording],
  feature_set: str,
  static: Sequence[str],
  disturb: Disturbance,
) -> MusicWindows:
  """Windows of recordings, disturbed, as the dataset build would make them.

  Args:
    chosen: the recordings.
    feature_set: name of the feature set.
    static: what each recording's static response is learnt from.
    disturb: what is wrong with them.
  """
  named = features.get_feature_set(feature_set)
  maps, poses, valid, has_pose = [], [], [], []
  for recording, form in zip(chosen, static):
    sound, music, windows = read(recording)
    blocks = in_blocks(*disturb(sound, music))
    stream = block_features.stream(
      lambda blocks=blocks: blocks, feature_set, StaticForm.parse(form)
    )
    frames = np.concatenate(list(stream))
    shape = (-1, named.spec.window_frames, *frames.shape[1:])
    maps.append(frames.reshape(shape))
    poses.append(windows.pose)
    valid.append(windows.valid)
    has_pose.append(windows.has_pose)
  counts = [len(part) for part in maps]
  number = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
  people = list(dict.fromkeys(r.subject for r in chosen))
  tracks = list(dict.fromkeys(r.track for r in chosen))
  who = np.array([people.index(r.subject) for r in chosen], np.int32)
  what = np.array([tracks.index(r.track) for r in chosen], np.int32)
  zeros = np.zeros(len(number), np.int32)
  return MusicWindows(
    features=np.concatenate(maps),
    pose=np.concatenate(poses),
    subject=who[number],
    track=what[number],
    genre=zeros,
    recording=number,
    label=zeros,
    window_index=np.concatenate([np.arange(n) for n in counts]).astype(
      np.int32
    ),
    valid=np.concatenate(valid),
    has_pose=np.concatenate(has_pose),
    subjects=tuple(people),
    tracks=tuple(tracks),
    genres=("any",),
    recordings=tuple(r.name for r in chosen),
    labels=("any",),
    spec=named.spec,
    simulated=True,
    fingerprint="",
  )
