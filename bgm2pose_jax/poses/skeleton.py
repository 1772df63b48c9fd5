"""The 21-joint skeleton: names, tree, body parts, units and time sampling.

Joint order and normalisation are those of AMPL (Shibata et al., BGM2Pose,
arXiv 2503.00389, section 4, and the joint list of the authors' CVPR 2023
system). Positions are right-handed with y up. A normalised pose is measured
in hip-spine lengths, about 9.21 cm on AMPL.

Functions take NumPy or JAX arrays and answer in kind, so one definition
serves dataset builders (NumPy only) and compiled code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError

# Joint and its parent, in stored order; the root has none.
_TREE: tuple[tuple[str, str | None], ...] = (
  ("Hips", None),
  ("Spine", "Hips"),
  ("Spine1", "Spine"),
  ("Neck", "Spine1"),
  ("Head", "Neck"),
  ("LeftShoulder", "Spine1"),
  ("LeftArm", "LeftShoulder"),
  ("LeftForeArm", "LeftArm"),
  ("LeftHand", "LeftForeArm"),
  ("RightShoulder", "Spine1"),
  ("RightArm", "RightShoulder"),
  ("RightForeArm", "RightArm"),
  ("RightHand", "RightForeArm"),
  ("LeftUpLeg", "Hips"),
  ("LeftLeg", "LeftUpLeg"),
  ("LeftFoot", "LeftLeg"),
  ("LeftToeBase", "LeftFoot"),
  ("RightUpLeg", "Hips"),
  ("RightLeg", "RightUpLeg"),
  ("RightFoot", "RightLeg"),
  ("RightToeBase", "RightFoot"),
)

JOINTS: tuple[str, ...] = tuple(name for name, _ in _TREE)
NUM_JOINTS: int = len(JOINTS)
_INDEX = {name: i for i, name in enumerate(JOINTS)}
# Parent joint of each joint, -1 for the root; parents precede children.
PARENTS: tuple[int, ...] = tuple(
  -1 if parent is None else _INDEX[parent] for _, parent in _TREE
)
# (parent, child) of every bone.
BONES: tuple[tuple[int, int], ...] = tuple(
  (parent, child) for child, parent in enumerate(PARENTS) if parent >= 0
)

PARTS: dict[str, tuple[int, ...]] = {
  "arm": (5, 6, 7, 8, 9, 10, 11, 12),
  "leg": (13, 14, 15, 16, 17, 18, 19, 20),
  "body": (0, 1, 2, 3, 4),
}
# The published PCK of the parts counts the parent of each limb with the limb:
# Spine1 once per arm, Hips once per leg. RMSE and MAE do not.
PCK_PARTS: dict[str, tuple[int, ...]] = {
  "arm": (*PARTS["arm"], 2, 2),
  "leg": (*PARTS["leg"], 0, 0),
  "body": PARTS["body"],
}

# Mean hip-spine length of AMPL: one normalised unit in centimetres.
UNIT_CM: float = 9.21


def joint_index(name: str) -> int:
  """Returns the index of a joint in the stored order.

  Args:
    name: joint name as in `JOINTS`, e.g. `"LeftHand"`.

  Raises:
    InputError: no joint has that name.
  """
  if name not in _INDEX:
    raise InputError(
      f"joint {name!r}", "unknown joint", f"use one of {', '.join(JOINTS)}"
    )
  return _INDEX[name]


def check_joint_axes(positions: Any, where: str) -> None:
  """Checks that an array ends in [joint=21, 3].

  Raises:
    InputError: it does not.
  """
  shape = tuple(positions.shape)
  if shape[-2:] != (NUM_JOINTS, 3):
    raise InputError(
      where,
      f"shape {shape}",
      f"pass joint positions [..., joint={NUM_JOINTS}, xyz=3]",
    )


def normalize_pose(positions_m: Any) -> Any:
  """Expresses each frame in hip-spine units, hips at x = z = 0, floor at 0.

  Per frame: subtract Hips, divide all axes by the length Hips-Spine, then
  subtract the lowest joint's y, so that min y = 0 and x, z stay relative to
  the hips (specification 2.5).

  Args:
    positions_m: [..., joint=21, 3] metres (any unit gives the same answer),
      y up; NumPy or JAX array.

  Returns:
    Array of the same shape, kind and dtype, in hip-spine lengths. A frame
    whose Hips and Spine coincide (recordings without poses store zeros) is
    not scaled, so that it stays finite.

  Raises:
    InputError: the last two axes are not [21, 3].
  """
  if not hasattr(positions_m, "__array_namespace__"):
    positions_m = np.asarray(positions_m, np.float32)
  check_joint_axes(positions_m, "normalize_pose(positions_m)")
  xp = positions_m.__array_namespace__()
  relative = positions_m - positions_m[..., :1, :]
  square = xp.sum(relative[..., 1:2, :] ** 2, axis=-1, keepdims=True)
  # Choosing before the root keeps the gradient finite at zero length.
  length = xp.sqrt(xp.where(square > 0, square, xp.ones_like(square)))
  scaled = relative / length
  lowest = xp.min(scaled[..., 1:2], axis=-2, keepdims=True)
  return xp.concat(
    [scaled[..., :1], scaled[..., 1:2] - lowest, scaled[..., 2:]], axis=-1
  )


def window_rows(
  num_rows: int, rate_hz: float, window_s: float = 0.6
) -> tuple[np.ndarray, np.ndarray]:
  """First row and end row (exclusive) of every whole window.

  Window i covers rows round(r i) .. round(r (i + 1)) with r = rate x window,
  72 rows at 120 per second (specification 2.3).

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
  window_s: float = 0.6,
  frames: int = 12,
  method: str = "interp",
) -> np.ndarray:
  """Cuts a motion into windows and resamples each to the audio frame rate.

  `interp` interpolates linearly over the closed interval of a window's rows,
  so target k of 12 lies at row 71 k / 11 of 72: up to 25 ms from the centre
  of audio frame k. `mean6` averages the rows of each audio frame (six at 120
  per second), as the CVPR 2023 system did. Specification 2.3 and 2.5.

  Args:
    positions: [time, joint=21, 3] in any unit.
    rate_hz: poses per second of `positions`.
    window_s: window length in seconds.
    frames: targets per window.
    method: `interp` or `mean6`.

  Returns:
    [windows, frames, joint=21, 3], dtype of `positions` (at least float32).

  Raises:
    InputError: wrong shape, unknown method, or too few rows per window.
  """
  positions = np.asarray(positions)
  if positions.ndim != 3:
    raise InputError(
      "resample_windows(positions)",
      f"shape {positions.shape}",
      f"pass one motion [time, joint={NUM_JOINTS}, xyz=3]",
    )
  check_joint_axes(positions, "resample_windows(positions)")
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
        f"{rate_hz} poses per second leave an audio frame without a pose",
        f"use at least {frames / window_s:.3g} poses per second, or 'interp'",
      )
    edges = np.round(rows * np.arange(frames + 1) / frames).astype(np.int64)
    edges += starts[:, None]
    # float64 running sum: a difference of float32 sums would lose digits.
    total = np.zeros((len(positions) + 1, NUM_JOINTS, 3))
    np.cumsum(positions, axis=0, dtype=np.float64, out=total[1:])
    sums = total[edges[:, 1:]] - total[edges[:, :-1]]
    counts = (edges[:, 1:] - edges[:, :-1])[..., None, None]
    return (sums / counts).astype(dtype)
  raise InputError(
    "pose_resample", f"unknown method {method!r}", "use 'interp' or 'mean6'"
  )
