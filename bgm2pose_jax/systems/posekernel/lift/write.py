"""Lifted poses to files that other programs open."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.files import array_file
from bgm2pose_jax.files.json_lines import plain
from bgm2pose_jax.poses import position_csv
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.rest_pose import REST15
from bgm2pose_jax.systems.posekernel.lift import truth
from bgm2pose_jax.systems.posekernel.lift.result import LiftedPoses

NAMES = ("poses.csv", "poses.bvh", "poses.npz", "lift.json")
# From x right, y down, z forward to y up: half a turn about x, so that left
# and right stay what they are.
TO_Y_UP = np.array([1.0, -1.0, -1.0])


def write_all(
  folder: str | os.PathLike[str],
  found: LiftedPoses,
  figures: Mapping[str, Any] | None,
  rate_hz: float,
) -> list[Path]:
  """Writes lifted poses, each file whole or not at all.

  Columns of `poses.csv` are `sample` and `<joint>_x,_y,_z`: metres, in the
  camera's frame. `poses.npz` holds `pose_m`, `keypoints`, `names`, `joints`,
  `pairs_m`, `camera`, `grid_centre_m`, `simulated`, `facts` and, where there
  is one, `truth_m`. `poses.bvh` has the same positions with y up, x to the
  right and z towards the camera, a frame for each sample. `lift.json` has
  facts, notes, warnings, and how often each joint was not found.

  Args:
    folder: the folder, made when absent; files of these names in it are
      replaced.
    found: the poses.
    figures: from `truth.measure`; None without truth.
    rate_hz: frames a second that the BVH file claims.

  Returns:
    The files, in the order of `NAMES`.

  Raises:
    InputError: a folder or file that cannot be written.
  """
  folder = Path(folder)
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(
      folder, f"cannot be made ({error.strerror})", "name another folder"
    ) from error
  csv, bvh, npz, about = paths = [folder / name for name in NAMES]
  position_csv.write_points_csv(
    csv, BODY15, found.pose_m, labels=(truth.SAMPLE, found.names)
  )
  upright_m = found.pose_m * TO_Y_UP
  poses.write_bvh(bvh, upright_m, rate_hz, rest=REST15, exact=True)
  rig = found.rig_file.rig
  arrays: dict[str, Any] = {
    "pose_m": found.pose_m,
    "keypoints": found.keypoints.astype(np.float32),
    "names": np.array(found.names),
    "joints": np.array(BODY15.joints),
    "pairs_m": np.asarray(rig.pairs_m, np.float32),
    "camera": rig.camera.as_array(),
    "grid_centre_m": np.asarray(found.rig_file.grid_centre_m, np.float32),
    "simulated": np.bool_(found.simulated),
    "facts": np.array(json.dumps(plain(found.facts), sort_keys=True)),
  }
  if found.truth_m is not None:
    arrays["truth_m"] = found.truth_m
  array_file.write(npz, arrays)
  missing = found.missing
  content: dict[str, Any] = {
    "samples": len(found),
    "simulated": found.simulated,
    "facts": plain(found.facts),
    "notes": list(found.notes),
    "warnings": list(found.warnings),
    "missing_joints": dict(
      zip(BODY15.joints, missing.sum(axis=0).tolist(), strict=True)
    ),
    "samples_without_keypoints": int(missing.all(axis=1).sum()),
  }
  if figures is not None:
    content["errors"] = plain(dict(figures))
  run_folder.write_json(about, content)
  return paths
