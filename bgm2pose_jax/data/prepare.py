"""Recordings, real or simulated -> prepared tracks on disk.

    python -m bgm2pose_jax.data.prepare --dataset=ampl/raw --ampl_dir=/data/ampl
    python -m bgm2pose_jax.data.prepare --tracks=haze,swing --minutes=2

Only the tracks asked for are made, each once: a prepared track lies under a
digest of its source, so another source never meets old windows. A track appears
whole or not at all; one that was interrupted is made again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
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
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data import raw_layout, recordings, staging
from bgm2pose_jax.errors import InputError

FEATURE_SET = "logmel_intensity"
SIMULATED, RAW = "ampl/simulated", "ampl/raw"

# A change of what is stored, or of what the simulator makes, makes old folders
# unusable: count up.
_FORMAT = 1
# TFDS keeps this much in memory, then writes everything twice.
_BUFFER_BYTES = 1 << 30
_TEXT_BYTES = 400


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
  if source.dataset == RAW:
    return raw_layout.scan_raw(str(source.ampl_dir)).holdings()
  from bgm2pose_jax.simulate import casting

  return casting.holdings(_plan(source, ()))


def prepare(
  dataset: str,
  *,
  data_dir: str | os.PathLike[str] | None,
  ampl_dir: str | None = None,
  tracks: Sequence[str] | None = None,
  feature_set: str = FEATURE_SET,
  pose_resample: str = "interp",
  simulate: config_lib.SimulateConfig | None = None,
  mocap_dir: str | None = None,
  music_dir: str | None = None,
  progress: bool = True,
) -> Prepared:
  """Makes what is missing and says where everything is.

  Args:
    dataset: `ampl/simulated` or `ampl/raw`.
    data_dir: where prepared data live; None is `default_data_dir()`.
    ampl_dir: folder of raw recordings, for `ampl/raw`.
    tracks: the tracks to make; None is all.
    feature_set: name in `bgm2pose_jax.features`.
    pose_resample: see `skeleton.resample_windows`.
    simulate: the simulator's plan; None is the default one.
    mocap_dir: motion to simulate from; None is procedural.
    music_dir: music to simulate from; None is procedural.
    progress: show a bar with the time left, on stderr.

  Returns:
    The prepared tracks. Their shards are checked when they are loaded.

  Raises:
    InputError: unknown track, recordings that cannot be used, or too little
      room on the disk.
  """
  source = Source(
    dataset,
    ampl_dir,
    simulate or config_lib.SimulateConfig(),
    mocap_dir,
    music_dir,
  )
  held = holdings(source)
  tracks = list(dict.fromkeys(tracks or held.genres))
  for track in tracks:
    if track not in held.genres:
      raise InputError(
        f"track {track}",
        f"unknown in {dataset}",
        f"choose one of {', '.join(held.genres)}",
      )
  content = {
    "format": _FORMAT,
    "feature_set": feature_set,
    "pose_resample": pose_resample,
    **_identity(source),
  }
  text = json.dumps(content, sort_keys=True)
  fingerprint = hashlib.sha256(text.encode()).hexdigest()
  data_dir = Path(data_dir) if data_dir else default_data_dir()
  name = f"{dataset.removeprefix('ampl/')}-{fingerprint[:12]}"
  home = data_dir / "prepared" / name
  staging.sweep(home)
  dirs = {track: home / track for track in tracks}
  missing = [track for track in tracks if not dirs[track].is_dir()]
  if missing:
    home.mkdir(parents=True, exist_ok=True)
    counts = _count_windows(source, held, missing)
    _check_disk(home, counts, _window_bytes(feature_set), progress)
  for number, track in enumerate(missing, 1):
    # A second process waits here, then finds the track made.
    with staging.locked(home / f".{track}.lock"):
      if dirs[track].is_dir():
        continue
      raw_dir = data_dir / "raw" / name / track
      if dataset == SIMULATED:
        _make_raw(source, raw_dir, track, progress)
      _build(
        track,
        raw_dir if dataset == SIMULATED else Path(str(ampl_dir)),
        dirs[track],
        config=dataset.removeprefix("ampl/"),
        fields={"fingerprint": fingerprint, "source": content},
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
      if dataset == SIMULATED:
        # The seed makes it again; it is eight times the prepared windows.
        shutil.rmtree(raw_dir, ignore_errors=True)
  simulated = bool(manifest_lib.read(dirs[tracks[0]]).fields["simulated"])
  return Prepared(dirs, fingerprint, simulated)


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


def _identity(source: Source) -> dict[str, Any]:
  """What, if changed, makes other windows; tracks may be added."""
  if source.dataset == RAW:
    index = raw_layout.scan_raw(str(source.ampl_dir))
    return {"raw": raw_layout.source_fingerprint(index)}
  from bgm2pose_jax.simulate import casting

  folders = {"mocap": source.mocap_dir, "music": source.music_dir}
  digests = {
    name: None if folder is None else casting.folder_digest(folder)
    for name, folder in folders.items()
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


def _count_windows(
  source: Source, held: settings.Holdings, tracks: Sequence[str]
) -> dict[str, int]:
  """Windows of each track; every file of a raw folder is looked at first."""
  if source.dataset == RAW:
    index = raw_layout.scan_raw(str(source.ampl_dir))
    return {
      track: sum(recordings.check_files(r) for r in index.of_track(track))
      for track in tracks
    }
  each = int(source.simulate.minutes * 60 / recordings.WINDOW_S)
  return {track: each * len(held.subjects[track]) for track in tracks}


def _window_bytes(feature_set: str) -> int:
  from bgm2pose_jax import features

  spec = features.get_feature_set(feature_set).spec
  cells = spec.bands * len(spec.channels) + 63
  return 4 * spec.window_frames * cells + _TEXT_BYTES


def _check_disk(
  home: Path, counts: Mapping[str, int], window_bytes: int, progress: bool
) -> None:
  total = sum(counts.values()) * window_bytes
  largest = max(counts.values()) * window_bytes
  needed = total + (largest if largest > _BUFFER_BYTES else 0)
  free = shutil.disk_usage(home).free
  text = (
    f"{len(counts)} tracks, {sum(counts.values())} windows, "
    f"{total / 1e9:.2f} GB to keep, {needed / 1e9:.2f} GB while building, "
    f"{free / 1e9:.1f} GB free in {home}"
  )
  if needed > free:
    raise InputError(home, text, "free some room, or choose another --data_dir")
  if progress:
    print(text, file=sys.stderr)


def _build(
  track: str,
  raw_dir: Path,
  folder: Path,
  *,
  config: str,
  fields: Mapping[str, Any],
  feature_set: str,
  pose_resample: str,
  bar: tqdm.tqdm,
) -> None:
  """Makes one prepared track from a raw folder, whole or not at all."""
  # TFDS takes half a second to import, and training needs none of it.
  import tensorflow_datasets as tfds

  # Installed from the top-level folder `datasets`, where pyright looks not.
  from bgm2pose_jax.datasets.ampl import (  # pyright: ignore
    ampl_dataset_builder,
  )

  tfds.disable_progress_bar()  # ours counts windows
  with bar, staging.staged(folder) as stage:
    builder = ampl_dataset_builder.Builder(
      config=config,
      data_dir=str(stage),
      raw_dir=str(raw_dir),
      track=track,
      feature_set=feature_set,
      pose_resample=pose_resample,
      on_windows=bar.update,
    )
    # It prints that it downloads, which it does not.
    with contextlib.redirect_stdout(io.StringIO()):
      builder.download_and_prepare(file_format="array_record")
    shutil.rmtree(stage / "downloads", ignore_errors=True)
    content = {
      **fields,
      "track": track,
      "simulated": raw_layout.scan_raw(raw_dir).simulated,
      "spec": ampl_dataset_builder.feature_spec(feature_set).to_dict(),
    }
    manifest_lib.write(stage, content)


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
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]}")
  values = flags.FLAGS
  logging.set_verbosity(logging.INFO)
  try:
    prepared = prepare(
      values.dataset,
      data_dir=values.data_dir,
      ampl_dir=values.ampl_dir,
      tracks=values.tracks,
      feature_set=values.feature_set,
      simulate=config_lib.SimulateConfig(
        subjects=values.subjects,
        minutes=values.minutes,
        seed=values.seed,
        snr_db=values.snr_db,
      ),
      mocap_dir=values.mocap_dir,
      music_dir=values.music_dir,
    )
  except InputError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
  for track, folder in prepared.dirs.items():
    count = manifest_lib.read(folder).count
    print(f"{track}: {count} windows in {folder}")


if __name__ == "__main__":
  run()
