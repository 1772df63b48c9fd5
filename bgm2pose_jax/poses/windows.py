"""Motion in windows: which rows each holds, and poses at another rate."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError


def window_rows(
  num_rows: int, rate_hz: float, window_s: float
) -> tuple[np.ndarray, np.ndarray]:
  """First row and end row (exclusive) of every whole window.

  Window i covers rows round(r i) .. round(r (i + 1)) with r = rate x window.

  Args:
    num_rows: rows of the recording.
    rate_hz: rows per second.
    window_s: window length in seconds.

  Returns:
    Two int64 arrays [windows].

  Raises:
    InputError: a window holds fewer than two rows.
  """
  rows_per_window = rate_hz * window_s
  if not rows_per_window >= 2:
    raise InputError(
      "pose rate",
      f"{rate_hz} poses per second give {rows_per_window:.3g} per window",
      f"use at least {2 / window_s:.3g} poses per second",
    )
  most = int(num_rows / rows_per_window) + 1
  edges = np.round(rows_per_window * np.arange(most + 1)).astype(np.int64)
  starts, ends = edges[:-1], edges[1:]
  whole = ends <= num_rows
  return starts[whole], ends[whole]


def resample_windows(
  positions: np.ndarray,
  rate_hz: float,
  window_s: float,
  frames: int,
  method: str = "interp",
) -> np.ndarray:
  """Cuts a motion into windows and resamples each to its frames.

  `interp` interpolates linearly over the closed interval of a window's rows:
  frame k of n lies at row (r - 1) k / (n - 1) of r. `mean6` averages the rows
  of each frame: six of them where poses come six times as fast.

  Args:
    positions: [time, joint, 3] in any unit.
    rate_hz: poses per second of `positions`.
    window_s: window length in seconds.
    frames: per window.
    method: `interp` or `mean6`.

  Returns:
    [windows, frames, joint, 3], dtype of `positions` (at least float32).

  Raises:
    InputError: wrong shape, unknown method, or too few rows per window.
  """
  positions = np.asarray(positions)
  if positions.ndim != 3 or positions.shape[-1] != 3:
    raise InputError(
      "resample_windows(positions)",
      f"shape {positions.shape}",
      "pass one motion [time, joint, xyz=3]",
    )
  dtype = np.result_type(positions.dtype, np.float32)
  positions = positions.astype(dtype, copy=False)
  starts, ends = window_rows(len(positions), rate_hz, window_s)
  rows = (ends - starts)[:, None]
  if method == "interp":
    step = np.arange(frames) / max(frames - 1, 1)
    place = starts[:, None] + (rows - 1) * step
    low = np.minimum(place.astype(np.int64), ends[:, None] - 1)
    high = np.minimum(low + 1, ends[:, None] - 1)
    weight = (place - low).astype(dtype)[..., None, None]
    return (1 - weight) * positions[low] + weight * positions[high]
  if method == "mean6":
    if len(starts) and rows.min() < frames:
      raise InputError(
        "pose rate",
        f"{rate_hz} poses per second leave a frame without a pose",
        f"use at least {frames / window_s:.3g} poses per second, or 'interp'",
      )
    edges = np.round(rows * np.arange(frames + 1) / frames).astype(np.int64)
    edges += starts[:, None]
    # float64 running sum: a difference of float32 sums would lose digits.
    total = np.zeros((len(positions) + 1, *positions.shape[1:]))
    np.cumsum(positions, axis=0, dtype=np.float64, out=total[1:])
    sums = total[edges[:, 1:]] - total[edges[:, :-1]]
    counts = (edges[:, 1:] - edges[:, :-1])[..., None, None]
    return (sums / counts).astype(dtype)
  raise InputError(
    "pose_resample", f"unknown method {method!r}", "use 'interp' or 'mean6'"
  )
