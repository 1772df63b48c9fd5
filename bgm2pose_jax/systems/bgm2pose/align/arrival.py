"""The direct sound in a room's impulse response: when, how, from where."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import scipy.fft
import scipy.signal

from bgm2pose_jax.systems.bgm2pose.align.response import (
  FOLDS,
  Response,
  Sums,
  all_but,
  fit_response,
  sum_products,
)
from bgm2pose_jax.systems.bgm2pose.align.spectra import (
  BLOCK,
  FREQS_HZ,
  RATE_HZ,
  block_middles_s,
)

# The direct sound is the first peak of at least this share of the highest: a
# person in its way takes some 8 dB of it, and reflections may pass.
_SHARE = 0.4
_OVERSAMPLED = 8
# A loudspeaker with a direct sound this far below the other's is not playing.
_UNHEARD = 0.2
# Around the line, s.
_BEFORE_S, _AFTER_S = 0.02, 0.03
# Peaks closer than this are one pulse, s.
_PULSE_S = 2.5e-4
# Where the response is this much larger than its own error, it is used.
_TRUST = 3.0
_NARROWEST_HZ = 1500.0
# Reflections close by tilt the peak; in simulated rooms by about this share of
# the pulse's width (one over the highest frequency used).
_TILT = 0.03
_FEWEST_BLOCKS = 6

# Axes of the microphone that may point to the left of someone who looks from
# it to the loudspeakers.
LEFT_AXES = ("+X", "-X", "+Y", "-Y", "+Z", "-Z")
# Direct sounds this close along that axis say nothing, re W.
_LEAST_ASIDE = 0.03
# Channels whose difference has less than this share of the power are one.
_MONO_SHARE = 1e-6


@dataclasses.dataclass(frozen=True)
class Arrival:
  """Direct sound of one loudspeaker, or of both where they are one.

  Attributes:
    name: `left`, `right`, or `both` where they cannot be told apart.
    delay_s: after the line.
    polarity: 1, or -1 where the pressure is the wrong way round.
    height: the height of its peak in W.
    direction: [3] X, Y, Z over W at the peak.
    direction_se: the largest standard error of these; infinite where nobody
      measured it.
  """

  name: str
  delay_s: float
  polarity: int
  height: float
  direction: np.ndarray
  direction_se: float = math.inf


def band_taper(sums: Sums) -> np.ndarray:
  """Smooth weights over frequency that keep what is known of W's response.

  Returns:
    float64 [bins]: one up to half of the highest frequency at which the folds
    agree on the response, then falling to zero like a cosine.
  """
  folds = np.stack(
    [fit_response(sums, all_but(fold)).spectrum[0, 0] for fold in range(FOLDS)]
  )
  mean = folds.mean(0)
  # Jackknife: folds that leave one out differ by less than folds alone would.
  error = np.square(np.abs(folds - mean)).sum(0) * (FOLDS - 1) / FOLDS
  edges = np.arange(0, FREQS_HZ[-1], 500.0)
  top = _NARROWEST_HZ
  for low, high in itertools.pairwise(edges):
    band = slice(*np.searchsorted(FREQS_HZ, (low, high)))
    if np.square(np.abs(mean[band])).sum() > _TRUST * error[band].sum():
      top = max(top, float(high))
  ramp = np.clip((FREQS_HZ - top / 2) / (top / 2), 0, 1)
  return 0.5 + 0.5 * np.cos(np.pi * ramp)


def find_arrivals(response: Response, taper: np.ndarray) -> list[Arrival]:
  """Direct sound of left and right, or of the mid alone.

  Args:
    response: the response of W alone or of W, X, Y, Z.
    taper: the taper from `band_taper`.

  Returns:
    Two arrivals; one where the music's channels are too alike, or where only
    one of them is played.
  """
  mid, side = np.moveaxis(response.spectrum * taper, 1, 0)
  # mid and side are half sum and half difference of left and right:
  # H_l L + H_r R = (H_l + H_r) mid + (H_l - H_r) side.
  shares = {"left": (mid + side) / 2, "right": (mid - side) / 2}
  if not response.has_side:
    shares = {"both": mid}
  found = [_direct(name, _oversampled(h)) for name, h in shares.items()]
  loudest = max(a.height for a in found)
  return [a for a in found if a.height >= _UNHEARD * loudest]


def _oversampled(spectrum: np.ndarray) -> np.ndarray:
  """Impulse response [channel, samples] around the line."""
  size = BLOCK * _OVERSAMPLED
  taps = np.asarray(scipy.fft.irfft(spectrum, size)) * _OVERSAMPLED
  rate = RATE_HZ * _OVERSAMPLED
  before, after = round(_BEFORE_S * rate), round(_AFTER_S * rate)
  return np.concatenate([taps[:, -before:], taps[:, :after]], axis=1)


def _direct(name: str, taps: np.ndarray) -> Arrival:
  """First strong peak of W, and the other channels there."""
  rate = RATE_HZ * _OVERSAMPLED
  size = np.abs(taps[0])
  peaks, _ = scipy.signal.find_peaks(
    size, height=_SHARE * size.max(), distance=round(_PULSE_S * rate)
  )
  at = int(peaks[0]) if len(peaks) else int(np.argmax(size))
  at = min(max(at, 1), len(size) - 2)
  before, here, after = taps[0, at - 1 : at + 2]
  bend = before - 2 * here + after
  shift = 0.5 * (before - after) / bend if bend else 0.0
  return Arrival(
    name,
    (at + shift) / rate - _BEFORE_S,
    1 if here >= 0 else -1,
    float(size[at]),
    taps[1:4, at] / here if here else np.zeros(len(taps) - 1),
  )


def measure(sums: Sums, *, apart: bool = False) -> tuple[list[Arrival], float]:
  """Direct sounds, and the standard error of the first by jackknife.

  Args:
    sums: the sums of all blocks.
    apart: see `fit_response`.

  Returns:
    Arrivals as `find_arrivals` gives them, with the standard error of their
    directions, and s.
  """
  taper = band_taper(sums)
  found = find_arrivals(fit_response(sums, apart=apart), taper)
  firsts, ways = [], {a.name: [] for a in found}
  for fold in range(FOLDS):
    others = find_arrivals(
      fit_response(sums, all_but(fold), apart=apart), taper
    )
    firsts.append(min(a.delay_s for a in others))
    for other in others:
      ways.setdefault(other.name, []).append(other.direction)
  spread = float(np.var(firsts)) * (FOLDS - 1)
  width_s = 1 / FREQS_HZ[taper > 0][-1]
  sure = [
    dataclasses.replace(a, direction_se=_direction_se(ways[a.name]))
    for a in found
  ]
  return sure, float(np.hypot(np.sqrt(spread), _TILT * width_s))


def _direction_se(ways: list[np.ndarray]) -> float:
  """Jackknife over the folds; infinite where one of them hears nothing."""
  if len(ways) < FOLDS or not ways[0].size:
    return math.inf
  return float(np.sqrt(np.var(ways, axis=0).max() * (FOLDS - 1)))


def largest_jump_s(
  sound: np.ndarray, placed: np.ndarray, quiet: float
) -> tuple[float, float]:
  """How far the direct sound moves between quarters of the recording.

  Recorders and computers lose samples. A response fitted to all of the
  recording then holds the direct sound twice, and every block fits it; fitted
  to quarters it holds each place by itself.

  Args:
    sound: float32 [channel, samples]; the first channel is used.
    placed: float32 [2, samples], on the fitted line.
    quiet: see `sum_products`.

  Returns:
    The largest jump from one quarter to the next, and the middle between them
    in the recording; zeros where there is too little music.
  """
  middles = block_middles_s(sound.shape[1])
  quarter = max(math.ceil(len(middles) / FOLDS), 1)
  sums = sum_products(sound[:1], placed, quiet, lambda n: n // quarter)
  taper = band_taper(sums)
  places = []
  for fold in np.flatnonzero(sums.count >= _FEWEST_BLOCKS):
    found = find_arrivals(fit_response(sums, [int(fold)]), taper)
    places.append((int(fold), max(found, key=lambda a: a.height).delay_s))
  jumps = [
    (b - a, float(middles[min(j * quarter, len(middles) - 1)]))
    for (_, a), (j, b) in itertools.pairwise(places)
  ]
  return max(jumps, key=lambda jump: abs(jump[0]), default=(0.0, 0.0))


def is_mono(music: np.ndarray) -> bool:
  """Whether both channels are the same, to -60 dB.

  Args:
    music: [2, samples].
  """
  apart, total = 0.0, 0.0
  for low in range(0, music.shape[1], 1 << 20):
    part = np.asarray(music[:, low : low + (1 << 20)], np.float64)
    apart += float(np.square(part[0] - part[1]).sum())
    total += float(np.square(part).sum())
  return apart <= _MONO_SHARE * total


def left_and_right(arrivals: list[Arrival], left: str) -> str:
  """Whether the left channel comes from the left.

  Args:
    arrivals: the arrivals from `measure`.
    left: one of `LEFT_AXES`.

  Returns:
    `as expected`, `swapped` or `unclear`.
  """
  if len(arrivals) < 2:
    return "unclear"
  sign = 1 if left[0] == "+" else -1
  axis = "XYZ".index(left[1])
  aside = sign * (arrivals[0].direction[axis] - arrivals[1].direction[axis])
  if abs(aside) < _LEAST_ASIDE:
    return "unclear"
  return "as expected" if aside > 0 else "swapped"
