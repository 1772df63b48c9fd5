"""How late poses are and what they cost, in memory that stays the same."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

try:
  import resource
except ImportError:  # Windows
  resource = None

_LONGEST_MS = 60_000
_MIB = 1 << 20


class Figures:
  """Counts while poses are made."""

  def __init__(self):
    """Starts now."""
    self._bins = np.zeros(_LONGEST_MS + 1, np.int64)
    self._most_ms = 0.0
    self._begin_s = time.monotonic()
    self.idle_s = 0.0
    self.sound_s = 0.0
    self.poses = 0
    self.dropped_windows = 0
    self.dropped_frames = 0
    self.lost_samples = 0

  def late(self, ms: float) -> None:
    """Counts one pose."""
    self.poses += 1
    self._most_ms = max(self._most_ms, ms)
    self._bins[min(max(round(ms), 0), _LONGEST_MS)] += 1

  def percentile(self, share: float) -> float:
    """Latency in ms that this share of the poses does not exceed."""
    if not self.poses:
      return float("nan")
    reached = np.cumsum(self._bins) >= share * self.poses
    return float(np.argmax(reached))

  def line(self) -> str:
    """All of it in one line."""
    busy_s = max(time.monotonic() - self._begin_s - self.idle_s, 1e-9)
    said = [f"{self.poses} poses"]
    if self.poses:
      said.append(
        f"latency p50 {self.percentile(0.5):.0f} ms, p99 "
        f"{self.percentile(0.99):.0f} ms, max {self._most_ms:.0f} ms"
      )
    said += [
      f"{self.sound_s:.1f} s of sound in {busy_s:.1f} s of work "
      f"({self.sound_s / busy_s:.1f} times real time)",
      f"{self.dropped_windows} windows dropped, {self.dropped_frames} frames "
      "without a pose",
    ]
    if self.lost_samples:
      said.append(f"{self.lost_samples} samples lost and filled with silence")
    if resource is not None:
      said.append(
        f"memory {rss_mib():.0f} MiB, at most {peak_rss_mib():.0f} MiB"
      )
    return "; ".join(said)


def peak_rss_mib() -> float:
  """Most memory this process ever held; nan where nobody says."""
  if resource is None:
    return float("nan")
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak / _MIB if sys.platform == "darwin" else peak / 1024


def rss_mib() -> float:
  """Memory this process holds now; the peak where nobody says."""
  try:
    assert resource is not None
    pages = int(Path("/proc/self/statm").read_text().split()[1])
  except (AssertionError, OSError, ValueError, IndexError):
    return peak_rss_mib()
  return pages * resource.getpagesize() / _MIB
