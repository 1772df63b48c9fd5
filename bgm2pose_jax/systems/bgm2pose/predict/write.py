"""Predictions as files: NumPy, CSV, JSON and BVH.

| file | unit | what it holds |
| --- | --- | --- |
| `poses.npz` | both | all of a `PoseTrack`; `pose` hip-spine, `pose_m` metres |
| `poses.csv` | metres | joint positions, laid out as OptiTrack Motive exports |
| `poses.json` | hip-spine | all of a `PoseTrack`, four decimals |
| `poses.bvh` | centimetres | skeleton and rotations, see `poses.bvh_writer` |

Metres are hip-spine lengths times `hip_spine_m`: the networks do not know how
large a person is. Time is that of the recording in npz, csv and json (its
first sample is 0); a BVH file starts with the first pose. That a model was
trained on simulated recordings stands in npz, csv and json; BVH has no place
for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, whole_file
from bgm2pose_jax.files.json_lines import plain
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ, PoseTrack

FORMATS: tuple[str, ...] = ("npz", "csv", "json", "bvh")
# AMPL's mean is .092 m; an infant's and a giant's lie within.
_HIP_SPINE_M = (0.02, 0.5)
_BLOCK = 4096


def write_all(
  folder: str | os.PathLike[str],
  track: PoseTrack,
  *,
  hip_spine_m: float = BODY21.unit_cm / 100,
  formats: Sequence[str] = FORMATS,
) -> list[Path]:
  """Writes a prediction in several formats, each file whole or not at all.

  Args:
    folder: the folder, made when absent; files of these names in it are
      replaced.
    track: the prediction.
    hip_spine_m: metres per hip-spine length.
    formats: some of `FORMATS`.

  Returns:
    The files, `poses.<format>`, in the order of `formats`.

  Raises:
    InputError: an unknown format, a hip-spine length that no person has, or a
      folder or file that cannot be written.
  """
  check(formats, hip_spine_m)
  folder = Path(folder)
  writers = {"npz": _npz, "csv": _csv, "json": _json, "bvh": _bvh}
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(
      folder, f"cannot be made ({error.strerror})", "name another folder"
    ) from error
  paths = []
  for name in dict.fromkeys(formats):
    path = folder / f"poses.{name}"
    writers[name](path, track, hip_spine_m)
    paths.append(path)
  return paths


def check(formats: Sequence[str], hip_spine_m: float) -> None:
  """Refuses what `write_all` would, before there is a prediction.

  Raises:
    InputError: an unknown format, or a hip-spine length that no person has.
  """
  for name in formats:
    if name not in FORMATS:
      raise InputError(
        f"format {name!r}", "is not known", f"use {', '.join(FORMATS)}"
      )
  low, high = _HIP_SPINE_M
  if not low <= hip_spine_m <= high:
    raise InputError(
      "hip_spine_m", f"is {hip_spine_m} m", f"give {low} to {high} metres"
    )


def _npz(path: Path, track: PoseTrack, hip_spine_m: float) -> None:
  arrays: dict[str, Any] = {
    "pose": track.pose,
    "pose_m": track.pose * np.float32(hip_spine_m),
    "time_s": track.time_s,
    "joints": np.array(BODY21.joints),
    "hip_spine_m": np.float64(hip_spine_m),
    "simulated": np.bool_(track.simulated),
    "facts": np.array(_facts(track)),
  }
  if track.spread is not None:
    arrays["spread"] = track.spread
  if track.target is not None:
    arrays["target"] = track.target
  array_file.write(path, arrays)


def _csv(path: Path, track: PoseTrack, hip_spine_m: float) -> None:
  """Motive's header rows; 10 um, so that 12 h stay in a reader's 512 MiB."""
  names = [f"Person:{name}" for name in BODY21.joints for _ in "xyz"]
  bones = [str(i + 1) for i in range(BODY21.num_joints) for _ in "xyz"]
  about = {
    "Format Version": "1.23",
    "Take Name": "poses",
    "Training Data": "simulated" if track.simulated else "recorded",
    "Capture Frame Rate": f"{RATE_HZ:.6f}",
    "Export Frame Rate": f"{RATE_HZ:.6f}",
    "Total Exported Frames": str(len(track)),
    "Rotation Type": "None",
    "Length Units": "Meters",
    "Coordinate Space": "Global",
  }
  header = [
    [cell for pair in about.items() for cell in pair],
    [],
    ["", "Type", *["Bone"] * len(names)],
    ["", "Name", *names],
    ["", "ID", *bones],
    ["", "", *["Position"] * len(names)],
    ["Frame", "Time (Seconds)", *"XYZ" * BODY21.num_joints],
  ]
  line = "%d,%.6f" + ",%.5f" * len(names) + "\n"
  with whole_file.writing(path) as file:
    text = "".join(",".join(row) + "\n" for row in header)
    file.write(text.encode("ascii"))
    for start in range(0, len(track), _BLOCK):
      part = track.pose[start : start + _BLOCK] * np.float64(hip_spine_m)
      frames = np.arange(start, start + len(part))
      table = np.column_stack(
        [
          frames,
          track.first_s + frames / RATE_HZ,
          np.round(part.reshape(len(part), -1), 5) + 0.0,  # no -0
        ]
      )
      rows = (line * len(table)) % tuple(table.ravel().tolist())
      file.write(rows.encode("ascii"))


def _json(path: Path, track: PoseTrack, hip_spine_m: float) -> None:
  head = {
    "bones": [list(bone) for bone in BODY21.bones],
    "facts": json.loads(_facts(track)),
    "first_s": float(track.first_s),
    "hip_spine_m": round(float(hip_spine_m), 9),
    "joints": list(BODY21.joints),
    "rate_hz": RATE_HZ,
    "simulated": bool(track.simulated),
    "unit": "hip-spine length",
  }
  with whole_file.writing(path) as file:
    lines = [f' "{key}": {json.dumps(head[key])}' for key in head]
    file.write(("{\n" + ",\n".join(lines)).encode("ascii"))
    for name, array in (
      ("frames", track.pose),
      ("target", track.target),
      ("spread", track.spread),
    ):
      if array is not None:
        file.write(f',\n "{name}": [\n'.encode("ascii"))
        _write_rows(file, array)
        file.write(b"\n ]")
    file.write(b"\n}\n")


def _write_rows(file: BinaryIO, array: np.ndarray) -> None:
  """One frame a line, as nested lists, without the brackets around all."""
  cells = "%.4f"
  for size in array.shape[:0:-1]:
    cells = "[" + ",".join([cells] * size) + "]"
  for start in range(0, len(array), _BLOCK):
    part = array[start : start + _BLOCK].astype(np.float64)
    values = np.round(part, 4) + 0.0  # no -0
    rows = ",\n".join([cells] * len(part)) % tuple(values.ravel().tolist())
    file.write(((",\n" if start else "") + rows).encode("ascii"))


def _bvh(path: Path, track: PoseTrack, hip_spine_m: float) -> None:
  poses.write_bvh(path, track.pose, RATE_HZ, unit_m=hip_spine_m)


def _facts(track: PoseTrack) -> str:
  """Strict JSON: a number that is not finite becomes a text."""
  return json.dumps(plain(track.facts), sort_keys=True, allow_nan=False)
