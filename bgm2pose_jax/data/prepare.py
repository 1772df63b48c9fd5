"""Recordings, real or simulated -> prepared tracks on disk.

    python -m bgm2pose_jax.data.prepare --dataset=ampl/raw --ampl_dir=/data/ampl
    python -m bgm2pose_jax.data.prepare --tracks=haze,swing --minutes=2

Only the tracks asked for are made, each once: a prepared track lies under a
digest of its source, so another source never meets old windows. A track appears
whole or not at all; one that was interrupted is made again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tqdm
from absl import app, flags, logging

from bgm2pose_jax import config as config_lib
from bgm2pose_jax import settings
from bgm2pose_jax.data import build, raw_layout, recordings, staging
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.errors import InputError

FEATURE_SET = "logmel_intensity"
SIMULATED, RAW = "ampl/simulated", "ampl/raw"

# A change of what is stored, or of what the simulator makes, makes old folders
# unusable: count up.
_FORMAT = 1


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


@dataclasses.dataclass(frozen=True)
class Source:
  """Where recordings come from; everything that decides what they are.

  Attributes:
    dataset: `ampl/simulated` or `ampl/raw`.
    ampl_dir: raw folder, for `ampl/raw`.
    simulate: the simulator's plan, for `ampl/simulated`.
    mocap_dir: motion files to simulate from; None for procedural motion.
    music_dir: music files to simulate from; None for procedural music.
  """

  dataset: str = SIMULATED
  ampl_dir: str | None = None
  simulate: config_lib.SimulateConfig = dataclasses.field(
    default_factory=config_lib.SimulateConfig
  )
  mocap_dir: str | None = None
  music_dir: str | None = None

  def __post_init__(self):
    if self.dataset not in (SIMULATED, RAW):
      raise InputError(
        "--dataset", f"is {self.dataset!r}", f"choose {SIMULATED} or {RAW}"
      )
    if self.dataset == RAW and self.ampl_dir is None:
      raise InputError(
        "--ampl_dir", "is missing", "ampl/raw needs the folder of recordings"
      )


def default_data_dir() -> Path:
  """Returns the user's cache folder for this package."""
  cache = os.environ.get("XDG_CACHE_HOME")
  return (Path(cache) if cache else Path.home() / ".cache") / "bgm2pose_jax"


def holdings(source: Source) -> settings.Holdings:
  """Says what a dataset has, without computing anything.

  Args:
    source: where the recordings come from.

  Returns:
    Tracks with genres and subjects, for `settings.resolve`.

  Raises:
    InputError: a folder that does not hold what it should.
  """
  return _holdings(source, _scan(source))


def identify(
  source: Source,
  *,
  feature_set: str = FEATURE_SET,
  pose_resample: str = "interp",
) -> tuple[str, bool]:
  """Says which prepared data a source leads to, without making any.

  Args:
    source: where the recordings come from.
    feature_set: name in `bgm2pose_jax.features`.
    pose_resample: see `skeleton.resample_windows`.

  Returns:
    `fingerprint` and `simulated` of the `Prepared` that `prepare` gives.

  Raises:
    InputError: a folder that does not hold what it should.
  """
  index = _scan(source)
  content = _content(source, index, feature_set, pose_resample)
  return _digest(content), index is None or index.simulated


def prepare(
  source: Source,
  *,
  data_dir: str | os.PathLike[str] | None,
  tracks: Sequence[str] | None = None,
  feature_set: str = FEATURE_SET,
  pose_resample: str = "interp",
  progress: bool = True,
) -> Prepared:
  """Makes what is missing and says where everything is.

  Args:
    source: where the recordings come from.
    data_dir: where prepared data live; None is `default_data_dir()`.
    tracks: the tracks to make; None is all that have somebody to learn from.
    feature_set: name in `bgm2pose_jax.features`.
    pose_resample: see `skeleton.resample_windows`.
    progress: show a bar with the time left, on stderr.

  Returns:
    The prepared tracks. Their shards are checked when they are loaded.

  Raises:
    InputError: unknown track, recordings that cannot be used, or too little
      room on the disk.
  """
  index = _scan(source)
  held = _holdings(source, index)
  tracks = list(dict.fromkeys(tracks or _usable_tracks(held)))
  for track in tracks:
    if track not in held.genres:
      raise InputError(
        f"track {track}",
        f"unknown in {source.dataset}",
        f"choose one of {', '.join(held.genres)}",
      )
  content = _content(source, index, feature_set, pose_resample)
  fingerprint = _digest(content)
  simulated = index is None or index.simulated
  data_dir = Path(data_dir) if data_dir else default_data_dir()
  config = source.dataset.removeprefix("ampl/")
  name = f"{config}-{fingerprint[:12]}"
  home, raw_home = data_dir / "prepared" / name, data_dir / "raw" / name
  staging.sweep(home)
  for raw_dir in raw_home.glob("*"):
    # A process was killed after its track was whole, before tidying up.
    if (home / raw_dir.name).is_dir():
      shutil.rmtree(raw_dir, ignore_errors=True)
  dirs = {track: home / track for track in tracks}
  missing = [track for track in tracks if not dirs[track].is_dir()]
  if missing:
    home.mkdir(parents=True, exist_ok=True)
    if index is None:
      each = int(source.simulate.minutes * 60 / recordings.WINDOW_S)
      counts = {track: each * len(held.subjects[track]) for track in missing}
    else:
      counts = build.count_windows(index, missing)
    build.check_disk(
      home,
      counts,
      build.window_bytes(feature_set),
      simulated=index is None,
      progress=progress,
    )
  for number, track in enumerate(missing, 1):
    # A second process waits here, then finds the track made.
    with staging.locked(home / f".{track}.lock"):
      if dirs[track].is_dir():
        continue
      raw_dir = Path(str(source.ampl_dir))
      if index is None:
        raw_dir = raw_home / track
        _make_raw(source, raw_dir, track, progress)
      build.build_track(
        track,
        raw_dir,
        dirs[track],
        config=config,
        fields={
          "fingerprint": fingerprint,
          "simulated": simulated,
          "source": content,
        },
        feature_set=feature_set,
        pose_resample=pose_resample,
        bar=tqdm.tqdm(
          total=counts[track],
          unit="window",
          desc=f"prepare {track} ({number}/{len(missing)})",
          disable=not progress,
          mininterval=0.5 if sys.stderr.isatty() else 10.0,
        ),
      )
      if index is None:
        # The seed makes it again; it is eight times the prepared windows.
        shutil.rmtree(raw_dir, ignore_errors=True)
  return Prepared(dirs, fingerprint, simulated)


def _scan(source: Source) -> raw_layout.RawIndex | None:
  """The raw folder's index; None when recordings are simulated."""
  if source.dataset != RAW:
    return None
  return raw_layout.scan_raw(str(source.ampl_dir))


def _holdings(
  source: Source, index: raw_layout.RawIndex | None
) -> settings.Holdings:
  if index is not None:
    return index.holdings()
  from bgm2pose_jax.simulate import casting

  return casting.holdings(_plan(source, ()))


def _usable_tracks(held: settings.Holdings) -> list[str]:
  """Tracks with a recording of somebody who is not excluded."""
  return [
    track
    for track in held.genres
    if {*held.subjects.get(track, ()), *held.without_pose.get(track, ())}
    - set(held.excluded)
  ]


def _content(
  source: Source,
  index: raw_layout.RawIndex | None,
  feature_set: str,
  pose_resample: str,
) -> dict[str, Any]:
  """What, if changed, makes other windows; tracks may be added."""
  return {
    "format": _FORMAT,
    "feature_set": feature_set,
    "pose_resample": pose_resample,
    **_identity(source, index),
  }


def _digest(content: Mapping[str, Any]) -> str:
  text = json.dumps(content, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def _plan(source: Source, tracks: Sequence[str]) -> Any:
  from bgm2pose_jax.simulate import casting

  return casting.RawPlan(
    subjects=source.simulate.subjects,
    minutes=source.simulate.minutes,
    seed=source.simulate.seed,
    snr_db=source.simulate.snr_db,
    tracks=tuple(tracks),
    mocap_dir=source.mocap_dir,
    music_dir=source.music_dir,
  )


def _identity(
  source: Source, index: raw_layout.RawIndex | None
) -> dict[str, Any]:
  if index is not None:
    return {"raw": raw_layout.source_fingerprint(index)}
  from bgm2pose_jax.simulate import casting

  mocap, music = source.mocap_dir, source.music_dir
  digests = {
    "mocap": None if mocap is None else casting.motion_digest(mocap),
    "music": None if music is None else casting.folder_digest(music),
  }
  scene = _plan(source, ()).noisy_scene().to_dict()
  simulate = dataclasses.asdict(source.simulate)
  if source.mocap_dir is not None:
    del simulate["subjects"]  # all captured people take part
  return {"simulate": simulate, "scene": scene, **digests}


def _make_raw(source: Source, out: Path, track: str, progress: bool) -> None:
  from bgm2pose_jax.simulate import raw_folder

  # It goes on where a killed run was, recording by recording.
  raw_folder.make_raw(out, _plan(source, (track,)), progress=progress)


def run() -> None:
  """The command line; prints one line and exits with 2 on unusable input."""
  defaults = config_lib.SimulateConfig()
  flags.DEFINE_enum("dataset", SIMULATED, [SIMULATED, RAW], "what to prepare")
  flags.DEFINE_string("ampl_dir", None, "folder of raw recordings")
  flags.DEFINE_list("tracks", None, "tracks to prepare; default: all")
  flags.DEFINE_string("data_dir", None, "where; default: the user's cache")
  flags.DEFINE_string("feature_set", FEATURE_SET, "name of the feature set")
  flags.DEFINE_string("mocap_dir", None, "motion files to simulate from")
  flags.DEFINE_string("music_dir", None, "music files to simulate from")
  flags.DEFINE_integer("subjects", defaults.subjects, "simulated people")
  flags.DEFINE_float("minutes", defaults.minutes, "length of a recording")
  flags.DEFINE_integer("seed", defaults.seed, "of the simulation")
  flags.DEFINE_float("snr_db", defaults.snr_db, "noise below the recording")
  app.run(_main)


def _main(argv: Sequence[str]) -> None:
  values = flags.FLAGS
  logging.set_verbosity(logging.INFO)
  try:
    if len(argv) > 1:
      raise InputError(argv[1], "is no flag", "see --help")
    prepared = prepare(
      Source(
        values.dataset,
        values.ampl_dir,
        config_lib.SimulateConfig(
          subjects=values.subjects,
          minutes=values.minutes,
          seed=values.seed,
          snr_db=values.snr_db,
        ),
        values.mocap_dir,
        values.music_dir,
      ),
      data_dir=values.data_dir,
      tracks=values.tracks,
      feature_set=values.feature_set,
    )
  except InputError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
  for track, folder in prepared.dirs.items():
    count = manifest_lib.read(folder).count
    print(f"{track}: {count} windows in {folder}")


if __name__ == "__main__":
  run()
