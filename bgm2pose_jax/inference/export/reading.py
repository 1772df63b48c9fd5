"""Reads an export; nothing is believed before the sums are."""

from __future__ import annotations

import dataclasses
import pathlib
import stat
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, plain_file
from bgm2pose_jax.inference.export import run_exported

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = "bgm2pose_jax export 1"
# What config.json says of every system's networks, and of which kind it is;
# the rest is the system's own.
KINDS: dict[str, Any] = {
  "config": Mapping,
  "dataset": Mapping,
  "format": str,
  "model": str,
  "origin": (Mapping, type(None)),
  "parameters": int,
  "platforms": list,
  "programs": Mapping,
  "step": int,
  "versions": Mapping,
  "versions_of_training": Mapping,
}
# Networks have some tens of megabytes.
_MAX_BYTES = 4 << 30


@dataclasses.dataclass(frozen=True, eq=False)
class Export:
  """A folder whose files are those that were written.

  Attributes:
    folder: where they lie.
    facts: content of config.json.
    arrays: parameters, model state and statistics by the names that
      checkpoints have.
  """

  folder: pathlib.Path
  facts: Mapping[str, Any]
  arrays: Mapping[str, np.ndarray]

  def program(self, name: str) -> Any:
    """Loads a program, a function of a dict of arrays to a dict of arrays.

    It compiles once for every batch size.

    Args:
      name: a key of `facts["programs"]`; MODEL_CARD.md says what each takes.

    Raises:
      InputError: there is none of that name.
    """
    if name not in self.facts["programs"]:
      raise InputError(
        self.folder,
        f"has no program {name}",
        f"take one of {', '.join(self.facts['programs'])}",
      )
    return run_exported.load(name, self.folder)


def read(folder: str | pathlib.Path, flag: str = "from_export") -> Export:
  """Reads an export.

  Args:
    folder: the folder that `write` made.
    flag: the flag that named it, for messages.

  Raises:
    InputError: no export, one of another format, or a file that was changed,
      is missing or is extra; it is named.
  """
  folder = pathlib.Path(folder)
  where = f"--{flag}={folder}"
  if not (folder / run_exported.SUMS).is_file():
    raise InputError(
      where, f"holds no {run_exported.SUMS}", "give the folder of an export"
    )
  _check_plain(where, folder)
  try:
    run_exported.verify(folder)
  except (ValueError, OSError) as error:
    raise InputError(where, str(error), "export again") from error
  facts = json_file.read(folder / CONFIG, "export again")
  if facts.get("format") != FORMAT:
    raise InputError(
      where,
      f"is of format {facts.get('format')}, wanted {FORMAT}",
      "read it with the version that wrote it",
    )
  for name, kind in KINDS.items():
    if not isinstance(facts.get(name), kind):
      found = f"has {name}={facts.get(name)!r}"
      raise InputError(folder / CONFIG, found, "export again")
  if not 0 <= facts["step"] < 2**31:
    raise InputError(
      folder / CONFIG, f"has step={facts['step']}", "export again"
    )
  return Export(folder, facts, _read_arrays(folder / WEIGHTS))


def _check_plain(where: str, folder: pathlib.Path) -> None:
  """Links and pipes are no part of an export; nor is what fills memory."""
  size = 0
  for path in folder.iterdir():
    found = path.lstat()
    if path.name == "__pycache__":
      continue
    if not stat.S_ISREG(found.st_mode):
      raise InputError(where, f"{path.name} is no plain file", "export again")
    size += found.st_size
  if size > _MAX_BYTES:
    raise InputError(where, f"holds {size} bytes", "export again")


def _read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  from safetensors import numpy as safetensors

  try:
    return safetensors.load(plain_file.read(path, _MAX_BYTES, "export again"))
  except (InputError, MemoryError):
    raise
  except Exception as error:  # its own, which is no ValueError, and KeyError
    raise InputError(
      path, f"cannot be read ({error})", "export again"
    ) from error
