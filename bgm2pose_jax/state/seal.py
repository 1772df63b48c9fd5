"""The seal of a checkpoint: what its files and arrays were when it was saved.

Array files carry no sums of their own: a flipped bit would be read as a
weight. The seal lies in the step's folder, is written last and holds the size
and SHA-256 of every file, name, type, shape and SHA-256 of every array, and
what a run that goes on must know besides its state. The standard library
alone reads and checks it.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import whole_file

SEAL = "seal.json"
_FORMAT = 1
_BLOCK = 1 << 20
_FIX = (
  "restore it from a copy, or delete its folder: an earlier step is taken then"
)


class DamagedError(InputError):
  """A checkpoint is not what was saved."""


def numbered(folder: str | os.PathLike[str]) -> list[int]:
  """Returns the steps that have a folder, in rising order.

  A step's folder gets its number when it is sealed, so one without a seal
  has lost it.

  Args:
    folder: checkpoint folder; may not exist.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    return []
  names = [child.name for child in folder.iterdir()]
  return sorted(int(n) for n in names if n.isdecimal() and str(int(n)) == n)


def is_step(path: pathlib.Path) -> bool:
  """Whether a folder is or was a checkpoint, whole or not."""
  return (path / SEAL).exists() or (path / "state").is_dir()


def write(step_folder: pathlib.Path, content: Mapping[str, Any]) -> None:
  """Seals a folder: its files must be complete, and never change again.

  Args:
    step_folder: holds regular files and folders of them alone.
    content: what to remember beside the files; plain values for JSON.

  Raises:
    OSError: a file cannot be read or brought to the disk.
    InputError: the seal cannot be written.
  """
  files = {}
  for name, path in _regular_files(step_folder).items():
    with path.open("rb") as file:
      # A seal must not outlive what it speaks of when the power goes.
      os.fsync(file.fileno())
    files[name] = {"bytes": path.stat().st_size, "sha256": _file_sum(path)}
  for folder in [step_folder, *step_folder.rglob("*/")]:
    if folder.is_dir():
      sync_folder(folder)
  body = {"format": _FORMAT, **content, "files": files}
  with whole_file.writing(step_folder / SEAL) as file:
    file.write(_rendered(body))
  sync_folder(step_folder)


def read(step_folder: pathlib.Path) -> dict[str, Any]:
  """Reads a seal, which is checked against itself alone.

  Args:
    step_folder: folder of one step.

  Raises:
    DamagedError: there is none, or it is not what was written.
  """
  path = step_folder / SEAL
  if step_folder.is_symlink() or path.is_symlink():
    raise DamagedError(step_folder, f"it or its {SEAL} is a link", _FIX)
  try:
    found = path.read_bytes()
  except FileNotFoundError:
    raise DamagedError(
      step_folder,
      f"{SEAL} is missing: lost, or of a version that wrote none",
      _FIX,
    ) from None
  except OSError as error:
    raise DamagedError(
      path, f"cannot be read ({error.strerror or error})", _FIX
    ) from error
  try:
    body = json.loads(found)
    body.pop("sha256")
    whole = _rendered(body) == found
  except (ValueError, KeyError, AttributeError, RecursionError):
    whole = False
  if not whole:
    raise DamagedError(step_folder, f"{SEAL} is not as it was written", _FIX)
  if body["format"] != _FORMAT:
    raise InputError(
      path,
      f"has format {body['format']!r}, this version reads {_FORMAT}",
      "take the version that wrote it",
    )
  return body


def check(step_folder: pathlib.Path) -> dict[str, Any]:
  """Compares every file with the seal.

  Args:
    step_folder: folder of one step.

  Returns:
    The seal's content.

  Raises:
    DamagedError: a file is missing, foreign, no regular file, or not as it
      was saved; the message names it.
  """
  body = read(step_folder)
  if body.get("step") != int(step_folder.name):
    raise DamagedError(
      step_folder, f"its {SEAL} is that of step {body.get('step')}", _FIX
    )
  try:
    there = _regular_files(step_folder)
    sealed = body["files"]
    for name in sorted(sealed.keys() - there.keys()):
      raise DamagedError(step_folder, f"{name} is missing", _FIX)
    for name in sorted(there.keys() - sealed.keys()):
      raise DamagedError(step_folder, f"{name} is no file of it", _FIX)
    for name, path in there.items():
      size = path.stat().st_size
      if size != sealed[name]["bytes"]:
        raise DamagedError(
          step_folder,
          f"{name} has {size} bytes, {sealed[name]['bytes']} were saved",
          _FIX,
        )
      if _file_sum(path) != sealed[name]["sha256"]:
        raise DamagedError(step_folder, f"{name} is not as it was saved", _FIX)
  except OSError as error:
    where = error.filename or step_folder
    raise DamagedError(
      where, f"cannot be read ({error.strerror or error})", _FIX
    ) from error
  return body


def leaf_sums(leaves: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
  """Describes arrays: {name: {dtype, shape, sha256}}.

  Args:
    leaves: {name: NumPy array}; the sum is of the bytes in C order, the lowest
      byte of a number first.
  """
  found = {}
  for name, array in leaves.items():
    if sys.byteorder == "big" and array.dtype.itemsize > 1:
      array = array.byteswap()
    found[name] = {
      "dtype": array.dtype.name,
      "shape": list(array.shape),
      "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
    }
  return found


def check_leaves(
  step_folder: pathlib.Path,
  sealed: Mapping[str, Any],
  leaves: Mapping[str, Any],
) -> None:
  """Compares arrays that were read with those that were saved.

  Args:
    step_folder: the step's folder, for the message.
    sealed: `leaves` of the seal.
    leaves: {name: NumPy array}, all or some of them.

  Raises:
    DamagedError: naming the first that differs.
  """
  for name, found in leaf_sums(leaves).items():
    if sealed.get(name) != found:
      raise DamagedError(
        step_folder, f"{name} is not the array that was saved", _FIX
      )


def sync_folder(folder: pathlib.Path) -> None:
  """Brings a folder's list of names to the disk, where the system can."""
  if not hasattr(os, "O_DIRECTORY"):
    return
  opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
  try:
    os.fsync(opened)
  finally:
    os.close(opened)


def _regular_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """{path in the folder: file} of all but the seal; links are refused."""
  found: dict[str, pathlib.Path] = {}
  for root, folders, files in os.walk(folder, followlinks=False):
    for name in sorted(folders + files):
      path = pathlib.Path(root, name)
      inside = path.relative_to(folder).as_posix()
      if path.is_symlink() or not (path.is_file() or path.is_dir()):
        raise DamagedError(
          folder, f"{inside} is a link or no regular file", _FIX
        )
      if path.is_file() and inside != SEAL:
        found[inside] = path
  return dict(sorted(found.items()))


def _file_sum(path: pathlib.Path) -> str:
  sums = hashlib.sha256()
  with path.open("rb") as file:
    while block := file.read(_BLOCK):
      sums.update(block)
  return sums.hexdigest()


def _rendered(body: Mapping[str, Any]) -> bytes:
  """The one text of a seal, which ends with its own sum."""
  text = json.dumps(body, sort_keys=True, allow_nan=False)
  own = hashlib.sha256(text.encode()).hexdigest()
  # "sha256" is the last key in order as well.
  return (
    json.dumps({**body, "sha256": own}, sort_keys=True, allow_nan=False) + "\n"
  ).encode()
