"""What a datapack holds, as text, with the terms that it carries."""

from __future__ import annotations

from collections.abc import Sequence

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.report import text_table
from bgm2pose_jax.systems.mapnet.telmi import (
  contents,
  marker_names,
  pack_files,
  pack_sound,
  players,
)
from bgm2pose_jax.systems.mapnet.telmi.contents import Contents
from bgm2pose_jax.systems.mapnet.telmi.datapack import Datapack
from bgm2pose_jax.systems.mapnet.telmi.pack_files import PackFiles

_MAX_TERMS_BYTES = 1 << 20


def describe(datapack: Datapack) -> str:
  """Says what a datapack holds; reads its XML and its terms alone.

  Args:
    datapack: a datapack from `find`.

  Returns:
    Lines without an end: markers and the places that they are taken for,
    sounds and which one is read, other signals, player and technique, then
    path and text of every TERMS file, whole.

  Raises:
    InputError: a datapack whose XML cannot be used.
  """
  with (
    system_errors.in_one_line(datapack.path),
    pack_files.opened(datapack.path) as files,
  ):
    held = contents.read(files)
    there = set(files.names())
    lines = [f"{datapack.name}: {files.where(held.xml)}"]
    player, technique = players.who_plays_what(datapack, held.facts, held.name)
    lines.append(f"player {player}, technique {technique}")
    lines += _markers(held, there)
    lines += _sounds(held, there)
    others = ", ".join(f"{n} {kind}" for kind, n in sorted(held.counts.items()))
    lines.append(f"other signals: {others or 'none'}")
    lines += _terms(files, held, there)
  return "\n".join(lines)


def _markers(held: Contents, there: set[str]) -> list[str]:
  by_place = {m.name: marker_names.place_of(m.name) for m in held.markers}
  known = [f"{name} = {place}" for name, place in by_place.items() if place]
  unknown = [name for name, place in by_place.items() if not place]
  absent = [
    marker.name
    for marker in held.markers
    if any(signal.file not in there for signal in marker.signals)
  ]
  out = [
    f"{len(held.markers)} markers; known: {marker_names.listing(known)}",
    f"unknown names: {marker_names.listing(unknown)}",
  ]
  if held.incomplete:
    said = marker_names.listing(held.incomplete)
    out.append(f"markers without a name or a file for each axis: {said}")
  if absent:
    out.append(f"markers without their files: {marker_names.listing(absent)}")
  return out


def _sounds(held: Contents, there: set[str]) -> list[str]:
  out = []
  for sound in pack_sound.choose(held):
    said = "" if sound.file in there else ", missing"
    out.append(f"sound {sound.file} ({sound.category or 'no category'}{said})")
  return out or ["no sound"]


def _terms(files: PackFiles, held: Contents, there: set[str]) -> list[str]:
  """Path and text of every TERMS file, the path on a line of its own."""
  named = [file for kind, file in held.documents if kind == "TERMS"]
  if not named:
    return ["terms: the datapack names no TERMS file; ask its publishers"]
  out = []
  for file in named:
    out.append(f"terms: {files.where(file)}")
    if file not in there:
      out.append("  (missing)")
      continue
    data = files.read(file, _MAX_TERMS_BYTES)
    if b"\0" in data or data.startswith(b"%PDF"):
      out.append("  (no plain text: open it)")
      continue
    text = data.decode("utf-8-sig", "replace")
    out += [f"  {_printable(line)}" for line in text.splitlines()]
  return out


def of_all(packs: Sequence[Datapack]) -> str:
  """Says what many datapacks hold, a line each, and their terms.

  Args:
    packs: the datapacks from `find`.

  Returns:
    A table, then every text of terms once, with the datapacks that carry it.

  Raises:
    InputError: a datapack whose XML cannot be used.
  """
  rows = [["datapack", "player", "technique", "markers", "sound"]]
  terms: dict[tuple[str, ...], list[str]] = {}
  for pack in packs:
    with (
      system_errors.in_one_line(pack.path),
      pack_files.opened(pack.path) as files,
    ):
      held = contents.read(files)
      there = set(files.names())
      sounds = [s.file for s in pack_sound.choose(held) if s.file in there]
      rows.append(
        [
          pack.name,
          *players.who_plays_what(pack, held.facts, held.name),
          str(len(held.markers)),
          sounds[0] if sounds else "none",
        ]
      )
      path, *text = _terms(files, held, there)
      terms.setdefault(tuple(text) or (path,), []).append(path)
  lines = text_table.aligned(rows, left=(0, 1, 2, 4), rule=True)
  for text, paths in terms.items():
    if text[0] == paths[0]:
      lines.append(f"{text[0]} ({len(paths)} datapacks)")
      continue
    more = f" and {len(paths) - 1} more with the same text" * (len(paths) > 1)
    lines += [paths[0] + more, *text]
  return "\n".join(lines)


def _printable(line: str) -> str:
  return "".join(c if c.isprintable() else " " for c in line)
