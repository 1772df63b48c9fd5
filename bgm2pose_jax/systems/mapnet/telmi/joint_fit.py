"""Thirteen joints from markers on the skin.

The paper (Shrestha et al., arXiv 2203.12829) fits them "heuristically" and
prints no formulas; these are our choice (datasets/mapdat/README.md). Markers
stand off the joints: a shoulder marker lies on the acromion some 4 cm above the
joint, a waist marker on the back some 8 cm behind the hip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.telmi.marker_names import C7, listing

FITS = ("mean", "marker")
RAISED_M = 0.03
LOWERED_M = 0.04
FORWARD_M = 0.08
# Standard deviation over mean of a bone's length.
LARGEST_VARIATION = 0.05

# One joint's places, best first; those of one entry are averaged.
_Choices = tuple[tuple[str, ...], ...]
Plan = dict[str, tuple[str, ...]]

_MEAN: dict[str, _Choices] = {
  "SHO": (("shoulder", "back_shoulder"),),
  "MEL": (("inner_elbow", "outer_elbow"),),
  "MWR": (("inner_wrist", "outer_wrist"),),
  "BWT": (("back_waist",),),
  "KNE": (("inner_knee", "outer_knee"),),
  "TOE": (("toe",),),
}
# The joints' names say the medial marker of elbow and wrist; a knee's marker
# is the lateral one in the usual sets.
_MARKER: dict[str, _Choices] = {
  "SHO": (("shoulder",),),
  "MEL": (("inner_elbow",), ("elbow",), ("outer_elbow",)),
  "MWR": (("inner_wrist",), ("wrist",), ("outer_wrist",)),
  "BWT": (("back_waist",),),
  "KNE": (("outer_knee",), ("knee",), ("inner_knee",)),
  "TOE": (("toe",),),
}
_TOP: _Choices = ((C7,), ("right_shoulder", "left_shoulder"))


def plan(
  fit: str,
  places: Mapping[str, tuple[str, ...]],
  names: tuple[str, ...],
  where: object,
) -> Plan:
  """Says which places each joint is made of.

  Args:
    fit: `mean`, or `marker` for single markers unchanged.
    places: {place: markers} that were found.
    names: all markers of the file, for the message.
    where: the file, for the message.

  Returns:
    {joint: places}.

  Raises:
    InputError: another fit, or joints whose markers are missing: the message
      says which joint lacks what, and what was found.
  """
  if fit not in FITS:
    raise InputError("fit", repr(fit), f"give {' or '.join(FITS)}")
  out: Plan = {}
  lacking = []
  for joint in BODY13.joints:
    choices = _choices(fit, joint)
    chosen = next((c for c in choices if all(p in places for p in c)), None)
    if chosen is not None:
      out[joint] = chosen
      continue
    missing = [p for p in choices[0] if p not in places]
    others = "".join(f" or {' and '.join(c)}" for c in choices[1:])
    lacking.append(f"{joint} lacks {' and '.join(missing)}{others}")
  if lacking:
    raise InputError(
      where,
      f"{len(lacking)} of 13 joints cannot be made with fit={fit}: "
      f"{'; '.join(lacking)}. Its markers are {listing(names)}",
      "name the markers in a --marker_map, or try another --fit",
    )
  return out


def _choices(fit: str, joint: str) -> _Choices:
  if joint == C7.upper():
    return _TOP
  side = "right" if joint[0] == "R" else "left"
  table = _MEAN if fit == "mean" else _MARKER
  return tuple(
    tuple(f"{side}_{place}" for place in places) for places in table[joint[1:]]
  )


def joints(
  fit: str, chosen: Plan, positions_m: Mapping[str, np.ndarray]
) -> np.ndarray:
  """Makes the joints.

  Args:
    fit: `mean`: shoulders are lowered by 4 cm, waist markers go 8 cm forward;
      `marker`: unchanged. Without a C7 marker both take the mean of the
      shoulder markers, raised by 3 cm.
    chosen: what `plan` chose.
    positions_m: {place: [t, 3]}, metres, y up, right-handed.

  Returns:
    float64 [t, 13, 3] in the order of `BODY13`, NaN where a marker is.
  """
  up = np.array([0.0, 1.0, 0.0])
  out = {
    joint: np.mean([positions_m[place] for place in places], axis=0)
    for joint, places in chosen.items()
  }
  if chosen["C7"] != (C7,):
    out["C7"] = out["C7"] + RAISED_M * up
  if fit == "mean":
    forward = pelvis_normal(out["RBWT"], out["LBWT"])
    for side in "RL":
      out[side + "SHO"] = out[side + "SHO"] - LOWERED_M * up
      out[side + "BWT"] = out[side + "BWT"] + FORWARD_M * forward
  return np.stack([out[joint] for joint in BODY13.joints], axis=1)


def pelvis_normal(right: np.ndarray, left: np.ndarray) -> np.ndarray:
  """Returns where the pelvis faces, unit vectors [..., 3], level.

  Args:
    right: [..., 3], the pelvis' right side, y up, right-handed.
    left: [..., 3], its left side.
  """
  across = right - left
  # up x right
  facing = np.stack(
    [across[..., 2], np.zeros_like(across[..., 0]), -across[..., 0]], axis=-1
  )
  length = np.linalg.norm(facing, axis=-1, keepdims=True)
  return facing / np.maximum(length, 1e-9)


def bone_lengths(pose_m: np.ndarray) -> dict[str, tuple[float, float]]:
  """Measures how constant the bones are: the test of a fit.

  Args:
    pose_m: [t, 13, 3], finite.

  Returns:
    {`C7-RSHO`: (mean length in metres, standard deviation over mean)}.
  """
  out = {}
  for index, parent in enumerate(BODY13.parents):
    if parent >= 0:
      length_m = np.linalg.norm(pose_m[:, index] - pose_m[:, parent], axis=-1)
      mean_m = float(length_m.mean())
      name = f"{BODY13.joints[parent]}-{BODY13.joints[index]}"
      out[name] = (mean_m, float(length_m.std()) / max(mean_m, 1e-9))
  return out
