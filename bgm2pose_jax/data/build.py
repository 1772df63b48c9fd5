"""One prepared track from a folder of AMPL: room for it, and the making.

`prepare` decides what is missing; this is the only module that knows the TFDS
builders.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tqdm

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import beam_pipeline
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data.partial_builds import Parts
from bgm2pose_jax.files import staged_folder
from bgm2pose_jax.systems.bgm2pose.ampl import recordings
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe

# TFDS keeps this much in memory, then writes everything twice.
_BUFFER_BYTES = 1 << 30
_TEXT_BYTES = 400
# Simulated raw data, a second of one recording: audio, poses.
_RAW_BYTES_PER_S = 650_000


def window_bytes(feature_set: str) -> int:
  """Returns what one stored window takes on disk."""
  from bgm2pose_jax.systems.bgm2pose import features

  spec = features.get_feature_set(feature_set).spec
  cells = spec.bands * len(spec.channels) + 63
  return 4 * spec.window_frames * cells + _TEXT_BYTES


def check_disk(
  home: Path,
  counts: Mapping[str, int],
  bytes_each: int,
  *,
  made_here: bool,
  progress: bool,
  in_parts: bool = True,
) -> None:
  """Checks that there is room for tracks while they are built.

  Args:
    home: existing folder they go to.
    counts: {track: windows}.
    bytes_each: of one window, see `window_bytes`.
    made_here: recordings are made first, a track at a time, on the same disk.
    progress: say on stderr what it comes to.
    in_parts: the windows of single recordings are kept until their track is
      whole.

  Raises:
    InputError: too little room.
  """
  most = max(counts.values())
  total = sum(counts.values()) * bytes_each
  needed = total
  if most * bytes_each > _BUFFER_BYTES:
    needed += most * bytes_each
  if in_parts:
    needed += most * bytes_each
  if made_here:
    needed += round(most * recordings.WINDOW_S * _RAW_BYTES_PER_S)
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


def build_track(
  track: str,
  source_dir: Path,
  folder: Path,
  *,
  config: str,
  fields: Mapping[str, Any],
  recipe: Recipe,
  bar: tqdm.tqdm,
  beam_options: Sequence[str] | None = None,
  parts: Parts | None = None,
) -> None:
  """Makes one prepared track from a folder, whole or not at all.

  Args:
    track: its token.
    source_dir: in AMPL's raw layout; for `released` in the published one.
    folder: where the track goes; must not exist.
    config: name of the builder's configuration: `raw`, `simulated` or
      `released`.
    fields: what the manifest says besides track and feature specification.
    recipe: how recordings become windows.
    bar: counts windows; closed at the end.
    beam_options: build through Apache Beam, a recording a piece of work, with
      these options of its pipeline; see `beam_pipeline.download_config`. None
      builds in this process.
    parts: where the windows of a recording are kept once they are done, for
      another attempt after this one was killed; removed when the track is
      whole.

  Raises:
    InputError: a recording that cannot be used, or options of Beam that
      cannot; a disk that is full, or a folder that may not be written to.
  """
  # TFDS takes half a second to import, and training needs none of it.
  import tensorflow_datasets as tfds

  # Installed from the top-level folder `datasets`, where pyright looks not.
  from bgm2pose_jax.datasets.ampl import (  # pyright: ignore
    ampl_dataset_builder,
  )

  tfds.disable_progress_bar()  # ours counts windows
  with (
    bar,
    system_errors.in_one_line(folder),
    staged_folder.staged(folder) as stage,
  ):
    through_beam = beam_options is not None
    refusal = stage / "refusal.json"
    builder = ampl_dataset_builder.Builder(
      config=config,
      data_dir=str(stage),
      source_dir=str(source_dir),
      track=track,
      recipe=recipe,
      on_windows=bar.update,
      beam_refusal=refusal if through_beam else None,
      parts=parts,
    )
    with contextlib.ExitStack() as stack:
      # It prints that it downloads, which it does not.
      stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
      download = None
      if beam_options is not None:
        stack.enter_context(beam_pipeline.reasons_from(refusal))
        download = beam_pipeline.download_config(beam_options)
      builder.download_and_prepare(
        file_format="array_record", download_config=download
      )
    shutil.rmtree(stage / "downloads", ignore_errors=True)
    content = {
      **fields,
      "track": track,
      "spec": ampl_dataset_builder.feature_spec(recipe.feature_set).to_dict(),
    }
    made = manifest_lib.write(stage, content)
    # What a writer could not write it may have kept to itself.
    lengths = builder.info.splits[ampl_dataset_builder.SPLIT].shard_lengths
    if [shard.count for shard in made.shards] != lengths:
      raise InputError(
        stage,
        f"shards hold {[shard.count for shard in made.shards]} windows "
        f"instead of {lengths}",
        "check the disk and try again; what is done is kept",
      )
    bar.update(made.count - bar.n)
  if parts is not None:
    staged_folder.remove(parts.folder)
