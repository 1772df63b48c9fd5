"""Puts a pose track on the recording's clock by a clap or a jump.

The music is subtracted from the recording with the room's fitted response;
what is left, its sudden rises are compared with the moments at which hands meet
or feet hit the floor.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import scipy.ndimage
import scipy.signal

from bgm2pose_jax import poses
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.whole_file import write_text
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.align import response, sounds, spectra
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment
from bgm2pose_jax.systems.bgm2pose.align.spectra import RATE_HZ, Clocks

POSE_RATE_HZ = 120.0
# Onsets and impacts are compared at four times the rate of the poses.
EVENT_RATE_HZ = 480
_HOP = RATE_HZ // EVENT_RATE_HZ
# A jump thumps, a clap cracks.
_BANDS_HZ = ((60.0, 400.0), (600.0, 9000.0))
_BEFORE_HOPS = 12
_ONSET_DB = (10.0, 40.0)
# Hip to spine in metres, to tell the file's unit.
_HIP_SPINE_M = 0.0921
_SPEED_FRAMES = 3
_HANDS_M = 0.35
# Change of speed in m/s: nothing below the first, no more above the second.
_IMPACT_M_S = (0.8, 3.0)
_BLUR_S = 0.006
_APART_S = 0.08
_SHORTEST_OVERLAP_S = 5.0
# The best lag may be this much better than the next, and stand out by this
# many standard deviations.
_LEAST_CONFIDENCE = 0.25
_LEAST_SCORE = 8.0


@dataclasses.dataclass(frozen=True)
class PoseLag:
  """When the pose track begins.

  Attributes:
    lag_s: time in the recording of the first pose; negative when the capture
      began earlier. The way of the sound from person to microphone, some
      4 ms, is in it.
    confidence: one minus the next best lag's correlation over this one's.
    score: height of the correlation's peak in its standard deviations.
    impacts_s: times in the recording of the impacts that were compared.
  """

  lag_s: float
  confidence: float
  score: float
  impacts_s: tuple[float, ...]


def impact_strength(positions: np.ndarray) -> np.ndarray:
  """How hard hands meet or feet hit the floor, 0 to 1 per frame.

  Args:
    positions: [time, 21, 3] at 120 frames a second, y up, in any unit.
  """
  hips, spine = (positions[:, BODY21.index(j)] for j in ("Hips", "Spine"))
  unit = float(np.median(np.linalg.norm(spine - hips, axis=-1))) / _HIP_SPINE_M
  metres = positions.astype(np.float64) / max(unit, 1e-12)
  hands = np.linalg.norm(
    metres[:, BODY21.index("LeftHand")] - metres[:, BODY21.index("RightHand")],
    axis=-1,
  )
  feet = [
    metres[:, BODY21.index(side + name), 1]
    for side in ("Left", "Right")
    for name in ("Foot", "ToeBase")
  ]
  low, high = _IMPACT_M_S
  out = np.zeros(len(metres))
  for way, near in (
    (hands, hands < _HANDS_M),
    *((f, f < np.quantile(f, 0.1) + 0.05) for f in feet),
  ):
    speed = np.gradient(scipy.ndimage.uniform_filter1d(way, 3)) * POSE_RATE_HZ
    before = np.roll(speed, _SPEED_FRAMES)
    after = np.roll(speed, -_SPEED_FRAMES)
    stop = np.where(near & (before < -low / 2), after - before, 0.0)
    stop[:_SPEED_FRAMES] = stop[-_SPEED_FRAMES:] = 0.0
    out = np.maximum(out, np.clip((stop - low) / (high - low), 0, 1))
  # Only the moment itself: the top of each rise.
  return np.where(out == scipy.ndimage.maximum_filter1d(out, 11), out, 0.0)


def onset_strength(sound: np.ndarray) -> np.ndarray:
  """How suddenly the sound rises, 0 to 1, `EVENT_RATE_HZ` times a second.

  Args:
    sound: [samples] at `spectra.RATE_HZ`.
  """
  count = len(sound) // _HOP
  total = np.zeros(count)
  for band in _BANDS_HZ:
    sos = scipy.signal.butter(2, band, "bandpass", fs=RATE_HZ, output="sos")
    part = np.asarray(scipy.signal.sosfilt(sos, sound))[: count * _HOP]
    level = np.square(part.reshape(count, _HOP)).mean(1)
    floor = 1e-2 * float(np.median(level)) + 1e-20
    decibel = 10 * np.log10(level + floor)
    # Over the loudest of the 25 ms before: steady fluctuation is no onset.
    past = scipy.ndimage.maximum_filter1d(
      decibel, _BEFORE_HOPS, origin=(_BEFORE_HOPS - 1) // 2
    )
    rise = decibel - np.concatenate([past[:1], past[:-1]])
    low, high = _ONSET_DB
    total = np.maximum(total, np.clip((rise - low) / (high - low), 0, 1))
  return total


def without_music(
  recording: np.ndarray, music: np.ndarray, found: Alignment
) -> np.ndarray:
  """What is left of W when the music is subtracted, [samples] at 24 kHz.

  Args:
    recording: [4, samples] at 48 kHz.
    music: [2, samples] at 48 kHz.
    found: how the music lies in it.
  """
  sound = sounds.resampled(recording[:1], RATE_HZ)
  played = sounds.resampled(music, RATE_HZ)
  clocks = Clocks(found.offset_s, found.drift_ppm)
  placed = spectra.place_music(played, clocks, sound.shape[1])
  sums = response.sum_products(sound, placed, response.quiet_power(placed))
  taps = response.fit_response(sums).impulse()[0]
  half = spectra.BLOCK // 2
  # Taps before the line come first.
  taps = np.roll(taps, half)
  left = sound[0].astype(np.float64)
  for part, tap in zip(placed, taps):
    whole = scipy.signal.oaconvolve(part, tap)
    left -= whole[half : half + len(left)]
  return left


def find_lag(
  sound: np.ndarray, positions: np.ndarray, where: object
) -> PoseLag:
  """Compares a sound without music with a pose track.

  Args:
    sound: [samples] at `spectra.RATE_HZ`.
    positions: [time, 21, 3] at 120 frames a second.
    where: names the poses in errors.

  Returns:
    The lag.

  Raises:
    InputError: no impact in the poses, or none that stands out in the sound.
  """
  impact = impact_strength(positions)
  if not impact.any():
    raise InputError(
      where,
      "hands never meet and feet never hit the floor hard",
      "clap or jump once at the beginning, or align the poses by hand",
    )
  event = np.zeros(len(impact) * EVENT_RATE_HZ // int(POSE_RATE_HZ))
  event[:: EVENT_RATE_HZ // int(POSE_RATE_HZ)] = impact
  blur = _BLUR_S * EVENT_RATE_HZ
  event = scipy.ndimage.gaussian_filter1d(event, blur, mode="constant")
  onset = scipy.ndimage.gaussian_filter1d(
    onset_strength(sound), blur, mode="constant"
  )
  likeness = scipy.signal.correlate(onset, event, "full", "fft")
  lags = scipy.signal.correlation_lags(len(onset), len(event), "full")
  shared = np.minimum(len(onset), lags + len(event)) - np.maximum(0, lags)
  least = min(
    _SHORTEST_OVERLAP_S * EVENT_RATE_HZ, 0.5 * min(len(onset), len(event))
  )
  likeness = np.where(shared >= least, likeness, 0.0)
  at = int(np.argmax(likeness))
  apart = round(_APART_S * EVENT_RATE_HZ)
  others = likeness.copy()
  others[max(at - apart, 0) : at + apart + 1] = 0
  best = float(likeness[at])
  confidence = 1 - float(others.max(initial=0.0)) / best if best > 0 else 0.0
  score = (best - float(likeness.mean())) / (float(likeness.std()) + 1e-30)
  if confidence < _LEAST_CONFIDENCE or score < _LEAST_SCORE:
    raise InputError(
      where,
      "no clap or jump stands out in the recording (the next best lag is"
      f" {1 - confidence:.0%} as good)",
      "align the poses by hand",
    )
  before, here, after = likeness[at - 1 : at + 2]
  bend = before - 2 * here + after
  shift = 0.5 * (before - after) / bend if bend else 0.0
  # A hop's energy is that of its middle.
  lag_s = (float(lags[at]) + shift + 0.5) / EVENT_RATE_HZ
  times = np.flatnonzero(impact) / POSE_RATE_HZ + lag_s
  return PoseLag(lag_s, confidence, score, tuple(map(float, times)))


def align_poses(
  path: Path, recording: np.ndarray, music: np.ndarray, found: Alignment
) -> PoseLag:
  """Aligns a pose file with a recording.

  Args:
    path: CSV with columns <Joint>_x,_y,_z at 120 frames a second.
    recording: [4, samples] at 48 kHz.
    music: [2, samples] at 48 kHz.
    found: how the music lies in the recording.

  Returns:
    The lag.

  Raises:
    InputError: a file that cannot be read, or no clear clap or jump.
  """
  positions = poses.read_position_csv(path, POSE_RATE_HZ)
  return find_lag(without_music(recording, music, found), positions, path)


def table(lag: PoseLag) -> str:
  """Lines for the terminal."""
  return (
    f"poses begin at     {lag.lag_s:+.4f} s of the recording, to about 0.01 s\n"
    f"confidence         {lag.confidence:.2f}, {lag.score:.0f} standard"
    f" deviations, {len(lag.impacts_s)} claps or landings"
  )


def write(folder: Path, lag: PoseLag) -> Path:
  """Writes `poses.json` and returns its path."""
  path = folder / "poses.json"
  values = dataclasses.asdict(lag)
  values["lag_samples"] = lag.lag_s * SAMPLE_RATE_HZ
  write_text(path, json.dumps(values, indent=1) + "\n")
  return path
