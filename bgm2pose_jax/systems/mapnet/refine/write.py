"""A refined take to files that other programs open."""

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
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.poses.rest_pose import REST13
from bgm2pose_jax.systems.mapnet.refine.result import RefinedTake

NAMES = ("poses.csv", "poses.bvh", "poses.npz", "metrics.json")


def write_all(
  folder: str | os.PathLike[str],
  take: RefinedTake,
  figures: Mapping[str, Any],
) -> list[Path]:
  """Writes a refined take, each file whole or not at all.

  Columns of `poses.csv` are `time_s` and `<joint>_x,_y,_z` in metres.
  `poses.bvh` has positions of every joint, so that they lie where the CSV has
  them. `poses.npz` holds `pose_m`, `input_m`, `time_s`, `rate_hz`, `joints`,
  `bridged`, `facts` and, where there is one, `truth_m`.

  Args:
    folder: the folder, made when absent; files of these names in it are
      replaced.
    take: the poses.
    figures: from `measures.measure`.

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
  csv, bvh, npz, metrics = paths = [folder / name for name in NAMES]
  position_csv.write_points_csv(csv, BODY13, take.pose_m, take.time_s)
  poses.write_bvh(bvh, take.pose_m, FRAMES_PER_S, rest=REST13, exact=True)
  arrays: dict[str, Any] = {
    "pose_m": take.pose_m,
    "input_m": take.input_m,
    "time_s": take.time_s,
    "rate_hz": np.float64(FRAMES_PER_S),
    "joints": np.array(BODY13.joints),
    "bridged": take.bridged,
    "simulated": np.bool_(take.simulated),
    "facts": np.array(json.dumps(plain(take.facts), sort_keys=True)),
  }
  if take.truth_m is not None:
    arrays["truth_m"] = take.truth_m
  array_file.write(npz, arrays)
  run_folder.write_json(metrics, {**figures, "facts": plain(take.facts)})
  return paths
