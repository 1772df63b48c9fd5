"""Joint maps: files in which a person says which of a file's names is what.

JSON holds one object, {"name in the motion file": "joint"}; CSV two columns,
the name and the joint, with or without the header `name,joint`. Joints are
those of `BODY21`. Names that a motion file lacks are left aside, so that one
map may serve a folder of several skeletons; joints that the map leaves out are
looked for by their usual names.
"""

from __future__ import annotations

import csv
import os
import pathlib

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, text_file
from bgm2pose_jax.poses.body21 import BODY21

# Read without a flag where it lies in a folder of motion files.
NAME = "joint_map.json"
_MAX_BYTES = 2**20
_MOST = 10_000
_JOINTS = f"use {', '.join(BODY21.joints)}"


def read_joint_map(path: str | os.PathLike[str]) -> dict[str, str]:
  """Reads a joint map.

  Args:
    path: JSON, or CSV where the name ends in `.csv`.

  Returns:
    {name in a motion file: one of `BODY21.joints`}.

  Raises:
    InputError: no such file, neither JSON nor CSV, or a joint that is none.
  """
  path = pathlib.Path(path)
  if path.suffix.lower() == ".csv":
    pairs = _csv_pairs(path)
  else:
    form = 'write {"name in the motion file": "joint", ...}'
    found = json_file.read(path, form, max_bytes=_MAX_BYTES)
    pairs = list(found.items())
  if not pairs or len(pairs) > _MOST:
    raise InputError(path, f"{len(pairs)} names", f"give 1 to {_MOST}")
  joints = {joint.casefold(): joint for joint in BODY21.joints}
  out: dict[str, str] = {}
  for name, joint in pairs:
    known = joints.get(joint.casefold()) if isinstance(joint, str) else None
    shown = text_file.clip_text(str(joint))
    if known is None and name.casefold() in joints:
      raise InputError(
        path,
        f"'{text_file.clip_text(name)}': '{shown}', which is no joint",
        "write it the other way round: the file's name, then the joint",
      )
    if known is None:
      raise InputError(path, f"'{shown}' is no joint", _JOINTS)
    if name in out:
      raise InputError(
        path, f"'{text_file.clip_text(name)}' twice", "name it once"
      )
    out[name] = known
  return out


def of_folder(
  folder: pathlib.Path, path: str | os.PathLike[str] | None
) -> dict[str, str]:
  """The map of that path, else the folder's own, else an empty one.

  Raises:
    InputError: as `read_joint_map`.
  """
  if path is not None:
    return read_joint_map(path)
  own = folder / NAME
  return read_joint_map(own) if os.path.lexists(own) else {}


def _csv_pairs(path: pathlib.Path) -> list[tuple[str, str]]:
  data = text_file.read_bytes(path, max_bytes=_MAX_BYTES)
  text = [row.decode("utf-8", "replace") for _, row in
          text_file.lines(data, path)]  # fmt: skip
  pairs = []
  reader = csv.reader(text, strict=True)
  try:
    for cells in reader:
      cells = [cell.strip() for cell in cells]
      if not any(cells):
        continue
      if len(cells) != 2:
        raise InputError(
          f"{path} line {reader.line_num}",
          f"{len(cells)} cells",
          "give two: the file's name, then the joint",
        )
      if pairs or [cell.lower() for cell in cells] != ["name", "joint"]:
        pairs.append((cells[0], cells[1]))
  except csv.Error as error:
    raise InputError(
      f"{path} line {reader.line_num}", f"{error}", "save it as plain CSV"
    ) from error
  return pairs
