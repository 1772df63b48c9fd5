"""Simulated recordings of which start and drift of the music are known."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.fft
import soxr

from bgm2pose_jax.simulate import diffuse_tail, motion, music, recorder
from bgm2pose_jax.simulate.scene import Scene, Tail
from bgm2pose_jax.systems.bgm2pose.simulated import music_folder

RATE_HZ = 48000
# Silence around the music for a fractional delay to ring in.
_MARGIN = 2048
_BODY_RATE_HZ = 120.0
# Of the noise before a strange recording, against the recording.
_PREFIX_DB = -50.0
# Metres that microphone and loudspeakers are moved by, at most.
_MIC_SHIFT_M = (0.3, 0.15, 0.3)
_SPEAKER_SHIFT_M = (0.2, 0.15, 0.2)


@dataclasses.dataclass(frozen=True)
class Plan:
  """What the cases have in common.

  Attributes:
    seconds: length of every recording.
    longest_offset_s: the music begins 0 s to this after the recording.
    largest_drift_ppm: the largest drift between the two clocks, either way.
    snr_db: recording over noise in W.
    body_every: every so many cases a person moves in the room; 0 for none.
  """

  seconds: float = 60.0
  longest_offset_s: float = 30.0
  largest_drift_ppm: float = 100.0
  snr_db: float = 10.0
  body_every: int = 0


@dataclasses.dataclass(frozen=True)
class Case:
  """A recording and the truth about it.

  Attributes:
    name: a name that says its track and what is special about it.
    recording: float32 [4, samples].
    music: float32 [2, samples], what was played.
    offset_samples: where the nearer loudspeaker's sound begins.
    drift_ppm: the drift of the player over the recorder.
  """

  name: str
  recording: np.ndarray
  music: np.ndarray
  offset_samples: float
  drift_ppm: float


def load_tracks(music_dir: str | None, seconds: float) -> dict[str, np.ndarray]:
  """Music by name, float32 [2, samples] at 48 kHz.

  Args:
    music_dir: folder of audio files; None for the embedded pieces.
    seconds: length of the embedded pieces.
  """
  if music_dir is None:
    return {name: music.compose(name, seconds) for name in music.COMPOSED}
  found = music_folder.read(pathlib.Path(music_dir))
  return {
    name: music.load_music(track.path)
    for name, track in found.items()
    if track.path is not None
  }


def on_recorders_clock(
  sound: np.ndarray, offset_samples: float, drift_ppm: float, samples: int
) -> np.ndarray:
  """The music as a recorder with another clock hears it, by soxr and FFT.

  Args:
    sound: float32 [2, samples].
    offset_samples: where it begins.
    drift_ppm: the drift of the player over the recorder.
    samples: length of the result.
  """
  ratio = 1 + drift_ppm * 1e-6
  moved = soxr.resample(
    sound.T.astype(np.float64), RATE_HZ * ratio, RATE_HZ, quality="VHQ"
  ).T
  whole = math.floor(offset_samples)
  if offset_samples != whole:
    size = moved.shape[1] + 2 * _MARGIN
    size = int(scipy.fft.next_fast_len(size, real=True) or size)
    end = size - moved.shape[1] - _MARGIN
    padded = np.pad(moved, ((0, 0), (_MARGIN, end)))
    turn = np.exp(
      -2j * np.pi * np.fft.rfftfreq(size) * (offset_samples - whole)
    )
    moved = np.fft.irfft(np.fft.rfft(padded) * turn, size)
    whole -= _MARGIN
  out = np.zeros((2, samples), np.float32)
  low, high = max(0, whole), min(samples, whole + moved.shape[1])
  out[:, low:high] = moved[:, low - whole : high - whole]
  return out


def strange(
  recording: np.ndarray, before_s: float, drift_ppm: float, seed: int = 0
) -> np.ndarray:
  """A recording by a recorder that started earlier and runs otherwise.

  Args:
    recording: float32 [4, samples].
    before_s: how much earlier; white noise until the recording begins.
    drift_ppm: how much faster the player's clock then seems to run.
    seed: the seed of the noise.
  """
  ratio = 1 / (1 + drift_ppm * 1e-6)
  moved = soxr.resample(
    recording.T.astype(np.float64),
    RATE_HZ,
    RATE_HZ * ratio,
    quality="VHQ",
  ).T
  level = np.sqrt(np.mean(recording**2)) * 10 ** (_PREFIX_DB / 20)
  rng = np.random.default_rng(seed)
  noise = level * rng.standard_normal((4, round(before_s * RATE_HZ)))
  return np.concatenate([noise, moved], axis=1).astype(np.float32)


def make_case(
  plan: Plan, tracks: dict[str, np.ndarray], number: int, seed: int = 0
) -> Case:
  """Simulates case `number`: track, place, room, clocks and noise are drawn.

  Args:
    plan: what is common.
    tracks: music by name.
    number: the number of the case.
    seed: the seed of all cases.
  """
  rng = np.random.default_rng([seed, number])
  names = sorted(tracks)
  name = names[number % len(names)]
  drift_ppm = rng.uniform(-1, 1) * plan.largest_drift_ppm
  offset = rng.uniform(0, 1) * plan.longest_offset_s * RATE_HZ
  samples = round(plan.seconds * RATE_HZ)
  # Only what can be heard need be moved.
  played = tracks[name]
  sound = on_recorders_clock(
    played[:, : samples + RATE_HZ], offset, drift_ppm, samples
  )
  scene = _scene(plan, rng)
  body = plan.body_every > 0 and number % plan.body_every == 0
  positions = None
  if body:
    style = motion.subject_style(f"person {number}", seed)
    positions = motion.perform(style, plan.seconds, rng).positions_m
    name += ", person"
  recording = recorder.render(
    scene, sound, positions, _BODY_RATE_HZ, seed=int(rng.integers(1 << 30))
  )
  delay = float(diffuse_tail.direct_delay_s(scene).min()) * RATE_HZ
  return Case(name, recording, played, offset + delay, drift_ppm)


def _scene(plan: Plan, rng: np.random.Generator) -> Scene:
  """The default room with everything moved a little, and late reverberation."""
  plain = Scene()

  def near(
    place: Sequence[float], shift: Sequence[float]
  ) -> tuple[float, float, float]:
    moved = np.asarray(place) + rng.uniform(-1, 1, 3) * np.asarray(shift)
    return (float(moved[0]), float(moved[1]), float(moved[2]))

  tail = Tail(t60_s=float(rng.uniform(0.3, 0.6)), level_db=-3.0)
  return dataclasses.replace(
    plain,
    mic_m=near(plain.mic_m, _MIC_SHIFT_M),
    speakers_m=tuple(near(s, _SPEAKER_SHIFT_M) for s in plain.speakers_m),
    reflection=float(rng.uniform(0.5, 0.8)),
    axes="facing_speakers",
    tail=tail,
    noise=("white", "room")[int(rng.integers(2))],
    snr_db=plan.snr_db,
  )
