"""Is what the positions show a human body, upright and the right way round?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import body_check, cleaning
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import POSE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.doctor import pose_repair
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  ERROR,
  WARNING,
  Findings,
)

# A turn of the body that puts y up, without mirroring it.
_TURNS = {
  "+z": "p[..., [0, 2, 1]] * [1, 1, -1]",
  "-z": "p[..., [0, 2, 1]] * [1, -1, 1]",
  "+x": "p[..., [1, 0, 2]] * [-1, 1, 1]",
  "-x": "p[..., [1, 0, 2]] * [1, -1, 1]",
  "-y": "p * [1, -1, -1]",
}
_HIGHEST_FLOOR_M = 0.3
# Recordings have no clips.csv.
_FIXES = {
  body_check.UPRIGHT: "nothing to do for one who sits or lies; else export with"
  " y up",
}


def check_body(
  path: Path, positions: np.ndarray, whole: np.ndarray, found: Findings
) -> None:
  """Unit, up axis, floor, sides and speeds of a human body."""
  hips, spine = positions[:, 0], positions[:, 1]
  lost = (hips == spine).all(axis=1)
  if lost.any():
    found.error(
      "lost person",
      path,
      f"Hips and Spine lie in one place in {int(lost.sum())} rows, first at row"
      f" {int(lost.argmax())}: there is no body to scale by",
      "leave these seconds out of the annotations, or capture them again",
    )
    whole = whole & ~lost
    if not whole.any():
      return
  unit_m = _unit(path, positions[whole], found)
  axis = cleaning.standing_axis(positions[whole])
  if axis not in (None, "+y"):
    found.error(
      "up axis",
      path,
      f"the person stands along {axis}; y must be up",
      pose_repair.repair(path, _TURNS[axis]),
    )
  elif axis is not None:
    if unit_m is not None:
      floor_m = cleaning.floor_height(positions[whole] * unit_m)
      if abs(floor_m) > _HIGHEST_FLOOR_M:
        found.note(
          "floor",
          path,
          f"the lowest joint lies {floor_m:+.2f} m off the floor",
          "nothing to do: poses are put on the floor, frame by frame",
        )
    _add(path, body_check.check_sides(positions[whole]), found)
  _add(path, body_check.check_upright(positions[whole]), found)
  _add(path, body_check.check_bones(positions[whole]), found)
  if unit_m is not None:
    positions_m = np.where(whole[:, None, None], positions, np.nan) * unit_m
    hurried = body_check.check_rate(positions_m, POSE_RATE_HZ)
    _add(path, hurried, found)
    if not hurried:
      _check_speed(path, positions_m, found)


def _unit(path: Path, positions: np.ndarray, found: Findings) -> float | None:
  """Metres per unit; None where the body is human in no unit."""
  try:
    unit_m, name = cleaning.unit_from_stature(positions, path)
  except InputError as error:
    found.warning(
      "pose unit",
      path,
      error.found,
      "check the joints' names and the export's unit: metres are expected",
    )
    return None
  if unit_m != 1.0:
    height = cleaning.stature(positions)
    found.warning(
      "pose unit",
      path,
      f"the person is {height:.4g} units tall: a unit is a {name}, not a metre",
      pose_repair.repair(path, f"p * {unit_m:.8g}"),
    )
  return unit_m


def _add(
  path: Path, faults: Sequence[body_check.Fault], found: Findings
) -> None:
  """Takes what is wrong with a body, with a fix for position files."""
  for fault in faults:
    fix = _FIXES.get(fault.kind, fault.fix)
    if fault.kind == body_check.SIDES and fault.is_error:
      fix = "export in right-handed axes; if z was turned round: " + (
        pose_repair.repair(path, "p * [1, 1, -1]")
      )
    elif fault.kind == body_check.RATE:
      fix = "export at the true rate and give it as RATE: " + (
        pose_repair.repair(path, "p, RATE")
      )
    found.add(
      ERROR if fault.is_error else WARNING, fault.kind, path, fault.found, fix
    )


def _check_speed(path: Path, positions_m: np.ndarray, found: Findings) -> None:
  with np.errstate(invalid="ignore"):
    speed = np.linalg.norm(np.diff(positions_m, axis=0), axis=-1) * POSE_RATE_HZ
    fast = speed > cleaning.JUMP_M_S
  rows = fast.any(axis=1)
  if rows.any():
    first = int(rows.argmax())
    joint = int(np.nanargmax(speed[first]))
    found.warning(
      "jumps",
      path,
      f"a joint moves faster than {cleaning.JUMP_M_S:.0f} m/s in"
      f" {int(rows.sum())} rows, first {BODY21.joints[joint]} with"
      f" {speed[first, joint]:.0f} m/s at {first / POSE_RATE_HZ:.2f} s",
      "mend swapped markers in the capture software, or leave these seconds out"
      " of the annotations",
    )
