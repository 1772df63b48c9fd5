"""The sound that a loudspeaker plays to measure an impulse response."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import interpolate

from bgm2pose_jax.base.errors import InputError

BANDS = 32
KINDS = ("linear", "log")


@dataclasses.dataclass(frozen=True)
class Excitation:
  """A chirp whose sub-bands have gains.

  The defaults (a linear chirp of 100 ms from 19 Hz to 32 kHz at 96 kHz, in 32
  sub-bands whose gains suit the loudspeaker) are attributed to the paper (Yang
  et al., CVPR 2022), not checked against its text. The fades are ours.

  Sub-bands are equally long in time: of equal width in Hz for a linear chirp,
  in octaves for a logarithmic one.

  Attributes:
    rate_hz: sample rate.
    duration_s: length of the chirp.
    low_hz: frequency at its start.
    high_hz: frequency that it reaches at its end.
    gains_db: a gain for each sub-band, lowest band first, in dB; only
      differences count, as the loudest band is played at `peak`. Empty for
      equal gains.
    peak: largest magnitude of a sample; full scale is 1.
    fade_s: length of the raised cosine at either end.
    kind: `linear`, or `log` for equal time in every octave.
  """

  rate_hz: int = 96_000
  duration_s: float = 0.1
  low_hz: float = 19.0
  high_hz: float = 32_000.0
  gains_db: tuple[float, ...] = ()
  peak: float = 0.9
  fade_s: float = 0.0005
  kind: str = "linear"

  def __post_init__(self):
    if self.kind not in KINDS:
      raise InputError(
        "kind", f"is {self.kind!r}", f"give one of {', '.join(KINDS)}"
      )
    if not 0 < self.low_hz < self.high_hz <= self.rate_hz / 2:
      raise InputError(
        "sweep",
        f"from {self.low_hz} to {self.high_hz} Hz at {self.rate_hz} Hz",
        "rise from above 0 Hz to at most half the sample rate",
      )
    if not 0 < self.duration_s <= 60:
      raise InputError(
        "duration_s", f"is {self.duration_s}", "give at most 60 s"
      )
    if not 0 <= 2 * self.fade_s <= self.duration_s:
      raise InputError(
        "fade_s",
        f"is {self.fade_s}",
        f"give at most half of the {self.duration_s} s of the sweep",
      )
    if not 0 < self.peak <= 1:
      raise InputError("peak", f"is {self.peak}", "give above 0, at most 1")
    if self.gains_db and (
      len(self.gains_db) != BANDS or not np.isfinite(self.gains_db).all()
    ):
      raise InputError(
        "gains_db",
        f"{len(self.gains_db)} values",
        f"give {BANDS} finite gains, lowest band first, or none",
      )

  @property
  def band_hz(self) -> tuple[float, float]:
    """Lowest and highest frequency, Hz."""
    return self.low_hz, self.high_hz

  def frequency_hz(self, time_s: np.ndarray) -> np.ndarray:
    """Returns the frequency that is played at each time, Hz, same shape."""
    part = np.asarray(time_s, np.float64) / self.duration_s
    if self.kind == "linear":
      return self.low_hz + (self.high_hz - self.low_hz) * part
    return self.low_hz * (self.high_hz / self.low_hz) ** part

  def band_edges_hz(self) -> np.ndarray:
    """float64 [BANDS + 1]: where the sub-bands begin and end, Hz."""
    return self.frequency_hz(np.linspace(0.0, self.duration_s, BANDS + 1))

  def samples(self) -> np.ndarray:
    """float64 [n]: the sweep, full scale at 1; it begins at a zero."""
    count = round(self.rate_hz * self.duration_s)
    time_s = np.arange(count) / self.rate_hz
    part = time_s / self.duration_s
    ratio = self.high_hz / self.low_hz
    if self.kind == "linear":
      cycles = time_s * (self.low_hz + (self.high_hz - self.low_hz) * part / 2)
    else:
      cycles = self.low_hz * self.duration_s * (ratio**part - 1) / np.log(ratio)
    fade = _fade(count, round(self.fade_s * self.rate_hz))
    return self.peak * self._gains(part) * fade * np.sin(2 * np.pi * cycles)

  def _gains(self, part: np.ndarray) -> np.ndarray:
    """Gains along the sweep, smooth from a band's middle to the next."""
    if not self.gains_db:
      return np.ones_like(part)
    middles = (np.arange(BANDS) + 0.5) / BANDS
    # Monotone between the middles: no gain beyond those given.
    curve = interpolate.PchipInterpolator(middles, self.gains_db)
    gains_db = curve(np.clip(part, middles[0], middles[-1]))
    return 10 ** ((gains_db - max(self.gains_db)) / 20)


def _fade(count: int, edge: int) -> np.ndarray:
  """float64 [count]: 1, with raised cosines over `edge` samples at the ends."""
  from_end = np.arange(count) + 0.5
  from_end = np.minimum(from_end, from_end[::-1])
  part = np.minimum(from_end / edge, 1.0) if edge else np.ones(count)
  return 0.5 - 0.5 * np.cos(np.pi * part)
