"""A folder of datapacks."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.systems.mapnet.telmi import takes_table

_ZIP = ".zip"
_FIX = "give the folder that holds TELMI's datapacks, as folders or zip files"


@dataclasses.dataclass(frozen=True)
class Datapack:
  """One recording as RepoVizz gives it.

  Attributes:
    name: the name of its folder, or of its archive without the ending.
    path: the folder or the archive.
    player: the table's word for who plays; empty where it has none.
    technique: the table's word for what is played, likewise.
  """

  name: str
  path: Path
  player: str = ""
  technique: str = ""


def find(folder: str | os.PathLike[str]) -> tuple[Datapack, ...]:
  """Lists the datapacks of a folder, without opening any.

  A datapack is a zip file, or a folder with an XML file in it or one folder
  below. The folder itself may be one. `takes.csv` (columns datapack, player,
  technique) says who plays what.

  Args:
    folder: holds datapacks.

  Returns:
    Datapacks by name.

  Raises:
    InputError: no such folder, no datapack in it, two of one name, a name with
      control characters, or a table that cannot be read.
  """
  folder = Path(folder)
  with system_errors.in_one_line(folder):
    if not folder.is_dir():
      raise InputError(folder, "is no folder", _FIX)
    if _xml_in(folder):
      return (_datapack(folder.resolve().name, folder, {}),)
    table = takes_table.read_table(folder)
    found: dict[str, Datapack] = {}
    for path in sorted(folder.iterdir()):
      name = path.name
      if name.startswith(".") or name == "__MACOSX":
        continue
      if path.is_dir():
        if not _xml_in(path) and not any(
          _xml_in(p) for p in path.iterdir() if p.is_dir()
        ):
          continue
      elif name.lower().endswith(_ZIP):
        name = name[: -len(_ZIP)]
      else:
        continue
      if not name.isprintable():
        raise InputError(
          path, "has a control character in its name", "rename it"
        )
      if name in found:
        raise InputError(
          path,
          f"is the datapack '{clip_text(name)}' again, as folder and archive",
          "take one of both away",
        )
      found[name] = _datapack(name, path, table)
    if not found:
      raise InputError(folder, "holds no datapack", _FIX)
    takes_table.warn_of_absent(table, set(found))
  return tuple(found[name] for name in sorted(found))


def _xml_in(folder: Path) -> bool:
  return any(
    path.name.lower().endswith(".xml") and not path.name.startswith(".")
    for path in folder.iterdir()
  )


def _datapack(
  name: str, path: Path, table: dict[str, tuple[str, str]]
) -> Datapack:
  player, technique = table.get(name, ("", ""))
  return Datapack(name, path, player, technique)
