"""Folders of recordings: one sound file for each sample.

Channel 1 is the microphone of pair 1 while loudspeaker 1 plays, and so on; a
further channel may hold what the loudspeakers are fed with. WAV or FLAC, 16,
24 or 32 bits or floating point. In one file each pair's sweep may begin at a
time of its own: loudspeakers play one after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording

_SUFFIXES = (".wav", ".flac")
_MOST_FILES = 20_000
MAX_PAIRS = 64
# 35 s of five channels at 96 kHz; its spectra take about a gigabyte.
_MOST_VALUES = 1 << 24
_LONGEST_SWEEP_S = 60.0
_NAME_CHARS = 200


def files(folder: str | Path) -> list[Path]:
  """Lists the sound files of a folder, sorted by name.

  Args:
    folder: the folder; folders in it are not looked into.

  Raises:
    InputError: no folder, no sound files, too many, or names that cannot name
      a sample.
  """
  folder = Path(folder)
  if not folder.is_dir():
    raise InputError(folder, "is no folder", "give a folder of recordings")
  found = sorted(
    path
    for path in folder.iterdir()
    if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
  )
  if not found:
    raise InputError(
      folder, "holds no WAV or FLAC files", "give a folder of recordings"
    )
  if len(found) > _MOST_FILES:
    raise InputError(
      folder,
      f"holds {len(found)} recordings",
      f"give at most {_MOST_FILES} at a time",
    )
  stems: dict[str, Path] = {}
  for path in found:
    name = path.stem
    if (
      len(name) > _NAME_CHARS or not name.isprintable() or set(name) & set(',"')
    ):
      raise InputError(
        path, "cannot name a sample", "use short names without commas or quotes"
      )
    if name in stems:
      raise InputError(
        path, f"has the name of {stems[name].name}", "rename one of them"
      )
    stems[name] = path
  return found


def count_pairs(paths: Sequence[Path], loopback: int | None) -> int:
  """Counts the pairs of the first recording that can be read.

  Args:
    paths: recordings.
    loopback: channel of the loopback, from 1; None without.

  Raises:
    InputError: none can be read, no such channel, or too many.
  """
  refused: InputError | None = None
  for path in paths:
    try:
      channels = audio_files.read_header(path, None, None).channels
    except InputError as error:
      refused = refused or error
      continue
    if loopback is not None and not 1 <= loopback <= channels:
      raise InputError(
        f"--loopback={loopback}",
        f"{path} has {channels} channels",
        "count channels from 1",
      )
    pairs = channels - (loopback is not None)
    if not 1 <= pairs <= MAX_PAIRS:
      raise InputError(
        path, f"has {pairs} pairs", f"give 1 to {MAX_PAIRS} pairs"
      )
    return pairs
  assert refused is not None
  raise refused


def takes(
  paths: Sequence[Path], rate_hz: int, pairs: int, loopback: int | None
) -> Iterator[Recording]:
  """Reads recordings, one at a time.

  A file that cannot be used becomes a recording that says so.

  Args:
    paths: the files.
    rate_hz: the sample rate of the sweep.
    pairs: how many pairs the others have; further channels are left out.
    loopback: channel of the loopback, from 1; None without.
  """
  for path in paths:
    name, nothing = path.stem, np.zeros((0, 0), np.float32)
    try:
      info = audio_files.read_header(path, None, None)
      if info.samplerate != rate_hz:
        yield Recording(
          name, nothing, fault="sample_rate", value=info.samplerate
        )
        continue
      samples = _samples(path, info)
    except InputError as error:
      yield Recording(name, nothing, fault="unreadable", detail=error.found)
      continue
    heard = None
    if loopback is not None:
      if loopback > len(samples):
        yield Recording(name, nothing, fault="missing_pair", value=len(samples))
        continue
      heard = samples[loopback - 1]
      samples = np.delete(samples, loopback - 1, axis=0)
    yield Recording(name, samples[:pairs], heard)


def read_sweep(path: str | Path) -> tuple[np.ndarray, int]:
  """Reads what was played.

  Args:
    path: a sound file of one channel.

  Returns:
    float64 [m]; its sample rate, Hz.

  Raises:
    InputError: no sound file, more channels, too long, or silence.
  """
  path = Path(path)
  info = audio_files.read_header(path, None, None)
  if info.channels != 1:
    raise InputError(
      path,
      f"has {info.channels} channels",
      "give one channel, what each loudspeaker plays",
    )
  if info.frames > _LONGEST_SWEEP_S * info.samplerate:
    raise InputError(
      path,
      f"lasts {info.frames / info.samplerate:.0f} s",
      f"give a sweep of at most {_LONGEST_SWEEP_S:.0f} s",
    )
  samples = _samples(path, info)[0].astype(np.float64)
  if not samples.any():
    raise InputError(path, "is silent", "give what was played")
  return samples, int(info.samplerate)


def _samples(path: Path, info) -> np.ndarray:
  """float32 [channel, n]."""
  if info.frames * info.channels > _MOST_VALUES:
    raise InputError(
      path,
      f"holds {info.frames} samples of {info.channels} channels",
      "cut it: a recording is a sweep and what follows within a second",
    )
  blocks = list(audio_files.sample_blocks(path))
  if not blocks:
    raise InputError(path, "holds no samples", "record it again")
  return np.ascontiguousarray(np.concatenate(blocks).T)
