"""The sound of a datapack: the pickup first, else a microphone; mono."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet.telmi.contents import Contents, Sound
from bgm2pose_jax.systems.mapnet.telmi.pack_files import PackFiles

LONGEST_S = 3600.0
_MOST_CHANNELS = 32
# Below, no bow stroke can be told from another.
_SLOWEST_HZ = 8000
# Best first; words of a category, a name, an id or a file.
_WORDS = ("pick", "mix", "ambient|room|mic")


@dataclasses.dataclass(frozen=True, eq=False)
class PackSound:
  """What was read.

  Attributes:
    file: its name in the datapack.
    samples: float32 [n], mean over channels.
    sample_rate_hz: the sample rate of the file.
    notes: what was passed over and why, in sentences.
  """

  file: str
  samples: np.ndarray
  sample_rate_hz: int
  notes: tuple[str, ...]


def choose(contents: Contents) -> list[Sound]:
  """Returns the sounds, best first: pickup, mix, room microphone, others.

  Args:
    contents: the contents of the datapack's XML.
  """

  def rank(sound: Sound) -> int:
    # A category is said on purpose; a name may hold any word.
    for text in (sound.category, f"{sound.name} {sound.file}"):
      for number, words in enumerate(_WORDS):
        if re.search(words, text, re.IGNORECASE):
          return number
    return len(_WORDS)

  return sorted(contents.sounds, key=rank)


def read(files: PackFiles, contents: Contents) -> PackSound:
  """Reads the best sound that is there and not silent.

  Datapacks are often downloaded in part, so one that the XML names and that is
  not there is passed over and said.

  Args:
    files: the datapack's.
    contents: the contents of its XML.

  Raises:
    InputError: no sound at all, all missing or silent, or one that cannot be
      read.
  """
  there = set(files.names())
  notes = []
  for sound in choose(contents):
    if sound.file not in there:
      notes.append(f"{sound.file} is named in the XML and missing")
      continue
    where = files.where(sound.file)
    with files.on_disk(sound.file) as path:
      try:
        samples, rate_hz = _mono(path)
      except InputError as error:
        # A member of an archive lies in a temporary file.
        raise InputError(where, error.found, error.fix) from None
    if not samples.any():
      notes.append(f"{sound.file} is digital silence")
      continue
    return PackSound(sound.file, samples, rate_hz, tuple(notes))
  raise InputError(
    files.path,
    f"has no usable sound ({'; '.join(notes) or 'its XML names none'})",
    "download the datapack with its sound",
  )


def _mono(path: Path) -> tuple[np.ndarray, int]:
  info = audio_files.read_header(path, None, None)
  if info.channels > _MOST_CHANNELS or info.samplerate < _SLOWEST_HZ:
    raise InputError(
      path,
      f"has {info.channels} channels at {info.samplerate} Hz",
      f"give at most {_MOST_CHANNELS} channels at {_SLOWEST_HZ} Hz or more",
    )
  if info.frames > LONGEST_S * info.samplerate:
    raise InputError(
      path,
      f"lasts {info.frames / info.samplerate / 3600:.1f} hours",
      "split the take into parts of an hour at most",
    )
  parts = [
    part.mean(axis=1, dtype=np.float32)
    for part in audio_files.sample_blocks(path)
  ]
  if not parts:
    raise InputError(path, "holds no samples", "export it again")
  return np.concatenate(parts), int(info.samplerate)
