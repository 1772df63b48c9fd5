"""Recordings, real or simulated -> prepared sections on disk.

Only the sections asked for are made, each once: a prepared section lies under a
digest of its source, so another source never meets old windows. A section
appears whole or not at all; one that was interrupted goes on with the next
recording.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bgm2pose_jax.base import progress as progress_lib
from bgm2pose_jax.base import surroundings, system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import beam_pipeline, build, kept
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data import partial_builds as parts_lib
from bgm2pose_jax.data.source import Source
from bgm2pose_jax.files import checksums, lock, own_file, staged_folder


@dataclasses.dataclass(frozen=True)
class Prepared:
  """Prepared sections on disk.

  Attributes:
    dirs: {section: folder with its manifest}, in the order asked for.
    fingerprint: digest of the source's content.
    simulated: whether a simulator made them.
  """

  dirs: Mapping[str, Path]
  fingerprint: str
  simulated: bool


def default_data_dir() -> Path:
  """Returns the user's cache folder for this package.

  Raises:
    InputError: nothing says where that is.
  """
  return surroundings.cache_folder()


def identify(source: Source) -> tuple[str, bool]:
  """Says which prepared data a source leads to, without making any.

  Args:
    source: where windows come from.

  Returns:
    `fingerprint` and `simulated` of the `Prepared` that `prepare` gives.

  Raises:
    InputError: windows that the source cannot give.
  """
  return checksums.of_json(source.content()), source.simulated


def folder_name(source: Source, fingerprint: str) -> str:
  """Returns the name below a data folder of what a source leads to.

  Args:
    source: where windows come from.
    fingerprint: the fingerprint from `identify`.
  """
  kind = source.dataset.rpartition("/")[2]
  return f"{kind}-{fingerprint[:12]}-{manifest_lib.FORMAT}"


def prepare(
  source: Source,
  *,
  data_dir: str | os.PathLike[str] | None,
  sections: Sequence[str] | None = None,
  progress: bool = True,
  beam_options: Sequence[str] | None = None,
) -> Prepared:
  """Makes what is missing and says where everything is.

  Args:
    source: where windows come from.
    data_dir: where prepared data live; None is `default_data_dir()`.
    sections: what to make; None is all that somebody can learn from.
    progress: show a bar with the time left, on stderr.
    beam_options: build through Apache Beam with these options of its
      pipeline, e.g. `("direct_num_workers=2",)`; the same records.

  Returns:
    The prepared sections. Their shards are checked when they are loaded.

  Raises:
    InputError: unknown section, recordings that cannot be used, or too little
      room on the disk; a folder that cannot be read or written; options of
      Beam that it does not know, or no Beam.
  """
  if beam_options is not None:
    beam_pipeline.pipeline_options(beam_options)  # fail before any work
  known = source.sections()
  sections = list(dict.fromkeys(sections or source.usable_sections()))
  for section in sections:
    if section not in known:
      raise InputError(
        section,
        f"unknown in {source.dataset}",
        f"choose one of {', '.join(known)}",
      )
  content = source.content()
  fields = {
    "fingerprint": checksums.of_json(content),
    "simulated": source.simulated,
    "source": content,
  }
  folder = Path(data_dir) if data_dir else default_data_dir()
  try:
    with system_errors.in_one_line(folder):
      dirs = _make_missing(
        source, folder, sections, fields, progress, beam_options
      )
  except InputError as error:
    where = Path(error.where)
    if data_dir or not (
      where.is_relative_to(folder) or folder.is_relative_to(where)
    ):
      raise
    raise InputError(
      error.where,
      error.found,
      f"{error.fix}; --data_dir and XDG_CACHE_HOME name another place",
    ) from error
  return Prepared(dirs, fields["fingerprint"], source.simulated)


def _make_folders(data_dir: Path, *folders: Path) -> None:
  """Makes folders as open as the one that was given, else private."""
  mode = own_file.FOLDER_MODE
  if data_dir.is_dir() and data_dir != _private_dir():
    mode |= data_dir.stat().st_mode & 0o777
  for folder in folders:
    own_file.make_folder(folder, mode)


def _private_dir() -> Path | None:
  try:
    return default_data_dir()
  except InputError:
    return None


def _make_missing(
  source: Source,
  data_dir: Path,
  sections: Sequence[str],
  fields: Mapping[str, Any],
  progress: bool,
  beam_options: Sequence[str] | None,
) -> dict[str, Path]:
  """Makes the sections that are not there; returns {section: folder}."""
  fingerprint = str(fields["fingerprint"])
  name = folder_name(source, fingerprint)
  home, raw_home = data_dir / "prepared" / name, data_dir / "raw" / name
  for each in (data_dir / "prepared").glob("*"):
    # Also of other recordings: nobody may ask for those again.
    staged_folder.sweep(each)
    parts_lib.sweep(each)
  for raw_dir in raw_home.glob("*"):
    # A process was killed after its section was whole, before tidying up.
    if (home / raw_dir.name).is_dir():
      staged_folder.remove(raw_dir)
  dirs = {section: home / section for section in sections}
  missing = [section for section in sections if not dirs[section].is_dir()]
  counts: dict[str, int] = {}
  if missing:
    _make_folders(data_dir, home, raw_home)
    counts = source.count_windows(missing)
    build.check_disk(
      home,
      counts,
      source.window_bytes,
      raw_bytes=source.raw_bytes,
      in_parts=source.keeps_parts,
      progress=progress,
    )
  for number, section in enumerate(missing, 1):
    # A second process waits here, then finds the section made.
    with lock.in_turn(home / f".{section}.lock"):
      if dirs[section].is_dir():
        continue
      parts = None
      if source.keeps_parts:
        parts = parts_lib.of_section(home, section, fingerprint)
      with source.folder(section, raw_home / section, progress) as folder:
        build.build_section(
          source,
          section,
          folder,
          dirs[section],
          fields=fields,
          bar=progress_lib.bar(
            total=counts[section],
            unit="window",
            desc=f"prepare {section} ({number}/{len(missing)})",
            disable=not progress,
          ),
          beam_options=beam_options,
          parts=parts,
        )
  for folder in dirs.values():
    kept.note_use(folder)
  return dirs
