"""Where the takes of MAPdat come from, and how they become windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bgm2pose_jax.data import source
from bgm2pose_jax.data.partial_builds import Parts
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet import windows
from bgm2pose_jax.systems.mapnet.config import SIMULATED, Config
from bgm2pose_jax.systems.mapnet.table import TakeWindows
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES, Take
from bgm2pose_jax.systems.mapnet.windows import Variants

# Text, numbers and names of one stored window.
_TEXT_BYTES = 400
# A change of what is stored, or of what the simulator makes, makes old folders
# unusable: count up.
_FORMAT = 1


class Takes(Protocol):
  """Takes that were looked at and not yet made or read."""

  @property
  def simulated(self) -> bool:
    """Whether a simulator made them."""
    ...

  def players(self) -> Mapping[str, Sequence[str]]:
    """{player: names of the takes}, in natural order."""
    ...

  def frames(self, name: str) -> int:
    """How many frames a take has; for files an upper bound."""
    ...

  def make(self, name: str) -> Take:
    """Makes or reads a take.

    Raises:
      InputError: a file that cannot be used.
    """
    ...

  def identity(self) -> dict[str, Any]:
    """JSON values that, if changed, mean other takes."""
    ...

  def inventory(self) -> str | None:
    """A table of what was found; None when nothing was looked for."""
    ...


@dataclasses.dataclass
class TakeSource(source.Source):
  """Takes and their noisy variants: a `data.source.Source`.

  Attributes:
    name: name of the data set.
    takes: what is there.
    variants: the noisy variants of each take.
  """

  name: str
  takes: Takes
  variants: Variants

  @property
  def dataset(self) -> str:
    """One of `config.DATASETS`."""
    return self.name

  @property
  def simulated(self) -> bool:
    """Whether the simulator made the takes."""
    return self.takes.simulated

  @property
  def window_bytes(self) -> int:
    """Bytes of one stored window."""
    described = windows.spec()
    numbers = WINDOW_FRAMES * (3 * BODY13.num_joints + len(described["audio"]))
    return 4 * (numbers + 4 * described["swaps"]) + _TEXT_BYTES

  def sections(self) -> tuple[str, ...]:
    """Returns the players."""
    return tuple(self.takes.players())

  def content(self) -> dict[str, Any]:
    """Returns what, if changed, makes other windows."""
    return {
      "format": _FORMAT,
      "variants": dataclasses.asdict(self.variants),
      **self.takes.identity(),
    }

  def count_windows(self, sections: Sequence[str]) -> dict[str, int]:
    """Returns {player: windows to build}."""
    players = self.takes.players()
    return {
      player: self.variants.count
      * sum(windows.count(self.takes.frames(name)) for name in players[player])
      for player in sections
    }

  def manifest_fields(self, section: str) -> dict[str, Any]:
    """Returns the player and what a window holds."""
    return {"player": section, "spec": windows.spec()}

  def builder(
    self,
    section: str,
    folder: Path,
    stage: Path,
    *,
    on_windows: Callable[[int], object],
    beam_refusal: Path | None,
    parts: Parts | None,
  ) -> Any:
    """Returns the TFDS builder of a player, see `data.source.Source`."""
    del folder, beam_refusal  # one process makes a take in seconds
    # Installed from the top-level folder `datasets`, where pyright looks not.
    from bgm2pose_jax.datasets.mapdat import (  # pyright: ignore
      mapdat_dataset_builder,
    )

    def examples() -> Iterator[tuple[int, dict[str, Any]]]:
      return enumerate(self._examples(section, on_windows, parts))

    return mapdat_dataset_builder.Builder(
      config=self.dataset.removeprefix("mapdat/"),
      data_dir=str(stage),
      table=TakeWindows,
      fields=self.manifest_fields(section),
      examples=examples,
    )

  def _examples(
    self, player: str, on_windows: Callable[[int], object], parts: Parts | None
  ) -> Iterator[dict[str, Any]]:
    for name in self.takes.players()[player]:

      def make(name: str = name) -> Iterator[dict[str, Any]]:
        take = self.takes.make(name)
        return windows.examples(take, self.variants, on_windows)

      yield from (
        make() if parts is None else parts.examples(name, make, on_windows)
      )

  def inventory(self) -> str | None:
    """Returns a table of what was found; None for simulated takes."""
    return self.takes.inventory()


def source_of(config: Config) -> TakeSource:
  """Looks at where the windows of a run come from, computing nothing.

  Args:
    config: the run's configuration.

  Raises:
    InputError: a folder that does not hold what it should.
  """
  data = config.data
  takes: Takes
  if data.dataset == SIMULATED:
    from bgm2pose_jax.systems.mapnet.simulated.takes import SimulatedTakes

    takes = SimulatedTakes(data.simulate)
  else:
    from bgm2pose_jax.systems.mapnet.telmi.takes import TelmiTakes

    takes = TelmiTakes.find(
      data.mapdat_dir,
      fit=data.fit,
      origin=data.origin,
      marker_map=data.marker_map,
    )
  return TakeSource(
    data.dataset, takes, Variants(data.variants, data.noise_seed)
  )
