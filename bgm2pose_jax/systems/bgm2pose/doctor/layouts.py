"""Which layout a folder has; where it has none, which one is near."""

from __future__ import annotations

import difflib
import itertools
import os
from pathlib import Path

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import find, raw_layout, released_layout
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  Findings,
  command,
  quoted,
)

RAW, RELEASED = "raw", "released"
_LOOKED_FOR = (
  f"data/{raw_layout.SOUND} (recordings) or {released_layout.FOLDER} "
  "(published windows)"
)
# A folder that is no data set may be somebody's whole disk.
_MOST_ENTRIES = 2000
_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
_MOTIONS = (".bvh", ".bvh.gz", ".csv")


def layouts(folder: Path) -> tuple[str, ...]:
  """Returns which of `RAW` and `RELEASED` a folder holds."""
  held = []
  for name in (RAW, RELEASED):
    try:
      find.find_dataset(folder, f"ampl/{name}")
      held.append(name)
    except InputError:
      continue
  return tuple(held)


def explain_near(folder: Path, found: Findings) -> bool:
  """Says which recordings are near a folder without a layout.

  Args:
    folder: holds neither layout.
    found: takes the finding.

  Returns:
    Whether there are any.
  """
  what = f"holds neither {_LOOKED_FOR}"
  holder = _holder(folder)
  if holder is not None:
    found.error(
      "layout",
      folder,
      f"{what}; {holder} does",
      command("python -m bgm2pose_jax.doctor", holder),
    )
    return True
  entries = _entries(folder)
  folders = [entry for entry in entries if entry.is_dir()]
  for entry in folders:
    wanted = difflib.get_close_matches(
      entry.name.lower(),
      [raw_layout.SOUND, released_layout.FOLDER, "data"],
      n=1,
      cutoff=0.75,
    )
    if wanted and wanted[0] != entry.name:
      found.error(
        "layout",
        folder,
        f"{what}; its folder {entry.name} is near",
        command("mv", entry, folder / wanted[0]),
      )
      return True
  names = [entry.name.lower() for entry in entries if entry.is_file()]
  cuts = [n for n in names if n.startswith("subject_") and n.endswith(".wav")]
  if cuts:
    sound = folder / "data" / raw_layout.SOUND
    fix = (
      f"mkdir -p {quoted(sound)} && mv {quoted(folder)}/*.[wW][aA][vV]"
      f" {quoted(sound)}"
    )
    found.error("layout", folder, f"{what}, but {len(cuts)} recordings", fix)
  return bool(cuts)


def explain_none(folder: Path, found: Findings) -> None:
  """Says what was looked for in a folder that no recordings are near.

  Args:
    folder: holds neither layout.
    found: takes the finding.
  """
  what = f"holds neither {_LOOKED_FOR}"
  entries = _entries(folder)
  names = [entry.name.lower() for entry in entries if entry.is_file()]
  sounds = [n for n in names if n.endswith(_SOUNDS)]
  motions = [n for n in names if n.endswith(_MOTIONS)]
  if sounds or motions:
    found.error(
      "layout",
      folder,
      f"{what}; {len(sounds)} sound files and {len(motions)} motion files lie"
      " in it",
      "recordings are named data/sound_cut/subject_<s>_<track>_cut.wav; to"
      " simulate recordings from motion or music of your own give the main"
      f" command --mocap_dir={quoted(folder)} or --music_dir={quoted(folder)}",
    )
  else:
    found.error(
      "layout",
      folder,
      f"{what}; {len(entries)} other entries lie in it",
      f"give the folder that contains {_LOOKED_FOR}",
    )


def note_sounds(folder: Path, found: Findings) -> None:
  """Says that sounds among motion captures are not looked at.

  Args:
    folder: a folder of motion captures.
    found: takes the note.
  """
  sounds = [e for e in _entries(folder) if e.name.lower().endswith(_SOUNDS)]
  if sounds:
    found.note(
      "layout",
      folder,
      f"is taken for motion captures; its {len(sounds)} sound files, such as"
      f" {sounds[0].name}, were not opened",
      "recordings are named data/sound_cut/subject_<s>_<track>_cut.wav",
    )


def check_links(folder: Path, found: Findings) -> list[Path]:
  """Lists the files of a folder and names links that leave the data set.

  Args:
    folder: one folder, not what lies below it; present or not.
    found: takes the findings; links may point to anything below its root.

  Returns:
    Every entry in order, links too.
  """
  home = os.path.realpath(found.root)
  try:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
  except FileNotFoundError:
    return []
  except OSError as error:
    found.error(
      "folder",
      folder,
      f"cannot be listed ({error.strerror})",
      "give a folder, and make it readable",
    )
    return []
  for entry in entries:
    if not entry.is_symlink():
      continue
    target = os.path.realpath(entry.path)
    if not os.path.exists(target):
      found.warning(
        "link",
        entry.path,
        f"leads to {target}, which is not there",
        command("rm", Path(entry.path)),
      )
    elif os.path.commonpath([home, target]) != home:
      found.warning(
        "link",
        entry.path,
        f"leads to {target}, outside the folder: a copy would lack it",
        command("cp -r --remove-destination", Path(target), Path(entry.path)),
      )
  return [Path(entry.path) for entry in entries]


def _entries(folder: Path) -> list[Path]:
  """The first entries of a folder, in order; none where it cannot be read."""
  try:
    with os.scandir(folder) as found:
      return sorted(
        Path(e.path) for e in itertools.islice(found, _MOST_ENTRIES)
      )
  except OSError:
    return []


def _holder(folder: Path) -> Path | None:
  """The nearest folder around or below with a layout."""
  whole = Path(os.path.abspath(folder))
  for parent in list(whole.parents)[:2]:
    if layouts(parent):
      return parent
  level = [folder]
  for _ in range(2):
    level = [
      entry
      for above in level
      for entry in _entries(above)
      if entry.is_dir() and not entry.is_symlink()
    ][:_MOST_ENTRIES]
    for entry in level:
      if layouts(entry):
        return entry
  return None
