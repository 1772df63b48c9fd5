"""Everything that is read from a datapack's files, before any of it is used."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet.telmi import (
  contents,
  joint_fit,
  marker_names,
  marker_tracks,
  pack_sound,
)
from bgm2pose_jax.systems.mapnet.telmi.contents import Contents
from bgm2pose_jax.systems.mapnet.telmi.joint_fit import Plan
from bgm2pose_jax.systems.mapnet.telmi.marker_names import C7, INSTRUMENT
from bgm2pose_jax.systems.mapnet.telmi.marker_tracks import Tracks
from bgm2pose_jax.systems.mapnet.telmi.pack_files import PackFiles
from bgm2pose_jax.systems.mapnet.telmi.pack_sound import PackSound

# Of one end of the bow; no capture has more.
_MOST_MARKERS = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Streams:
  """Markers and sound of a datapack.

  Attributes:
    where: the XML, for messages.
    contents: the contents of the XML.
    plan: {joint: places of its markers}.
    tracks: the tracks of those places; of bow and bridge too, where all are
      there.
    sound: the best one.
    notes: what else was found, in sentences.
  """

  where: str
  contents: Contents
  plan: Plan
  tracks: Tracks
  sound: PackSound
  notes: tuple[str, ...]


def read(files: PackFiles, fit: str, chosen: dict[str, str]) -> Streams:
  """Reads what the joints need, the bow if it is there, and a sound.

  Args:
    files: the datapack's.
    fit: `mean` or `marker`.
    chosen: {marker: place} of a marker map.

  Raises:
    InputError: see the readers of each.
  """
  held = contents.read(files)
  where = files.where(held.xml)
  names = tuple(marker.name for marker in held.markers)
  places = marker_names.find_places(names, where, chosen)
  incomplete = tuple(f"{name} (incomplete)" for name in held.incomplete)
  plan = joint_fit.plan(fit, places, names + incomplete, where)
  body = sorted({place for each in plan.values() for place in each})
  tracks = marker_tracks.read(files, held, places, body)
  tracks, notes = _with_bow(files, held, places, tracks)
  sound = pack_sound.read(files, held)
  notes = (*_of_markers(held, plan), *tracks.notes, *notes, *sound.notes)
  return Streams(where, held, plan, tracks, sound, notes)


def _of_markers(held: Contents, plan: Plan) -> list[str]:
  notes = []
  if held.incomplete:
    notes.append(
      "markers left out, without a name or a file for each axis: "
      + marker_names.listing(held.incomplete)
    )
  if C7 not in plan["C7"]:
    notes.append("no marker for C7: it is made of the shoulders'")
  return notes


def _with_bow(
  files: PackFiles,
  held: Contents,
  places: dict[str, tuple[str, ...]],
  tracks: Tracks,
) -> tuple[Tracks, tuple[str, ...]]:
  """Adds bow and bridge. Only the trimming needs them, and can do without."""
  lacking = [place for place in INSTRUMENT if place not in places]
  if len(lacking) == len(INSTRUMENT):
    return tracks, ()
  if lacking:
    return tracks, (f"no marker for {', '.join(lacking)}: the bow is not used",)
  if crowded := [p for p in INSTRUMENT if len(places[p]) > _MOST_MARKERS]:
    said = f"more than {_MOST_MARKERS} markers for {', '.join(crowded)}"
    return tracks, (f"{said}: the bow is not used",)
  try:
    bow = marker_tracks.read(files, held, places, INSTRUMENT)
  except InputError as error:
    return tracks, (f"the bow is not used: {error}",)
  return marker_tracks.joined(tracks, bow), ()
