"""What was found in recordings, as a record, JSON and words."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from bgm2pose_jax.systems.posekernel.extraction import faults


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
  """What was found.

  Attributes:
    names: the names of the samples.
    usable: bool [sample, pair]; the other kernels are zero.
    empty: recordings of the empty room that were averaged, of each pair.
    empty_given: how many there were.
    rate_hz: sample rate.
    taps: taps of a kernel.
    kernel: `subtract` or `env_ratio`.
    aligned_by: `direct sound`, `loopback` or `given latency`.
    latency_ms: [pair], median over all recordings of when the sound leaves;
      NaN where a pair has none.
    latency_spread_ms: [pair], the largest distance from that.
    octaves_hz: [band], middles of octave bands.
    snr_db: [pair, band], power of the kernels over that of the noise, both
      behind the direct sound, over the samples without `direct_residue`; NaN
      where unknown, -20 where nothing is there.
    snr_all_db: [pair], the same over all bands.
    direct_residue_db: [pair], median over the samples of what is left of the
      direct sound in the kernels, of its energy; NaN where unknown.
    faults: what is wrong.
  """

  names: tuple[str, ...]
  usable: np.ndarray
  empty: np.ndarray
  empty_given: int
  rate_hz: int
  taps: int
  kernel: str
  aligned_by: str
  latency_ms: np.ndarray
  latency_spread_ms: np.ndarray
  octaves_hz: np.ndarray
  snr_db: np.ndarray
  snr_all_db: np.ndarray
  direct_residue_db: np.ndarray
  faults: tuple[faults.Fault, ...]

  def to_dict(self) -> dict[str, Any]:
    """Plain values for JSON; unknown numbers are null."""
    return {
      "samples": len(self.names),
      "pairs": int(self.usable.shape[1]),
      "usable": self.usable.sum(axis=0).tolist(),
      "unusable": {
        name: [int(pair) + 1 for pair in np.flatnonzero(~row)]
        for name, row in zip(self.names, self.usable)
        if not row.all()
      },
      "empty": self.empty.tolist(),
      "empty_given": self.empty_given,
      "rate_hz": self.rate_hz,
      "taps": self.taps,
      "kernel": self.kernel,
      "aligned_by": self.aligned_by,
      "latency_ms": _plain(self.latency_ms, 4),
      "latency_spread_ms": _plain(self.latency_spread_ms, 4),
      "octaves_hz": self.octaves_hz.tolist(),
      "snr_db": [_plain(row, 2) for row in self.snr_db],
      "snr_all_db": _plain(self.snr_all_db, 2),
      "direct_residue_db": _plain(self.direct_residue_db, 2),
      "faults": [fault.to_dict() for fault in self.faults],
    }

  def lines(self) -> list[str]:
    """The report in sentences, faults last."""
    pairs = self.usable.shape[1]
    out = [
      f"{len(self.names)} samples of {pairs} pairs, aligned by"
      f" {self.aligned_by}, {self.empty_given} recordings of the empty room"
    ]
    for pair in range(pairs):
      out.append(
        f"pair {pair + 1}: {self.usable[:, pair].sum()} kernels, sound leaves"
        f" after {_told(self.latency_ms[pair], 'ms')}, kernel over noise"
        f" {_told(self.snr_all_db[pair], 'dB')}, direct sound left"
        f" {_told(self.direct_residue_db[pair], 'dB')}"
      )
    out += [f"warning: {text}" for text in faults.sentences(self.faults)]
    if not self.faults:
      out.append("no faults found")
    return out


def _plain(values: np.ndarray, digits: int) -> list[float | None]:
  return [
    round(float(each), digits) if math.isfinite(each) else None
    for each in values
  ]


def _told(value: float, unit: str) -> str:
  return f"{value:.1f} {unit}" if math.isfinite(value) else "unknown"
