"""What is wrong with the positions of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bgm2pose_jax.poses import cleaning, joint_maps, position_csv
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import POSE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.doctor import (
  pose_body,
  pose_repair,
  sound_levels,
)
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

# Rates that cameras run at.
_RATES_HZ = (24, 25, 30, 50, 60, 90, 100, 150, 180, 200, 240, 250, 300, 360)
_NEAR_RATE = 0.01
_LONGEST_STILL_S = 0.5
_LONGEST_STILL_JOINT_S = 3.0
_REPEATED_SHARE = 0.05
# Feet that are locked to the floor in the capture software keep their place.
_PLANTED = ("Foot", "ToeBase")


def check_positions(
  path: Path, sound_s: float | None, found: Findings
) -> int | None:
  """Reads a position file and judges the motion in it.

  Args:
    path: the file.
    sound_s: length of the recording; None where it is not known.
    found: takes the findings.

  Returns:
    Rows at 120 a second; None where the file cannot be read.
  """
  positions = None
  with found.guard(path, "positions"):
    tracks = position_csv.read_position_points(path)
    columns = joint_maps.joint_columns(tracks.names, path)
    positions = _at_pose_rate(path, tracks, columns, found)
  if positions is None:
    return None
  with found.guard(path, "positions"):
    if sound_s is not None:
      _check_length(path, len(positions), sound_s, found)
    _check_gaps(path, positions, found)
    whole = np.array(np.isfinite(positions).all(axis=(1, 2)))
    if whole.any():
      _check_stillness(path, positions, found)
      pose_body.check_body(path, positions, whole, found)
  return len(positions)


def _at_pose_rate(
  path: Path, tracks: CapturedPoints, columns: list[int], found: Findings
) -> np.ndarray:
  """Rows as training reads them where a column says their times."""
  positions = tracks.positions[:, columns]
  for warning in tracks.warnings:
    found.warning("pose rate", path, warning, "correct or drop the column")
  if tracks.time_s is None and tracks.rate_hz == POSE_RATE_HZ:
    return positions
  time_s = tracks.time_s
  if time_s is None:
    time_s = np.arange(len(positions)) / tracks.rate_hz
  found.note(
    "pose rate",
    path,
    f"its own columns say {tracks.rate_hz:g} rows a second: read as"
    f" {POSE_RATE_HZ:g}, by which rows are counted here",
    "nothing to do if that is so, else drop the column",
  )
  return cleaning.evenly_timed(positions, time_s, POSE_RATE_HZ)


def _check_length(
  path: Path, rows: int, sound_s: float, found: Findings
) -> None:
  pose_s = rows / POSE_RATE_HZ
  if abs(pose_s - sound_s) < WINDOW_S:
    return
  rate_hz = rows / max(sound_s, 1e-9)
  near = min(_RATES_HZ, key=lambda rate: abs(rate - rate_hz))
  if abs(near - rate_hz) < _NEAR_RATE * near:
    found.error(
      "pose rate",
      path,
      f"{rows} rows for {sound_s:.1f} s of sound are {rate_hz:.1f} a second:"
      f" {near} it seems, not {POSE_RATE_HZ:.0f}",
      pose_repair.repair(path, f"p, {near}"),
    )
    return
  shorter = "poses" if pose_s < sound_s else "sound"
  found.warning(
    "length",
    path,
    f"{rows} rows are {pose_s:.1f} s at {POSE_RATE_HZ:.0f} a second, the"
    f" recording lasts {sound_s:.1f} s",
    f"the {shorter} decide, the rest is not used; cut both to the same"
    " beginning and end",
  )


def _check_gaps(path: Path, positions: np.ndarray, found: Findings) -> None:
  missing = np.array(~np.isfinite(positions).all(axis=2))
  if not missing.any():
    return
  rows = np.array(missing.any(axis=1))
  worst = int(missing.sum(axis=0).argmax())
  longest = max(
    stop - start
    for joint in range(len(BODY21.joints))
    for start, stop in sound_levels.runs(missing[:, joint], 1) or [(0, 0)]
  )
  filled = cleaning.fill_gaps(positions, POSE_RATE_HZ)
  fix = "fill the gaps in the capture software"
  if np.isfinite(filled).all():
    # Short and in the middle: straight lines do.
    code = (
      "import sys; from bgm2pose_jax.poses import cleaning, joint_maps,"
      " position_csv as c; t = c.read_position_points(sys.argv[1]);"
      " p = t.positions[:, joint_maps.joint_columns(t.names, sys.argv[1])];"
      " c.write_position_csv(sys.argv[2], cleaning.fill_gaps(p, 120))"
    )
    fix = pose_repair.run_python(code, path)
  found.error(
    "position gaps",
    path,
    f"{int(rows.sum())} of {len(rows)} rows lack a joint,"
    f" {BODY21.joints[worst]} most often, first at row"
    f" {int(rows.argmax())}; the longest gap is {longest / POSE_RATE_HZ:.2f} s",
    fix,
  )


def _check_stillness(
  path: Path, positions: np.ndarray, found: Findings
) -> None:
  still = (np.diff(positions, axis=0) == 0).all(axis=2)
  if not len(still):
    return
  frozen = still.all(axis=1)
  stretches = sound_levels.runs(frozen, round(_LONGEST_STILL_S * POSE_RATE_HZ))
  if stretches:
    first, end = max(stretches, key=lambda run: run[1] - run[0])
    lost_s = sum(stop - start for start, stop in stretches) / POSE_RATE_HZ
    found.warning(
      "frozen poses",
      path,
      f"no joint moves for {lost_s:.1f} s, the longest from"
      f" {first / POSE_RATE_HZ:.1f} to {end / POSE_RATE_HZ:.1f} s: capture"
      " stood still while sound went on",
      "leave these seconds out of the annotations",
    )
    for start, stop in stretches:
      still[start:stop] = False
      frozen[start:stop] = False
  share = float(frozen.mean())
  if share > _REPEATED_SHARE:
    found.warning(
      "frozen poses",
      path,
      f"{share:.0%} of the rows repeat the row before: captured more slowly"
      " and filled up with copies",
      "export at the true rate and give it as RATE: "
      + pose_repair.repair(path, "p, RATE"),
    )
    return
  shortest = round(_LONGEST_STILL_JOINT_S * POSE_RATE_HZ)
  stuck = [
    BODY21.joints[joint]
    for joint in range(len(BODY21.joints))
    if not BODY21.joints[joint].endswith(_PLANTED)
    and sound_levels.runs(still[:, joint], shortest)
  ]
  if stuck:
    found.warning(
      "frozen poses",
      path,
      f"{', '.join(stuck)} keeps its place for"
      f" {_LONGEST_STILL_JOINT_S:.0f} s or more while others move",
      "look at these joints in the capture software: their markers were lost",
    )
