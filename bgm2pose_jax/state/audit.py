"""Whether checkpoints are what was saved.

The sums of files are checked with the standard library alone, those of arrays
in a file of NumPy's with NumPy: neither the library that wrote the
checkpoints nor the one that computed them vouches for itself.
"""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.state import seal


def audit(folder: str) -> list[tuple[str, int, str]]:
  """Checks every step of a run, or one.

  Args:
    folder: a run's work folder, its `checkpoints` folder, or one step in it.

  Returns:
    For each step its folder, the number of its files and what is wrong; an
    empty text where nothing is.

  Raises:
    InputError: there is no checkpoint.
  """
  found = []
  for step in find(folder):
    files = sum(path.is_file() for path in step.rglob("*"))
    try:
      seal.check(step)
      wrong = ""
    except InputError as error:
      wrong = error.found
    found.append((str(step), files, wrong))
  return found


def find(folder: str) -> list[pathlib.Path]:
  """Returns the folders of steps that a folder stands for, see `audit`."""
  path = pathlib.Path(folder).resolve()
  if (path / "checkpoints").is_dir():
    path = path / "checkpoints"
  steps = [path / str(step) for step in seal.numbered(path)]
  if not steps and path.name.isdecimal() and seal.is_step(path):
    steps = [path]
  if not steps:
    raise InputError(
      f"--checkpoint={folder}",
      "holds no checkpoint" if path.exists() else "no such folder",
      "give the work folder of a run that saved at least one epoch",
    )
  return steps


def audit_arrays(step: pathlib.Path, file: str) -> list[tuple[str, str]]:
  """Compares arrays of a file with the sums of those saved.

  Args:
    step: folder of one step.
    file: .npz whose arrays have the names of the checkpoint's, all or some.

  Returns:
    For each array of the file its name and what is wrong; an empty text where
    nothing is.

  Raises:
    InputError: the seal or the file cannot be used.
  """
  sealed = seal.read(step)["leaves"]
  arrays = _arrays(file)
  if not arrays.keys() & sealed.keys():
    raise InputError(
      f"--arrays={file}",
      f"holds none of the {len(sealed)} arrays of {step}",
      f"name them as there, e.g. {next(iter(sealed), 'params/...')}",
    )
  sums = seal.leaf_sums(arrays)
  return [(name, _difference(sealed.get(name), sums[name])) for name in sums]


def _difference(saved: Mapping[str, Any] | None, found: Mapping) -> str:
  if saved is None:
    return "is no array of the checkpoint"
  for part in ("dtype", "shape", "sha256"):
    if saved[part] != found[part]:
      return f"has {part} {found[part]}, {saved[part]} was saved"
  return ""


def _arrays(file: str) -> dict[str, Any]:
  import numpy as np

  try:
    with np.load(file, allow_pickle=False) as found:
      return {name: found[name] for name in found.files}
  except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as error:
    raise InputError(
      f"--arrays={file}",
      f"cannot be read ({error})",
      "give a file that numpy.savez wrote",
    ) from error


def run(checkpoint: str, arrays_file: str | None) -> tuple[list[str], int]:
  """Checks a run, and perhaps arrays against it.

  Args:
    checkpoint: see `audit`.
    arrays_file: see `audit_arrays`, for the newest step; None for none.

  Returns:
    The lines of a table, and the exit status: 0 when all is as saved, else 1.

  Raises:
    InputError: there is nothing to check, or a file cannot be used.
  """
  steps = audit(checkpoint)
  rows = [("step", "files", "verdict")]
  rows += [
    (pathlib.Path(folder).name, str(files), wrong or "as saved")
    for folder, files, wrong in steps
  ]
  arrays = []
  if arrays_file is not None:
    newest = pathlib.Path(steps[-1][0])
    arrays = audit_arrays(newest, arrays_file)
    rows.append((f"array of step {newest.name}", "", "verdict"))
    rows += [(name, "", wrong or "as saved") for name, wrong in arrays]
  widths = [max(len(row[i]) for row in rows) for i in range(2)]
  lines = [
    f"{name:<{widths[0]}}  {files:>{widths[1]}}  {verdict}"
    for name, files, verdict in rows
  ]
  return lines, int(any(wrong for *_, wrong in steps + arrays))
