"""One prepared section: room for it, and the making.

`prepared` decides what is missing.
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
from bgm2pose_jax.data.source import Source
from bgm2pose_jax.files import staged_folder

# TFDS keeps this much in memory, then writes everything twice.
_BUFFER_BYTES = 1 << 30


def check_disk(
  home: Path,
  counts: Mapping[str, int],
  window_bytes: int,
  *,
  raw_bytes: int = 0,
  in_parts: bool = True,
  progress: bool,
) -> None:
  """Checks that there is room for sections while they are built.

  Args:
    home: existing folder they go to.
    counts: {section: windows}.
    window_bytes: size of one window.
    raw_bytes: size of the recordings behind one window, where they are made
      first, a section at a time, on the same disk.
    in_parts: the windows of single recordings are kept until their section is
      whole.
    progress: say on stderr what it comes to.

  Raises:
    InputError: too little room.
  """
  most = max(counts.values())
  total = sum(counts.values()) * window_bytes
  needed = total + most * raw_bytes
  if most * window_bytes > _BUFFER_BYTES:
    needed += most * window_bytes
  if in_parts:
    needed += most * window_bytes
  free = shutil.disk_usage(home).free
  text = (
    f"{len(counts)} sections, {sum(counts.values())} windows, "
    f"{total / 1e9:.2f} GB to keep, {needed / 1e9:.2f} GB while building, "
    f"{free / 1e9:.1f} GB free in {home}"
  )
  if needed > free:
    raise InputError(home, text, "free some room, or choose another --data_dir")
  if progress:
    print(text, file=sys.stderr)


def build_section(
  source: Source,
  section: str,
  source_dir: Path,
  folder: Path,
  *,
  fields: Mapping[str, Any],
  bar: tqdm.tqdm,
  beam_options: Sequence[str] | None = None,
  parts: Parts | None = None,
) -> None:
  """Makes one prepared section from a folder, whole or not at all.

  Args:
    source: gives the builder.
    section: its name.
    source_dir: the folder that `source.folder` named.
    folder: where the section goes; must not exist.
    fields: what the manifest says besides `source.manifest_fields`.
    bar: counts windows; closed at the end.
    beam_options: build through Apache Beam, a recording a piece of work, with
      these options of its pipeline; see `beam_pipeline.download_config`. None
      builds in this process.
    parts: where the windows of a recording are kept once they are done, for
      another attempt after this one was killed; removed when the section is
      whole.

  Raises:
    InputError: a recording that cannot be used, or options of Beam that
      cannot; a disk that is full, or a folder that may not be written to.
  """
  # TFDS takes half a second to import, and training needs none of it.
  import tensorflow_datasets as tfds

  tfds.disable_progress_bar()  # ours counts windows
  with (
    bar,
    system_errors.in_one_line(folder),
    staged_folder.staged(folder) as stage,
  ):
    refusal = None if beam_options is None else stage / "refusal.json"
    builder = source.builder(
      section,
      source_dir,
      stage,
      on_windows=lambda windows: bar.update(windows) and None,
      beam_refusal=refusal,
      parts=parts,
    )
    with contextlib.ExitStack() as stack:
      # It prints that it downloads, which it does not.
      stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
      download = None
      if beam_options is not None and refusal is not None:
        stack.enter_context(beam_pipeline.reasons_from(refusal))
        download = beam_pipeline.download_config(beam_options)
      builder.download_and_prepare(
        file_format="array_record", download_config=download
      )
    shutil.rmtree(stage / "downloads", ignore_errors=True)
    made = manifest_lib.write(
      stage, {**fields, **source.manifest_fields(section)}
    )
    # What a writer could not write it may have kept to itself.
    (split,) = builder.info.splits.values()
    if [shard.count for shard in made.shards] != split.shard_lengths:
      raise InputError(
        stage,
        f"shards hold {[shard.count for shard in made.shards]} windows "
        f"instead of {split.shard_lengths}",
        "check the disk and try again; what is done is kept",
      )
    bar.update(made.count - bar.n)
  if parts is not None:
    staged_folder.remove(parts.folder)
