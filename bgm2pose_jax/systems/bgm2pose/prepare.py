"""Recordings, real or simulated -> prepared tracks on disk.

    python -m bgm2pose_jax.data.prepare --ampl_dir=/data/ampl
    python -m bgm2pose_jax.data.prepare --ampl_dir=/data/ampl --report_only
    python -m bgm2pose_jax.data.prepare --tracks=haze,swing --minutes=2
    python -m bgm2pose_jax.data.prepare --ampl_dir=/data/ampl \
      --beam_options=direct_num_workers=8,direct_running_mode=multi_processing

Only the tracks asked for are made, each once: a prepared track lies under a
digest of its source, so another source never meets old windows. A track appears
whole or not at all; one that was interrupted goes on with the next recording.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tqdm
from absl import flags, logging

from bgm2pose_jax.base import command, local_path, system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.data import beam_pipeline, build
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data import partial_builds as parts_lib
from bgm2pose_jax.files import lock, staged_folder
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.ampl import find, sources
from bgm2pose_jax.systems.bgm2pose.ampl.sources import Recordings
from bgm2pose_jax.systems.bgm2pose.ampl.sources import identify as identify
from bgm2pose_jax.systems.bgm2pose.ampl.sources import (
  open_source as open_source,
)
from bgm2pose_jax.systems.bgm2pose.recipe import DEFAULT, Recipe, digest


@dataclasses.dataclass(frozen=True)
class Prepared:
  """Prepared tracks on disk.

  Attributes:
    dirs: {track: folder with its manifest}, in the order asked for.
    fingerprint: digest of source, feature set and format.
    simulated: made by the simulator.
  """

  dirs: Mapping[str, Path]
  fingerprint: str
  simulated: bool


def default_data_dir() -> Path:
  """Returns the user's cache folder for this package."""
  cache = os.environ.get("XDG_CACHE_HOME")
  return (Path(cache) if cache else Path.home() / ".cache") / "bgm2pose_jax"


def recipe_of(data: config_lib.DataConfig) -> Recipe:
  """Returns how a run's configuration wants its windows made."""
  return Recipe(
    feature_set=data.feature_set,
    static_response=data.static_response,
    noise_snr_db=data.noise_snr_db,
  )


def prepare(
  found: Recordings,
  *,
  data_dir: str | os.PathLike[str] | None,
  tracks: Sequence[str] | None = None,
  recipe: Recipe = DEFAULT,
  progress: bool = True,
  beam_options: Sequence[str] | None = None,
) -> Prepared:
  """Makes what is missing and says where everything is.

  Args:
    found: the recordings, from `open_source`.
    data_dir: where prepared data live; None is `default_data_dir()`.
    tracks: the tracks to make; None is all that have somebody to learn from.
    recipe: how recordings become windows.
    progress: show a bar with the time left, on stderr.
    beam_options: build through Apache Beam with these options of its
      pipeline, e.g. `("direct_num_workers=2",)`; the same records.

  Returns:
    The prepared tracks. Their shards are checked when they are loaded.

  Raises:
    InputError: unknown track, recordings that cannot be used, or too little
      room on the disk; a folder that cannot be read or written; options of
      Beam that it does not know, or no Beam.
  """
  if beam_options is not None:
    beam_pipeline.pipeline_options(beam_options)  # fail before any work
  held = found.holdings()
  tracks = list(dict.fromkeys(tracks or _usable_tracks(held)))
  for track in tracks:
    if track not in held.genres:
      raise InputError(
        f"track {track}",
        f"unknown in {found.dataset}",
        f"choose one of {', '.join(held.genres)}",
      )
  content = sources.content(found, recipe)
  fingerprint = digest(content)
  data_dir = Path(data_dir) if data_dir else default_data_dir()
  with system_errors.in_one_line(data_dir):
    dirs = _make_missing(
      found,
      data_dir,
      tracks,
      recipe,
      {
        "fingerprint": fingerprint,
        "simulated": found.simulated,
        "source": content,
      },
      progress,
      beam_options,
    )
  return Prepared(dirs, fingerprint, found.simulated)


def folder_name(found: Recordings, fingerprint: str) -> str:
  """Returns the name below a data folder of what a source leads to.

  Args:
    found: the source.
    fingerprint: from `identify`.
  """
  config = found.dataset.removeprefix("ampl/")
  return f"{config}-{fingerprint[:12]}-{manifest_lib.FORMAT}"


def _make_missing(
  found: Recordings,
  data_dir: Path,
  tracks: Sequence[str],
  recipe: Recipe,
  fields: Mapping[str, Any],
  progress: bool,
  beam_options: Sequence[str] | None,
) -> dict[str, Path]:
  """Makes the tracks that are not there; returns {track: folder}."""
  fingerprint = str(fields["fingerprint"])
  name = folder_name(found, fingerprint)
  home, raw_home = data_dir / "prepared" / name, data_dir / "raw" / name
  for each in (data_dir / "prepared").glob("*"):
    # Also of other recordings: nobody may ask for those again.
    staged_folder.sweep(each)
    parts_lib.sweep(each)
  for raw_dir in raw_home.glob("*"):
    # A process was killed after its track was whole, before tidying up.
    if (home / raw_dir.name).is_dir():
      staged_folder.remove(raw_dir)
  dirs = {track: home / track for track in tracks}
  missing = [track for track in tracks if not dirs[track].is_dir()]
  counts: dict[str, int] = {}
  if missing:
    home.mkdir(parents=True, exist_ok=True)
    counts = found.count_windows(missing)
    build.check_disk(
      home,
      counts,
      build.window_bytes(recipe.feature_set),
      made_here=found.made_here,
      progress=progress,
      in_parts=found.dataset != sources.RELEASED,
    )
  for number, track in enumerate(missing, 1):
    # A second process waits here, then finds the track made.
    with lock.in_turn(home / f".{track}.lock"):
      if dirs[track].is_dir():
        continue
      with found.folder(track, raw_home / track, progress) as folder:
        build.build_track(
          track,
          folder,
          dirs[track],
          config=found.dataset.removeprefix("ampl/"),
          fields=fields,
          recipe=recipe,
          bar=tqdm.tqdm(
            total=counts[track],
            unit="window",
            desc=f"prepare {track} ({number}/{len(missing)})",
            disable=not progress,
            mininterval=0.5 if sys.stderr.isatty() else 10.0,
          ),
          beam_options=beam_options,
          parts=parts_lib.of_track(home, track, fingerprint),
        )
  return dirs


def _usable_tracks(held: splits.Holdings) -> list[str]:
  """Tracks with a recording of somebody who is not excluded."""
  return [
    track
    for track in held.genres
    if {*held.subjects.get(track, ()), *held.without_pose.get(track, ())}
    - set(held.excluded)
  ]


def run() -> None:
  """The command line; prints one line and exits with 2 on unusable input."""
  defaults = config_lib.SimulateConfig()
  flags.DEFINE_enum(
    "dataset",
    None,
    list(sources.DATASETS),
    "what to prepare (default: ampl/simulated, or what --ampl_dir holds)",
  )
  flags.DEFINE_string("ampl_dir", None, "folder of AMPL, raw or released")
  flags.DEFINE_bool("report_only", False, "say what is there, prepare nothing")
  flags.DEFINE_list("tracks", None, "tracks to prepare; default: all")
  flags.DEFINE_string("data_dir", None, "where; default: the user's cache")
  flags.DEFINE_string(
    "features", DEFAULT.feature_set, "name of the feature set"
  )
  flags.DEFINE_string(
    "static_response",
    DEFAULT.static_response,
    "what music_kernel learns the static room from, see the main command",
  )
  flags.DEFINE_string("mocap_dir", None, "motion files to simulate from")
  flags.DEFINE_string("music_dir", None, "music files to simulate from")
  flags.DEFINE_integer("subjects", defaults.subjects, "simulated people")
  flags.DEFINE_float("minutes", defaults.minutes, "length of a recording")
  flags.DEFINE_integer("seed", defaults.seed, "of the simulation")
  flags.DEFINE_float("snr_db", defaults.snr_db, "noise below the recording")
  flags.DEFINE_float(
    "noise_snr_db", None, "white noise on recording and music of each window"
  )
  flags.DEFINE_list(
    "beam_options",
    None,
    "build through Apache Beam (extra `beam`) with these options of its "
    "pipeline, e.g. direct_num_workers=2,direct_running_mode=multi_processing "
    "on this machine or runner=DataflowRunner,project=... on a cluster that "
    "shares the folders",
  )
  command.start(_main)


def _main(argv: Sequence[str]) -> None:
  values = flags.FLAGS
  logging.set_verbosity(logging.INFO)
  with command.ending():
    command.no_arguments(argv)
    local_path.check("data_dir", values.data_dir)
    dataset = values.dataset
    if dataset is None:
      dataset = sources.SIMULATED
      if values.ampl_dir is not None:
        dataset = find.find_dataset(values.ampl_dir)
    found = open_source(
      dataset,
      values.ampl_dir,
      config_lib.SimulateConfig(
        subjects=values.subjects,
        minutes=values.minutes,
        seed=values.seed,
        snr_db=values.snr_db,
      ),
      values.mocap_dir,
      values.music_dir,
    )
    inventory = found.inventory()
    if inventory is not None:
      print(inventory, flush=True)
    if values.report_only:
      if inventory is None:
        raise InputError(
          "--report_only", f"{dataset} has no folder", "add --ampl_dir=..."
        )
      return
    prepared = prepare(
      found,
      data_dir=values.data_dir,
      tracks=values.tracks,
      recipe=Recipe(
        feature_set=values.features,
        static_response=values.static_response,
        noise_snr_db=values.noise_snr_db,
      ),
      beam_options=values.beam_options,
    )
    for track, folder in prepared.dirs.items():
      count = manifest_lib.read(folder).count
      print(f"{track}: {count} windows in {folder}")


if __name__ == "__main__":
  run()
