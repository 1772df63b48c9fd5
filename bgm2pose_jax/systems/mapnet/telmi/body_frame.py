"""From a capture's own unit and axes to metres, y up, right-handed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet.telmi import joint_fit

# Metres per unit, and the distances from toes to C7 that speak for it.
UNITS: dict[str, tuple[float, float, float]] = {
  "m": (1.0, 0.5, 3.0),
  "cm": (0.01, 50.0, 300.0),
  "mm": (0.001, 500.0, 3000.0),
}
# Of the line from toes to C7, along one axis: one who stands or sits leans
# less.
_UPRIGHT = 0.85
# Rows are the new x, y, z. All are rotations.
_TO_Y_UP: dict[str, np.ndarray] = {
  "+x": np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]], float),
  "-x": np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], float),
  "+y": np.eye(3),
  "-y": np.diag([1.0, -1.0, -1.0]),
  "+z": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float),
  "-z": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float),
}


@dataclasses.dataclass(frozen=True)
class BodyFrame:
  """How a capture's numbers become metres.

  Attributes:
    unit: `mm`, `cm` or `m`.
    is_stated: whether the unit was given, not found by the body's size.
    height_m: distance from the toes to C7, median over time.
    up: the axis that points up, as `+z`.
    is_mirrored: whether the capture's axes were taken for left-handed, since
      the hands would lie behind the back.
    matrix: [3, 3], capture -> metres.
  """

  unit: str
  is_stated: bool
  height_m: float
  up: str
  is_mirrored: bool
  matrix: np.ndarray

  def apply(self, positions: np.ndarray) -> np.ndarray:
    """Returns [..., 3] in metres, y up, right-handed."""
    return positions @ self.matrix.T


def find(
  positions: Mapping[str, np.ndarray],
  chosen: joint_fit.Plan,
  where: object,
  unit: str | None = None,
) -> BodyFrame:
  """Finds unit and axes by the body.

  Args:
    positions: {place: [t, 3]} in the capture's unit and axes.
    chosen: {joint: places} of the fit.
    where: the datapack, for messages.
    unit: `mm`, `cm` or `m` where it is known.

  Raises:
    InputError: no size of a body in any unit, no frame with C7, toes, hands
      and waist, or nobody upright.
  """
  if unit is not None and unit not in UNITS:
    raise InputError("unit", repr(unit), f"give one of {', '.join(UNITS)}")
  mean = {
    joint: np.mean([positions[place] for place in places], axis=0)
    for joint, places in chosen.items()
  }
  line = mean["C7"] - (mean["RTOE"] + mean["LTOE"]) / 2
  line = line[np.isfinite(line).all(axis=1)]
  if not len(line):
    raise InputError(
      where,
      "has no moment at which C7 and both toes are seen",
      "leave the datapack out, or name other markers in a --marker_map",
    )
  height = float(np.median(np.linalg.norm(line, axis=1)))
  name = unit or _unit(height, where)
  scale_m = UNITS[name][0]
  up = _up(np.median(line, axis=0), where)
  matrix = scale_m * _TO_Y_UP[up]
  mirrored = _is_mirrored({joint: x @ matrix.T for joint, x in mean.items()})
  if mirrored:
    matrix = np.diag([1.0, 1.0, -1.0]) @ matrix
  return BodyFrame(
    name, unit is not None, height * scale_m, up, mirrored, matrix
  )


def _unit(height: float, where: object) -> str:
  for name, (_, low, high) in UNITS.items():
    # Half a metre belongs to millimetres, not to 3 m in centimetres: the
    # ranges do not meet.
    if low <= height <= high:
      return name
  ranges = ", ".join(f"{a:g} to {b:g} {n}" for n, (_, a, b) in UNITS.items())
  raise InputError(
    where,
    f"has C7 {height:.4g} units above the toes, a body's size in no unit "
    f"({ranges})",
    "state the unit: mm, cm or m",
  )


def _up(line: np.ndarray, where: object) -> str:
  axis = int(np.argmax(np.abs(line)))
  share = abs(line[axis]) / max(float(np.linalg.norm(line)), 1e-9)
  if share < _UPRIGHT:
    raise InputError(
      where,
      f"has C7 above the toes along no axis (x, y, z: "
      f"{', '.join(f'{value:.3g}' for value in line)})",
      "export the capture with one axis upright",
    )
  return ("+" if line[axis] > 0 else "-") + "xyz"[axis]


def _is_mirrored(joints: Mapping[str, np.ndarray]) -> bool:
  """Whether the hands lie behind the back: a violinist's are before it."""
  facing = joint_fit.pelvis_normal(joints["RBWT"], joints["LBWT"])
  reach = (
    joints["RMWR"] + joints["LMWR"] - joints["RBWT"] - joints["LBWT"]
  ) / 2
  along = (facing * reach).sum(axis=1)
  along = along[np.isfinite(along)]
  return bool(len(along)) and float(np.median(along)) < 0
