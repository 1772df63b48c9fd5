"""Reads a datapack: 13 joints at 50 frames per second and one sound."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES, Take
from bgm2pose_jax.systems.mapnet.telmi import (
  body_frame,
  coverage,
  joint_fit,
  marker_names,
  pack_files,
  played_part,
  players,
  streams,
)
from bgm2pose_jax.systems.mapnet.telmi.coverage import Coverage, in_s
from bgm2pose_jax.systems.mapnet.telmi.datapack import Datapack
from bgm2pose_jax.systems.mapnet.telmi.findings import Findings
from bgm2pose_jax.systems.mapnet.telmi.marker_names import INSTRUMENT
from bgm2pose_jax.systems.mapnet.telmi.pack_sound import PackSound

ORIGINS = ("take", "frame")
_LEFT_TOE = BODY13.index("LTOE")


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
  """What came out of a datapack.

  Attributes:
    take: named as the datapack. Where a joint is missing for longer than is
      bridged, it is NaN; windows that touch such a frame are not whole.
    findings: what was found on the way.
  """

  take: Take
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
  the frames are marked (see `coverage`).

  Args:
    datapack: a datapack from `find`.
    fit: `mean` or `marker` (see `joint_fit`).
    origin: `take`: the median left toe of the take; `frame`: the left toe of
      every frame.
    marker_map: JSON file of {marker in the files: place or usual name}.
    unit: `mm`, `cm` or `m`; None finds it by the body's size.

  Raises:
    InputError: anything that cannot be used; the message names the file.
  """
  if origin not in ORIGINS:
    raise InputError("origin", repr(origin), f"give {' or '.join(ORIGINS)}")
  chosen = marker_names.read_map(marker_map)
  with (
    system_errors.in_one_line(datapack.path),
    pack_files.opened(datapack.path) as files,
  ):
    held = streams.read(files, fit, chosen)
  frame = body_frame.find(held.tracks.positions, held.plan, held.where, unit)
  positions_m = {
    place: frame.apply(track) for place, track in held.tracks.positions.items()
  }
  pose_m = joint_fit.joints(fit, held.plan, positions_m)
  sound, notes = held.sound, list(held.notes)
  frames = _shortest(len(pose_m), sound, notes)
  played, trimmed_by = _played(positions_m, sound, frames, notes)
  covered = coverage.find(pose_m, played)
  if not covered.whole:
    raise _nothing_left(datapack, played, covered)
  start, stop = covered.frames
  pose_m = pose_m[start:stop]
  findings = Findings(
    datapack=datapack.name,
    fit=fit,
    places=held.plan,
    frame=frame,
    rates_hz=held.tracks.rates_hz,
    sound_file=sound.file,
    gaps=held.tracks.gaps,
    duration_s=frames / FRAMES_PER_S,
    played_s=in_s(played),
    trimmed_by=trimmed_by,
    covered_s=in_s(covered.frames),
    unusable_s=covered.unusable_s,
    windows=covered.windows,
    whole_windows=covered.whole,
    bones=joint_fit.bone_lengths(pose_m[np.isfinite(pose_m).all(axis=(1, 2))]),
    notes=tuple(notes),
  )
  player, technique = players.who_plays_what(
    datapack, held.contents.facts, held.contents.name
  )
  edges = played_part.frame_edges(sound.sample_rate_hz, start, stop)
  take = Take(
    name=datapack.name,
    player=player,
    technique=technique,
    pose_m=_from_origin(pose_m, origin),
    sound=sound.samples[edges[0] : edges[-1]].copy(),
    sample_rate_hz=sound.sample_rate_hz,
  )
  return Reading(take, findings)


def _shortest(markers: int, sound: PackSound, notes: list[str]) -> int:
  """Frames that both last; says so where they differ by more than one."""
  heard = int(len(sound.samples) * FRAMES_PER_S / sound.sample_rate_hz)
  if abs(heard - markers) > 1:
    notes.append(
      f"markers last {markers / FRAMES_PER_S:.2f} s, the sound "
      f"{heard / FRAMES_PER_S:.2f} s: the longer one is cut"
    )
  return min(heard, markers)


def _played(
  positions_m: Mapping[str, np.ndarray],
  sound: PackSound,
  frames: int,
  notes: list[str],
) -> tuple[tuple[int, int], str]:
  """Frames of the played part, and what told it."""
  if all(place in positions_m for place in INSTRUMENT):
    found = played_part.by_contact(
      *(positions_m[place][:frames] for place in INSTRUMENT)
    )
    if found is not None:
      return found, "bow contact"
    notes.append("the bow's markers never come near the bridge: not used")
  found = played_part.by_sound(sound.samples, sound.sample_rate_hz, frames)
  return found, "sound"


def _nothing_left(
  datapack: Datapack, played: tuple[int, int], found: Coverage, most: int = 3
) -> InputError:
  said = "; ".join(
    f"no {', '.join(joints)} from {start:.2f} to {stop:.2f} s"
    for start, stop, joints in found.unusable_s[:most]
  )
  return InputError(
    datapack.path,
    f"has no window of {WINDOW_FRAMES / FRAMES_PER_S:g} s with all joints in "
    f"{(played[1] - played[0]) / FRAMES_PER_S:.2f} s played"
    + (f" ({said})" if said else ""),
    "leave it out, or name other markers in a --marker_map",
  )


def _from_origin(pose_m: np.ndarray, origin: str) -> np.ndarray:
  toe_m = pose_m[:, _LEFT_TOE]
  if origin == "take":
    toe_m = np.nanmedian(toe_m, axis=0)[None]
  return (pose_m - toe_m[:, None]).astype(np.float32)
