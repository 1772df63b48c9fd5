"""Is what the positions show a human body, upright and the right way round?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import cleaning
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import POSE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.doctor import pose_repair
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings

# A turn of the body that puts y up, without mirroring it.
_TURNS = {
  "+z": "p[..., [0, 2, 1]] * [1, 1, -1]",
  "-z": "p[..., [0, 2, 1]] * [1, -1, 1]",
  "+x": "p[..., [1, 0, 2]] * [-1, 1, 1]",
  "-x": "p[..., [1, 0, 2]] * [1, -1, 1]",
  "-y": "p * [1, -1, -1]",
}
_HIGHEST_FLOOR_M = 0.3
# Cosine between the hips' line and what the toes say is left.
_MIRRORED = -0.5
_SIDED = ("UpLeg", "Foot", "ToeBase")


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
    _check_sides(path, positions[whole], found)
  if unit_m is not None:
    _check_speed(
      path, np.where(whole[:, None, None], positions, np.nan) * unit_m, found
    )


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


def _check_sides(path: Path, positions: np.ndarray, found: Findings) -> None:
  """Toes point forward; left is then known, with y up in right-handed axes."""
  # [time, side, joint, 3]; left first.
  legs = positions[
    :, [[BODY21.index(s + j) for j in _SIDED] for s in ("Left", "Right")]
  ]
  forward = (legs[:, :, 2] - legs[:, :, 1]).mean(axis=1)
  left = np.cross([0.0, 1.0, 0.0], forward)
  across = legs[:, 0, 0] - legs[:, 1, 0]
  across[:, 1] = 0.0
  size = np.linalg.norm(left, axis=1) * np.linalg.norm(across, axis=1)
  cosine = (left * across).sum(axis=1) / np.maximum(size, 1e-12)
  if float(np.median(cosine)) < _MIRRORED:
    found.error(
      "sides",
      path,
      "the left leg is on the right of where the toes point: the body is"
      " mirrored, or Left and Right are swapped",
      "export in right-handed axes; if z was turned round: "
      + pose_repair.repair(path, "p * [1, 1, -1]"),
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
