"""Reads the markers of a datapack: gaps found and bridged, one frame rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.poses import cleaning
from bgm2pose_jax.systems.mapnet.telmi import rate_change, signal_csv
from bgm2pose_jax.systems.mapnet.telmi.contents import Contents, Marker
from bgm2pose_jax.systems.mapnet.telmi.pack_files import PackFiles

LONGEST_GAP_S = 0.2
LONGEST_TAKE_S = 3600.0


@dataclasses.dataclass(frozen=True)
class Gaps:
  """Where one marker was not seen.

  Attributes:
    marker: its name.
    bridged: number of stretches of at most 0.2 s, filled by straight lines.
    bridged_s: length of all of them.
    left: number of longer stretches, and of those at the ends.
    left_s: length of all of them.
  """

  marker: str
  bridged: int
  bridged_s: float
  left: int
  left_s: float


@dataclasses.dataclass(frozen=True)
class Tracks:
  """Markers at 50 frames per second, in the file's own unit and axes.

  Attributes:
    positions: {place: [t, 3]}, NaN where no marker was seen; all of one
      length.
    gaps: the gaps of markers that have any.
    rates_hz: frame rates of the files.
    notes: what else was found, in sentences.
  """

  positions: dict[str, np.ndarray]
  gaps: tuple[Gaps, ...]
  rates_hz: tuple[float, ...]
  notes: tuple[str, ...]


def read(
  files: PackFiles,
  contents: Contents,
  places: Mapping[str, tuple[str, ...]],
  wanted: Iterable[str],
) -> Tracks:
  """Reads places of the body and of the instrument.

  Args:
    files: the datapack's.
    contents: the contents of its XML.
    places: {place: names of its markers}; several are averaged.
    wanted: the places to read.

  Raises:
    InputError: a file that is missing or no signal, axes of unequal rates, a
      marker that was never seen, a take above an hour.
  """
  markers = {marker.name: marker for marker in contents.markers}
  positions: dict[str, np.ndarray] = {}
  gaps: list[Gaps] = []
  rates: set[float] = set()
  notes: list[str] = []
  for place in wanted:
    each = []
    for name in places[place]:
      track, rate_hz = _read_marker(files, markers[name], notes)
      rates.add(rate_hz)
      track, found = _bridged(name, track, rate_hz)
      if found is not None:
        gaps.append(found)
      each.append(rate_change.to_50_hz(track, rate_hz, files.where(name)))
    shortest = min(map(len, each))
    positions[place] = np.mean([x[:shortest] for x in each], axis=0)
  lengths = [len(x) for x in positions.values()]
  if max(lengths) != min(lengths):
    notes.append(
      f"markers last from {min(lengths) / 50:.2f} s to "
      f"{max(lengths) / 50:.2f} s: all are cut to the shortest"
    )
  return Tracks(
    {place: x[: min(lengths)] for place, x in positions.items()},
    tuple(gaps),
    tuple(sorted(rates)),
    tuple(notes),
  )


def joined(first: Tracks, second: Tracks) -> Tracks:
  """Returns the tracks of both.

  Args:
    first: says how long the result is.
    second: cut to that length, or filled up as missing.
  """
  length = len(next(iter(first.positions.values())))
  positions = dict(first.positions)
  for place, track in second.positions.items():
    lack = max(0, length - len(track))
    padded = np.pad(track, ((0, lack), (0, 0)), constant_values=np.nan)
    positions[place] = padded[:length]
  return Tracks(
    positions,
    first.gaps + second.gaps,
    tuple(sorted({*first.rates_hz, *second.rates_hz})),
    first.notes + second.notes,
  )


def _read_marker(
  files: PackFiles, marker: Marker, notes: list[str]
) -> tuple[np.ndarray, float]:
  """One marker, [t, 3] with NaN in frames that lack anything, and its rate."""
  read_signals = [signal_csv.read(files, s) for s in marker.signals]
  rates_hz = [rate_hz for _, rate_hz in read_signals]
  where = files.where(marker.signals[0].file)
  if len(set(rates_hz)) > 1:
    raise InputError(
      where,
      f"marker '{clip_text(marker.name)}' has axes of "
      f"{', '.join(f'{rate:g}' for rate in rates_hz)} Hz",
      "give its axes one frame rate",
    )
  rate_hz = rates_hz[0]
  stated_hz = marker.signals[0].rate_hz
  if stated_hz and abs(stated_hz - rate_hz) > 0.01 * rate_hz:
    notes.append(
      f"{clip_text(marker.name)}: its file says {rate_hz:g} Hz, the XML "
      f"{stated_hz:g} Hz; the file's counts"
    )
  frames = min(len(values) for values, _ in read_signals)
  if frames > LONGEST_TAKE_S * rate_hz:
    raise InputError(
      where,
      f"lasts {frames / rate_hz / 3600:.1f} hours",
      "split the take into parts of an hour at most",
    )
  track = np.concatenate([values[:frames] for values, _ in read_signals], 1)
  if track.shape[1] != 3:
    raise InputError(
      where,
      f"marker '{clip_text(marker.name)}' has {track.shape[1]} values a frame",
      "give it X, Y and Z with one value a frame, or one signal with three",
    )
  gone = np.isnan(track).any(axis=1) | (track == 0).all(axis=1)
  track[gone] = np.nan
  if gone.all():
    raise InputError(
      where,
      f"marker '{clip_text(marker.name)}' was never seen: all {frames} frames "
      "are NaN or zero",
      "name another marker in a --marker_map, try another --fit, or leave the "
      "datapack out",
    )
  return track, rate_hz


def _bridged(
  name: str, track: np.ndarray, rate_hz: float
) -> tuple[np.ndarray, Gaps | None]:
  filled = cleaning.fill_gaps(track[:, None], rate_hz, LONGEST_GAP_S)[:, 0]
  before, after = np.isnan(track[:, 0]), np.isnan(filled[:, 0])
  if not before.any():
    return filled, None
  all_runs, left_runs = len(runs(before)), len(runs(after))
  return filled, Gaps(
    marker=clip_text(name),
    bridged=all_runs - left_runs,
    bridged_s=float(before.sum() - after.sum()) / rate_hz,
    left=left_runs,
    left_s=float(after.sum()) / rate_hz,
  )


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
  """Returns the (start, stop) of every stretch of true values.

  Args:
    flags: bool [t].
  """
  edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
  return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
