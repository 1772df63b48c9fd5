"""What one motion file holds, whether it can be used or not.

`load_folder` stops at the first file that it cannot use. Here every file is
looked at, and what is known of it is said beside what is wrong.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import body_check, cleaning, clips, motion_points
from bgm2pose_jax.poses.clip_table import ClipRow
from bgm2pose_jax.poses.subject_evidence import Subject
from bgm2pose_jax.poses.takes import Take

_SAME_UNIT = 1e-3


@dataclasses.dataclass(frozen=True)
class MotionFile:
  """What a file says, None where that cannot be told.

  Attributes:
    file: path relative to its folder, with `/`.
    unit: name of the unit of length, or how many metres it has.
    rate_hz: frames per second.
    frames: how many there are.
    stature_m: stature by the legs.
    mirrored: whether left and right have changed places.
    up_axis: axis that the person stands along, `+x` to `-z`.
    subject: who moves.
    subject_from: what says so, one of `subject_evidence.EVIDENCE`.
    warnings: what a person should know, a sentence each.
    refused: why the file cannot be used; None where it can.
  """

  file: str
  unit: str | None = None
  rate_hz: float | None = None
  frames: int | None = None
  stature_m: float | None = None
  mirrored: bool | None = None
  up_axis: str | None = None
  subject: str | None = None
  subject_from: str | None = None
  warnings: tuple[str, ...] = ()
  refused: InputError | None = None

  @property
  def error(self) -> str | None:
    """Why the file cannot be used, without its name; None where it can."""
    if self.refused is None:
      return None
    place = self.refused.where.rpartition(self.file)[2].strip()
    return (
      f"{f'{place}: ' if place else ''}{self.refused.found}; {self.refused.fix}"
    )

  def take(self, row: ClipRow | None) -> Take | None:
    """The file among its person's takes; None where too little is known.

    Args:
      row: what the folder's table says.
    """
    if None in (self.rate_hz, self.stature_m, self.subject) or self.refused:
      return None
    return Take(
      self.file,
      Subject(str(self.subject), str(self.subject_from)),
      float(self.rate_hz or 0),
      float(self.stature_m or 0),
      row is not None and row.rate_hz is not None,
    )


def examine(
  folder: pathlib.Path,
  name: str,
  row: ClipRow | None,
  who: Subject,
  given: Mapping[str, str],
) -> MotionFile | None:
  """Looks at one file.

  Args:
    folder: the motion capture folder.
    name: the file in it.
    row: what the folder's table says.
    who: who moves.
    given: {name in the file: joint}, of the folder's joint map.

  Returns:
    What was found; None for a CSV of another kind.
  """
  seen = MotionFile(name, subject=who.name, subject_from=who.evidence)
  try:
    points = motion_points.read_points(folder / name, row, given)
    if points is None:
      return None
    rate_hz = row.rate_hz if row and row.rate_hz else points.rate_hz
    seen = dataclasses.replace(
      seen,
      rate_hz=rate_hz if math.isfinite(rate_hz) else None,
      frames=len(points.positions),
      mirrored=body_check.is_mirrored(points.positions),
      up_axis=cleaning.standing_axis(points.positions),
      warnings=points.warnings,
    )
    listed = row or ClipRow("", name)
    unit_m, _ = clips.metres_per_unit(folder / name, points, listed)
    seen = dataclasses.replace(
      seen,
      unit=_unit_name(unit_m),
      stature_m=round(cleaning.stature(points.positions) * unit_m, 4),
    )
    try:
      _, rate_hz = motion_points.even_rate(folder / name, points, listed)
      seen = dataclasses.replace(seen, rate_hz=rate_hz)
      _, warnings = clips.clips_of_file(folder, name, points, row, who)
    except InputError as error:
      # What else is wrong, so that all can be mended at once.
      more = _others(points.positions * unit_m, rate_hz, error)
      seen = dataclasses.replace(seen, warnings=(*points.warnings, *more))
      raise
    return dataclasses.replace(seen, warnings=tuple(warnings))
  except InputError as error:
    return dataclasses.replace(seen, refused=error)


def _others(
  positions_m: np.ndarray, rate_hz: float, error: InputError
) -> list[str]:
  """What is wrong, whichever axis is up, besides the error itself."""
  return [
    str(fault)
    for fault in (
      *body_check.check_sides(positions_m),
      *body_check.check_bones(positions_m),
      *body_check.check_rate(positions_m, rate_hz),
    )
    if fault.found != error.found
    and not (fault.kind == body_check.RATE and "fps_true" in error.fix)
  ]


def _unit_name(unit_m: float) -> str:
  for name, metres in cleaning.KNOWN_UNITS_M.items():
    if abs(unit_m - metres) < _SAME_UNIT * metres:
      return name
  return f"{unit_m:.6g} m"
