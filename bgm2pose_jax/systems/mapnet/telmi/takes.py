"""The takes of a folder of datapacks, looked at first and read one by one."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.files import checksums
from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.take import Take
from bgm2pose_jax.systems.mapnet.telmi import (
  contents,
  datapack,
  inventory,
  joint_fit,
  marker_names,
  pack_files,
  players,
  reading,
  signal_csv,
)
from bgm2pose_jax.systems.mapnet.telmi.contents import Contents
from bgm2pose_jax.systems.mapnet.telmi.datapack import Datapack


@dataclasses.dataclass(frozen=True)
class TelmiTakes:
  """Takes of datapacks: `source.Takes`.

  Attributes:
    packs: the datapacks.
    fit: `mean` or `marker`.
    origin: `take` or `frame`.
    marker_map: JSON file of other markers' names; None for none.
  """

  packs: tuple[Datapack, ...]
  fit: str = "mean"
  origin: str = "take"
  marker_map: str | None = None

  @classmethod
  def find(
    cls,
    folder: str | os.PathLike[str] | None,
    *,
    fit: str = "mean",
    origin: str = "take",
    marker_map: str | None = None,
  ) -> TelmiTakes:
    """Lists the datapacks of a folder, see `datapack.find`.

    Raises:
      InputError: as there, or no folder given.
    """
    if folder is None:
      raise InputError(
        "--mapdat_dir", "is not given", "give the folder of TELMI's datapacks"
      )
    return cls(datapack.find(folder), fit, origin, marker_map)

  @property
  def simulated(self) -> bool:
    """Never: players were recorded."""
    return False

  @functools.cached_property
  def _contents(self) -> dict[str, Contents]:
    out = {}
    for pack in self.packs:
      with (
        system_errors.in_one_line(pack.path),
        pack_files.opened(pack.path) as files,
      ):
        out[pack.name] = contents.read(files)
    return out

  @functools.cached_property
  def _by_name(self) -> dict[str, Datapack]:
    return {pack.name: pack for pack in self.packs}

  def players(self) -> Mapping[str, Sequence[str]]:
    """Returns {player: names of the datapacks}, read from their XML."""
    found: dict[str, list[str]] = {}
    for pack in sorted(self.packs, key=lambda pack: natural_key(pack.name)):
      held = self._contents[pack.name]
      player, _ = players.who_plays_what(pack, held.facts, held.name)
      found.setdefault(player, []).append(pack.name)
    return {name: found[name] for name in sorted(found, key=natural_key)}

  def frames(self, name: str) -> int:
    """Returns at most how many frames a take has, by one marker's file.

    Raises:
      InputError: markers missing, or a file that cannot be used.
    """
    pack, held = self._by_name[name], self._contents[name]
    with (
      system_errors.in_one_line(pack.path),
      pack_files.opened(pack.path) as files,
    ):
      names = tuple(marker.name for marker in held.markers)
      where = files.where(held.xml)
      places = marker_names.find_places(names, where, self._map)
      plan = joint_fit.plan(self.fit, places, names, where)
      (first, *_) = places[plan["LTOE"][0]]
      signals = next(m.signals for m in held.markers if m.name == first)
      values, rate_hz = signal_csv.read(files, signals[0])
    return int(len(values) * FRAMES_PER_S / rate_hz) + 1

  @functools.cached_property
  def _map(self) -> dict[str, str]:
    return marker_names.read_map(self.marker_map)

  def make(self, name: str) -> Take:
    """Reads a take and logs what was found.

    Raises:
      InputError: a datapack that cannot be used.
    """
    found = reading.read(
      self._by_name[name],
      fit=self.fit,
      origin=self.origin,
      marker_map=self.marker_map,
    )
    for line in found.findings.lines():
      logging.info("%s", line)
    return found.take

  def identity(self) -> dict[str, Any]:
    """Returns how takes are made, and each file's size and time of change."""
    return {
      "telmi": {
        "fit": self.fit,
        "origin": self.origin,
        "marker_map": self._map,
        "packs": {pack.name: _state(pack) for pack in self.packs},
      }
    }

  def inventory(self) -> str | None:
    """Returns a line for each datapack, then the terms of all."""
    return inventory.of_all(self.packs)


def _state(pack: Datapack) -> list[str]:
  with system_errors.in_one_line(pack.path):
    if pack.path.is_dir():
      with pack_files.opened(pack.path) as files:
        digest = checksums.of_stats(pack.path, files.names())
    else:
      digest = checksums.of_stats(pack.path.parent, [pack.path.name])
  return [digest, pack.player, pack.technique]
