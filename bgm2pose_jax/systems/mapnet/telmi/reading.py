"""Reads a datapack: 13 joints at 50 frames per second and one sound."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES, Take
from bgm2pose_jax.systems.mapnet.telmi import (
  body_frame,
  contents,
  joint_fit,
  marker_names,
  marker_tracks,
  pack_files,
  pack_sound,
  played_part,
  players,
)
from bgm2pose_jax.systems.mapnet.telmi.datapack import Datapack
from bgm2pose_jax.systems.mapnet.telmi.findings import Findings
from bgm2pose_jax.systems.mapnet.telmi.marker_names import (
  BOW_FROG,
  BOW_TIP,
  BRIDGE,
)
from bgm2pose_jax.systems.mapnet.telmi.marker_tracks import runs
from bgm2pose_jax.systems.mapnet.telmi.pack_sound import PackSound

ORIGINS = ("take", "frame")
_LEFT_TOE = BODY13.index("LTOE")


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
  """What came out of a datapack.

  Attributes:
    takes: one; several where a stretch in the middle could not be used. They
      belong to one performance: splits keep them together.
    findings: what was found on the way.
  """

  takes: tuple[Take, ...]
  findings: Findings


def read(
  datapack: Datapack,
  *,
  fit: str = "mean",
  origin: str = "take",
  marker_map: str | os.PathLike[str] | None = None,
  unit: str | None = None,
) -> Reading:
  """Reads a datapack.

  All streams begin at one moment and are cut to the shortest, then to what is
  played (see `played_part`). Where a joint is missing for longer than 0.2 s
  the take is split: a window needs three whole seconds, so a marked frame
  would lose what a split loses. Pieces shorter than a window are dropped and
  said.

  Args:
    datapack: of `find`.
    fit: `mean` or `marker` (see `joint_fit`).
    origin: `take`: the median left toe of each take; `frame`: the left toe of
      every frame.
    marker_map: JSON file of {place: marker} for markers of other names.
    unit: `mm`, `cm` or `m`; None finds it by the body's size.

  Returns:
    Takes named as the datapack, with `-1`, `-2`, ... where there are several.

  Raises:
    InputError: anything that cannot be used; the message names the file.
  """
  if origin not in ORIGINS:
    raise InputError("origin", repr(origin), f"give {' or '.join(ORIGINS)}")
  chosen_names = marker_names.read_map(marker_map)
  with (
    system_errors.in_one_line(datapack.path),
    pack_files.opened(datapack.path) as files,
  ):
    held = contents.read(files)
    where = files.where(held.xml)
    names = tuple(marker.name for marker in held.markers)
    _check_unique(names, where)
    places = marker_names.find_places(names, where, chosen_names)
    plan = joint_fit.plan(fit, places, names, where)
    body = sorted({place for chosen in plan.values() for place in chosen})
    # The bow tells nothing without the place it touches.
    bow = [place for place in (BOW_FROG, BOW_TIP, BRIDGE) if place in places]
    bow = bow if len(bow) == 3 else []
    tracks = marker_tracks.read(files, held, places, [*body, *bow])
    sound = pack_sound.read(files, held)
  frame = body_frame.find(tracks.positions, plan, where, unit)
  positions_m = {
    place: frame.apply(track) for place, track in tracks.positions.items()
  }
  pose_m = joint_fit.joints(fit, plan, positions_m)
  sound_frames = int(len(sound.samples) * FRAMES_PER_S / sound.sample_rate_hz)
  notes = [*tracks.notes, *sound.notes]
  if abs(sound_frames - len(pose_m)) > 1:
    notes.append(
      f"markers last {len(pose_m) / FRAMES_PER_S:.2f} s, the sound "
      f"{sound_frames / FRAMES_PER_S:.2f} s: the longer one is cut"
    )
  frames = min(sound_frames, len(pose_m))
  played, trimmed_by = _played(positions_m, bool(bow), sound, frames, notes)
  missing = np.any(np.isnan(pose_m[:frames]), axis=2)
  pieces = _usable(np.any(missing, axis=1), played)
  long_enough = [p for p in pieces if p[1] - p[0] >= WINDOW_FRAMES]
  if not long_enough:
    raise InputError(
      datapack.path,
      f"has no {WINDOW_FRAMES / FRAMES_PER_S:g} s with all joints in "
      f"{(played[1] - played[0]) / FRAMES_PER_S:.2f} s played"
      + _said(_unusable(missing, played)),
      "leave it out, or name other markers in a --marker_map",
    )
  findings = Findings(
    datapack=datapack.name,
    fit=fit,
    places=plan,
    frame=frame,
    rates_hz=tracks.rates_hz,
    sound_file=sound.file,
    gaps=tracks.gaps,
    duration_s=frames / FRAMES_PER_S,
    played_s=_in_s(played),
    trimmed_by=trimmed_by,
    unusable_s=_unusable(missing, played),
    pieces_s=tuple(map(_in_s, long_enough)),
    short_s=sum(b - a for a, b in pieces if b - a < WINDOW_FRAMES)
    / FRAMES_PER_S,
    bones=joint_fit.bone_lengths(
      np.concatenate([pose_m[a:b] for a, b in long_enough])
    ),
    notes=tuple(notes),
  )
  labels = (datapack.name, held.name)
  player = datapack.player or players.player_of(held.facts, labels)
  technique = datapack.technique or players.technique_of(held.facts, labels)
  takes = []
  for number, (start, stop) in enumerate(long_enough, start=1):
    edges = played_part.frame_edges(sound.sample_rate_hz, start, stop)
    takes.append(
      Take(
        name=datapack.name
        if len(long_enough) == 1
        else f"{datapack.name}-{number}",
        player=player,
        technique=technique,
        pose_m=_from_origin(pose_m[start:stop], origin),
        sound=sound.samples[edges[0] : edges[-1]].copy(),
        sample_rate_hz=sound.sample_rate_hz,
      )
    )
  return Reading(tuple(takes), findings)


def _check_unique(names: tuple[str, ...], where: object) -> None:
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice:
    raise InputError(
      where,
      f"has several markers of one name: {marker_names.listing(twice)}",
      "rename them in the XML",
    )


def _played(
  positions_m: dict[str, np.ndarray],
  has_bow: bool,
  sound: PackSound,
  frames: int,
  notes: list[str],
) -> tuple[tuple[int, int], str]:
  if has_bow:
    found = played_part.by_contact(
      *(positions_m[place][:frames] for place in (BOW_FROG, BOW_TIP, BRIDGE))
    )
    if found is not None:
      return found, "bow contact"
    notes.append("the bow's markers never come near the bridge: not used")
  return (
    played_part.by_sound(sound.samples, sound.sample_rate_hz, frames),
    "sound",
  )


def _usable(
  missing: np.ndarray, played: tuple[int, int]
) -> list[tuple[int, int]]:
  start, stop = played
  return [(start + a, start + b) for a, b in runs(~missing[start:stop])]


def _unusable(
  missing: np.ndarray, played: tuple[int, int]
) -> tuple[tuple[float, float, tuple[str, ...]], ...]:
  start, stop = played
  inside = missing[start:stop]
  out = []
  for a, b in runs(np.any(inside, axis=1)):
    joints = np.flatnonzero(inside[a:b].any(axis=0))
    names = tuple(BODY13.joints[joint] for joint in joints)
    out.append((*_in_s((start + a, start + b)), names))
  return tuple(out)


def _said(
  unusable: tuple[tuple[float, float, tuple[str, ...]], ...], most: int = 3
) -> str:
  said = [
    f"no {', '.join(joints)} from {a:.2f} to {b:.2f} s"
    for a, b, joints in unusable[:most]
  ]
  return f" ({'; '.join(said)})" if said else ""


def _in_s(frames: tuple[int, int]) -> tuple[float, float]:
  return frames[0] / FRAMES_PER_S, frames[1] / FRAMES_PER_S


def _from_origin(pose_m: np.ndarray, origin: str) -> np.ndarray:
  toe_m = pose_m[:, _LEFT_TOE]
  if origin == "take":
    toe_m = np.median(toe_m, axis=0)[None]
  return (pose_m - toe_m[:, None]).astype(np.float32)
