"""Where recordings come from, and what every such place can say."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from absl import logging

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.ampl import (
  find,
  inventory,
  order_check,
  raw_layout,
  recording_index,
  recordings,
  released_layout,
)
from bgm2pose_jax.systems.bgm2pose.config import SimulateConfig
from bgm2pose_jax.systems.bgm2pose.simulated.source import SimulatedRecordings

SIMULATED, RAW, RELEASED = "ampl/simulated", "ampl/raw", "ampl/released"
DATASETS = (SIMULATED, RAW, RELEASED)


class Recordings(Protocol):
  """Recordings that were looked at."""

  @property
  def dataset(self) -> str:
    """One of `DATASETS`."""
    ...

  @property
  def simulated(self) -> bool:
    """Whether the simulator made the recordings, now or earlier."""
    ...

  @property
  def ambisonic_format(self) -> str | None:
    """What the recordings say of their channels' gains; None for nothing."""
    ...

  @property
  def raw_bytes(self) -> int:
    """Bytes of recordings behind one window; 0 where they need not be made."""
    ...

  def holdings(self) -> splits.Holdings:
    """Returns tracks with genres and subjects."""
    ...

  def identity(self) -> dict[str, Any]:
    """Returns what, if changed, means other recordings."""
    ...

  def count_windows(self, tracks: Sequence[str]) -> dict[str, int]:
    """Returns {track: windows to build}, after checking the recordings."""
    ...

  def folder(
    self, track: str, scratch: Path, progress: bool
  ) -> AbstractContextManager[Path]:
    """Gives the folder to build a track from, made in `scratch` if need be."""
    ...

  def inventory(self) -> str | None:
    """Returns a table of what was found; None when nothing was looked for."""
    ...


def open_source(
  dataset: str = SIMULATED,
  ampl_dir: str | None = None,
  simulate: SimulateConfig | None = None,
  mocap_dir: str | None = None,
  music_dir: str | None = None,
  joint_map: str | None = None,
  *,
  channel_order: str | None = None,
  gains: str | None = None,
) -> Recordings:
  """Looks at where recordings come from, without computing anything.

  Args:
    dataset: one of `DATASETS`.
    ampl_dir: AMPL's folder, for `ampl/raw` and `ampl/released`.
    simulate: the simulator's plan, for `ampl/simulated`; None is the default.
    mocap_dir: motion files to simulate from; None for procedural motion.
    music_dir: music files to simulate from; None for procedural music.
    joint_map: which names in the motion files are which joints, see
      `poses.joint_map_file`; None for none of its own.
    channel_order: order of the channels that somebody stated, for `ampl/raw`;
      None refuses recordings that are clearly not W X Y Z.
    gains: the gains that somebody stated; None for nobody.

  Returns:
    What is there, as it is now.

  Raises:
    InputError: an unknown dataset, or a folder that does not hold what it
      should.
  """
  if dataset not in DATASETS:
    raise InputError(
      "--dataset",
      f"is {dataset!r}",
      f"choose {', '.join(DATASETS[:-1])} or {DATASETS[-1]}",
    )
  if dataset == SIMULATED:
    if channel_order not in (None, ambisonics.DEFAULT_ORDER):
      raise InputError(
        f"--channel_order={channel_order}",
        "is not the order of the simulator, which records W X Y Z",
        "drop it",
      )
    plan = simulate or SimulateConfig()
    return SimulatedRecordings(plan, mocap_dir, music_dir, joint_map)
  if ampl_dir is None:
    raise InputError(
      "--ampl_dir", "is missing", f"{dataset} needs AMPL's folder"
    )
  with system_errors.in_one_line(ampl_dir):
    find.refuse_archive("ampl_dir", Path(ampl_dir))
    return _open_folder(dataset, Path(ampl_dir), channel_order, gains)


def _open_folder(
  dataset: str, path: Path, channel_order: str | None, gains: str | None
) -> _Folder:
  """Looks at a folder in one of AMPL's layouts."""
  if dataset == RAW:
    raw = raw_layout.scan_raw(path)
    order = order_check.OrderCheck(
      stated=channel_order,
      gains=gains or raw.ambisonic_format,
      left=recording_index.left_axis(raw.root),
      simulated=raw.simulated,
    )

    def kept(recording: raw_layout.RawRecording) -> int | None:
      # Excluded recordings may be broken; nobody opens them. A broken one of
      # another track must not stop the report either.
      if recording.subject in raw.excluded:
        return None
      try:
        return recordings.count_kept(recording)
      except InputError as error:
        logging.warning("%s", error)
        return None

    return _Folder(
      "raw", path, raw, recordings.check_files, kept, listen=order.check
    )
  released = released_layout.scan_released(path)

  def windows(recording: released_layout.ReleasedRecording) -> int:
    return len(recording.windows)

  return _Folder("released", path, released, windows, windows, released.notes)


@dataclasses.dataclass(frozen=True)
class _Folder:
  """A folder in one of AMPL's layouts.

  Attributes:
    kind: the layout's name, under which the fingerprint is kept.
    path: the path, as the user gave it.
    index: what it holds.
    windows: recording -> windows to build, after a check of its files.
    kept: recording -> windows an annotation keeps; None when not looked at.
    notes: what else was found.
    listen: refuses recordings to build that are clearly in another order.
  """

  kind: str
  path: Path
  index: raw_layout.RawIndex | released_layout.ReleasedIndex
  windows: Callable[[Any], int]
  kept: Callable[[Any], int | None]
  notes: Sequence[str] = ()
  listen: Callable[[Sequence[Any]], None] | None = None
  raw_bytes: int = 0

  @property
  def dataset(self) -> str:
    return f"ampl/{self.kind}"

  @property
  def simulated(self) -> bool:
    return self.index.simulated

  @property
  def ambisonic_format(self) -> str | None:
    return self.index.ambisonic_format

  def holdings(self) -> splits.Holdings:
    return self.index.holdings()

  def identity(self) -> dict[str, Any]:
    with system_errors.in_one_line(self.path):
      return {self.kind: self.index.fingerprint()}

  def count_windows(self, tracks: Sequence[str]) -> dict[str, int]:
    skipped = [r.name for t in tracks for r in self.index.left_out(t)]
    if skipped:
      logging.info("never used, skipped: %s", ", ".join(skipped))
    found = {t: self.index.to_build(t) for t in tracks}
    counts = {t: sum(map(self.windows, each)) for t, each in found.items()}
    if self.listen is not None:
      for each in found.values():
        self.listen(each)
    return counts

  @contextlib.contextmanager
  def folder(self, track: str, scratch: Path, progress: bool) -> Iterator[Path]:
    del track, scratch, progress  # everything is there
    yield self.path

  def inventory(self) -> str | None:
    return inventory.render(self.index, self.kept, self.notes)
