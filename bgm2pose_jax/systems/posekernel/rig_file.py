"""rig.json: where the camera's pairs stand, in a file that people write."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, whole_file
from bgm2pose_jax.systems.posekernel import rig_axes, rig_checks
from bgm2pose_jax.systems.posekernel.rig import Camera, Rig

FORMAT = """\
rig.json says where the camera and the pairs of loudspeaker and microphone are:

  {"unit": "m",
   "frame": "camera",
   "axes": "x_right_y_down_z_forward",
   "camera": {"focal_px": [610, 610], "centre_px": [640, 360],
              "image_px": [1280, 720]},
   "pairs": [{"name": "left", "position": [-2.0, 0.4, 0.1]},
             {"name": "right", "loudspeaker": [2.0, 0.5, 0.1],
              "microphone": [2.0, 0.4, 0.1]}],
   "grid_centre": [0.0, 0.3, 2.5]}

unit: m, cm, mm or in. frame: the origin is the camera; positions in the frame
of a room are refused. axes: as the camera sees them; each of x, y and z is
right or left, up or down, forward or backward, and others than these (OpenCV's
and the Kinect's) are converted. camera: without distortion, pixels. pairs: in
the order of the kernels; name is optional. grid_centre: the middle of the space
that the person is searched in, the middle of the pairs when left out.
"""
_FIX = "see the format in lift --help"
_UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
_KEYS = ("unit", "frame", "axes", "camera", "pairs", "grid_centre")
_CAMERA = ("focal_px", "centre_px", "image_px")
_MAX_PAIRS = 64
_MAX_NAME = 80


@dataclasses.dataclass(frozen=True, eq=False)
class RigFile:
  """What a rig.json says.

  Attributes:
    rig: camera and pairs.
    names: name of each pair.
    grid_centre_m: float64 [3], middle of the voxels, metres, camera frame.
    notes: what was done or is to be noticed, sentences.
    warnings: what makes the result worse, sentences.
  """

  rig: Rig
  names: tuple[str, ...]
  grid_centre_m: np.ndarray
  notes: tuple[str, ...] = ()
  warnings: tuple[str, ...] = ()


def read_rig(path: str | os.PathLike[str]) -> RigFile:
  """Reads a rig.json; `FORMAT` says what stands in it.

  A pair whose loudspeaker and microphone are apart stands in their middle.
  Without a `grid_centre` the centroid of the pairs is taken.

  Args:
    path: the file.

  Raises:
    InputError: an entry missing, unknown or of another kind; positions that
      cannot be; see `rig_checks`.
  """
  found = json_file.read(path, _FIX, max_bytes=1 << 20)
  for key in found:
    if key not in _KEYS:
      raise InputError(path, f"has an unknown entry {key!r:.60}", _FIX)
  for key in _KEYS[:-1]:
    if key not in found:
      raise InputError(path, f"has no {key!r}", _FIX)
  unit = found["unit"]
  if not isinstance(unit, str) or unit not in _UNITS_M:
    raise InputError(
      path, f"unit is {unit!r:.40}", f"give one of {', '.join(_UNITS_M)}"
    )
  if found["frame"] != "camera":
    raise InputError(
      path,
      f"frame is {found['frame']!r:.40}",
      'give positions as the camera sees them, and "frame": "camera"',
    )
  to_camera, notes = rig_axes.to_camera(found["axes"], path)
  camera = _camera(found["camera"], path)
  names, ends = _pairs(found["pairs"], path)
  turn = _UNITS_M[unit] * to_camera
  ends_m = ends @ turn.T
  pairs_m = ends_m.mean(axis=1)
  warnings = rig_checks.check(names, ends_m, unit, path)
  if found.get("grid_centre") is None:
    # Where simulated rooms have it, too.
    centre_m = pairs_m.mean(axis=0)
    notes = (
      *notes,
      "The rig names no grid_centre: the person is searched around the middle"
      f" of the pairs, ({', '.join(f'{x:.2f}' for x in centre_m)}) m.",
    )
  else:
    centre_m = turn @ _vector(found["grid_centre"], path, "grid_centre")
    rig_checks.check_near(centre_m, "grid_centre", unit, path)
  if centre_m[2] <= 0:
    raise InputError(
      path,
      f"has the middle of the grid {-centre_m[2]:.2f} m behind the camera",
      "check the axes, or give grid_centre in front of it",
    )
  return RigFile(Rig(camera, pairs_m), names, centre_m, notes, warnings)


def write_rig(
  path: str | os.PathLike[str],
  rig: Rig,
  *,
  names: Sequence[str] | None = None,
  grid_centre_m: np.ndarray | None = None,
) -> None:
  """Writes a rig.json in metres, whole or not at all.

  Args:
    path: the file.
    rig: camera and pairs.
    names: name of each pair; None numbers them from 1.
    grid_centre_m: [3], metres, camera frame; None writes none.
  """
  camera = rig.camera
  if names is None:
    names = [f"pair {number}" for number in range(1, len(rig.pairs_m) + 1)]
  content: dict[str, Any] = {
    "unit": "m",
    "frame": "camera",
    "axes": rig_axes.CAMERA,
    "camera": {
      "focal_px": list(camera.focal_px),
      "centre_px": list(camera.centre_px),
      "image_px": list(camera.image_px),
    },
    "pairs": [
      {"name": name, "position": np.asarray(position, np.float64).tolist()}
      for name, position in zip(names, rig.pairs_m, strict=True)
    ],
  }
  if grid_centre_m is not None:
    content["grid_centre"] = np.asarray(grid_centre_m, np.float64).tolist()
  whole_file.write_text(
    pathlib.Path(path), json.dumps(content, indent=2) + "\n"
  )


def _camera(value: Any, path: object) -> Camera:
  if not isinstance(value, Mapping) or set(value) != set(_CAMERA):
    raise InputError(
      path, f"camera is {value!r:.60}", f"give {', '.join(_CAMERA)}"
    )
  numbers = {key: _vector(value[key], path, f"camera.{key}", 2)
             for key in _CAMERA}  # fmt: skip
  focal, centre, image = (numbers[key] for key in _CAMERA)
  if not ((image >= 16) & (image <= 20_000) & (image % 1 == 0)).all():
    raise InputError(
      path, f"camera.image_px is {image.tolist()}", "give width and height"
    )
  if not ((focal > 0.1 * image.max()) & (focal < 20 * image.max())).all():
    raise InputError(
      path,
      f"camera.focal_px is {focal.tolist()} of a picture {image.max():.0f}"
      " pixels wide",
      "give the focal lengths in pixels (fx and fy of the camera's matrix)",
    )
  if not ((centre >= 0) & (centre <= image)).all():
    raise InputError(
      path,
      f"camera.centre_px is {centre.tolist()}, outside the picture",
      "give the principal point in pixels (cx and cy of the camera's matrix)",
    )
  return Camera(
    (float(focal[0]), float(focal[1])),
    (float(centre[0]), float(centre[1])),
    (int(image[0]), int(image[1])),
  )


def _pairs(value: Any, path: object) -> tuple[tuple[str, ...], np.ndarray]:
  """Names, and loudspeakers and microphones [pair, 2, 3] in the file's unit."""
  if not isinstance(value, list) or not 0 < len(value) <= _MAX_PAIRS:
    count = len(value) if isinstance(value, list) else "no"
    raise InputError(path, f"has {count} pairs", f"give 1 to {_MAX_PAIRS}")
  names, ends = [], []
  for number, each in enumerate(value, 1):
    where = f"pairs[{number - 1}]"
    keys = set(each) - {"name"} if isinstance(each, Mapping) else set()
    if keys not in ({"position"}, {"loudspeaker", "microphone"}):
      raise InputError(
        path, f"{where} is {each!r:.60}", "give position, or loudspeaker and"
        " microphone, and maybe name",
      )  # fmt: skip
    name = each.get("name", f"pair {number}")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
      raise InputError(
        path, f"{where}.name is {name!r:.60}", "give a short text"
      )
    if name in names:
      raise InputError(path, f"has two pairs {name!r}", "name each differently")
    names.append(name)
    both = ("position",) * 2
    if "position" not in keys:
      both = ("loudspeaker", "microphone")
    ends.append([_vector(each[key], path, f"{where}.{key}") for key in both])
  return tuple(names), np.array(ends)


def _vector(value: Any, path: object, name: str, length: int = 3) -> np.ndarray:
  is_vector = isinstance(value, list) and len(value) == length
  if not is_vector or not all(
    isinstance(x, (int, float))
    and not isinstance(x, bool)
    and abs(x) < 1e9
    and math.isfinite(x)
    for x in value
  ):
    raise InputError(
      path, f"{name} is {value!r:.60}", f"give {length} finite numbers"
    )
  return np.array(value, np.float64)
