"""One recording, and what is wrong with its samples."""

from __future__ import annotations

import dataclasses

import numpy as np

# Of integers and of 24 bits in floats alike.
_FULL_SCALE = 0.99
_CLIPPED_RUN = 3
_SILENT = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
  """A recording of all pairs, one file.

  Attributes:
    name: its name.
    samples: float [pair, n], full scale at 1: the microphone of each pair
      while its own loudspeaker plays.
    loopback: float [n], what the loudspeakers were fed with; None without.
    fault: name of what makes it unusable as a whole, see `faults.KINDS`.
    value: how bad that is.
    detail: what a reader said of it.
  """

  name: str
  samples: np.ndarray
  loopback: np.ndarray | None = None
  fault: str = ""
  value: float = 0.0
  detail: str = ""


def clipped_samples(samples: np.ndarray) -> int:
  """Counts samples in runs of equal ones at full scale.

  Args:
    samples: float [n], full scale at 1.
  """
  loud = np.flatnonzero(np.abs(samples) >= _FULL_SCALE)
  if len(loud) < _CLIPPED_RUN:
    return 0
  goes_on = (np.diff(loud) == 1) & (np.diff(samples[loud]) == 0)
  edges = np.flatnonzero(~goes_on) + 1
  runs = np.diff(np.concatenate([[0], edges, [len(loud)]]))
  return int(runs[runs >= _CLIPPED_RUN].sum())


def peak_dbfs(samples: np.ndarray) -> float:
  """The largest sample in dB of full scale, -200 for none.

  Args:
    samples: float [n], its mean is taken off.
  """
  peak = float(np.abs(samples - samples.mean()).max(initial=0.0))
  return max(-200.0, 20 * np.log10(peak)) if peak > 0 else -200.0


def is_silent(samples: np.ndarray) -> bool:
  """Whether nothing is heard but the last bits of a converter."""
  return peak_dbfs(samples) < 20 * np.log10(_SILENT)
