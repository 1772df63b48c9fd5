"""Every reader of files from strangers, by the kind of file."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bgm2pose_jax import poses
from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison import sweep_folder
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.inference.export import reading
from bgm2pose_jax.poses import bvh, clip_table, optitrack, position_csv
from bgm2pose_jax.simulate import music, scene_file
from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.bgm2pose.align import sounds
from bgm2pose_jax.systems.bgm2pose.ampl import (
  annotations,
  recording_index,
  released_table,
  released_windows,
)
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.doctor import sound_header, sound_levels
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings
from bgm2pose_jax.systems.bgm2pose.simulated import music_folder
from bgm2pose_jax.systems.bgm2pose.still_room import response_file
from bgm2pose_jax.systems.bgm2pose.stream import pcm, sound_input
from bgm2pose_jax.systems.mapnet.refine import reading as pose_reading
from bgm2pose_jax.systems.posekernel.released import arrays as echo_arrays
from tests.hostile import arrays, sound, text
from tests.hostile.files import Case

Reader = Callable[[Path], object]
_PIPE_BYTES = 1 << 16


def _decode(path: Path, channels: int, rate_hz: int | None) -> None:
  with sounds.decoded(path, channels, rate_hz) as samples:
    samples[:, :10].sum()


def _header(path: Path) -> None:
  audio_files.read_header(path, 4, audio_files.SAMPLE_RATE_HZ)
  for _ in audio_files.sample_blocks(path):
    pass


def _look_over(path: Path) -> None:
  """The doctor finds, it does not refuse."""
  found = Findings(path.parent)
  info = sound_header.read_header(path, 4, audio_files.SAMPLE_RATE_HZ, found)
  if info is not None:
    with found.guard(path, "sound"):
      sound_levels.measure(path, info.channels, info.samplerate)
  if found.kept:
    first = found.kept[0]
    raise InputError(first.where, first.what, first.fix)


def _stream(path: Path) -> None:
  source = sound_input.FileInput(path, 0.0)
  source.start()
  try:
    while True:
      source.queue.take(10.0)
  except EOFError:
    pass
  finally:
    source.stop()


def _pipe(path: Path) -> None:
  """Bytes as a pipe would bring them."""
  audio_files.read_header(path, 4, audio_files.SAMPLE_RATE_HZ)
  decoder = pcm.Decoder("s16le", "--input=-")
  with open(path, "rb") as file:
    while not decoder.ended and (data := file.read(_PIPE_BYTES)):
      decoder.push(data)


def _track_music(path: Path) -> None:
  with TrackMusic(path, "song", path.parent) as opened:
    opened.read(0, 10)


def _folder_of_motion(path: Path) -> None:
  poses.load_folder(path.parent)


def _bvh(path: Path) -> None:
  bvh.read_bvh(path).positions()


def _poses(path: Path) -> None:
  pose_reading.read(path, fps=50.0)


def _table(path: Path) -> None:
  for where, row in released_table.lines(path, released_table.read_bytes(path)):
    released_table.parse(where, row)


def _genres(path: Path) -> None:
  # Named by good tables; a folder that is none is to be refused as such.
  with contextlib.suppress(OSError):
    (path.parent / "a.wav").write_bytes(b"")
  music_folder.read(path.parent)


def _clips(path: Path) -> None:
  with contextlib.suppress(OSError):
    (path.parent / "a.bvh").write_bytes(b"")
  clip_table.read_clip_table(path.parent)


def _scene(path: Path) -> None:
  scene_file.read(str(path))


def _config(path: Path) -> None:
  run_folder.read_config(path.parent, Config)


def _sweep(path: Path) -> None:
  sweep_folder.read_sweep(path.parent, registry.of_model)


def _npy(path: Path) -> None:
  found = released_windows.read_array(path, released_windows.SOUND_SHAPE)
  released_windows.check_finite(
    path, found, [str(i) for i in range(15)], ("channel", "band", "frame")
  )


def _weights(path: Path) -> None:
  reading._read_arrays(path)


_RECORDING = functools.partial(_decode, channels=4, rate_hz=48000)
_MUSIC = functools.partial(_decode, channels=2, rate_hz=None)

# The first of each kind sees every case, the others take turns.
READERS: Mapping[str, Mapping[str, Reader]] = {
  "recording": {
    "audio_files": _header,
    "align": _RECORDING,
    "stream": _stream,
    "doctor": _look_over,
    "pipe": _pipe,
  },
  "music": {
    "align": _MUSIC,
    "simulate": music.load_music,
    "track": _track_music,
  },
  "bvh": {
    "bvh": _bvh,
    "folder": _folder_of_motion,
    "refine": pose_reading.read,
  },
  "positions": {
    "position_csv": position_csv.read_position_csv,
    "folder": _folder_of_motion,
    "refine": _poses,
  },
  "landmarks": {"refine": pose_reading.read},
  "optitrack": {"optitrack": optitrack.read_optitrack},
  "clips": {"clip_table": _clips},
  "annotations": {"annotations": annotations.read_annotations},
  "table": {"released_table": _table},
  "genres": {"genres": _genres},
  "config": {"workdir": _config},
  "scene": {"scene": _scene},
  "tracks": {"tracks": recording_index.read_genres},
  "sweep": {"sweep": _sweep},
  "npy": {"released_windows": _npy, "echo_arrays": echo_arrays._read},
  "npz": {"response_file": response_file.read},
  "safetensors": {"weights": _weights},
}
# Nothing need be there.
_OPTIONAL = ("clips", "genres", "tracks")


def all_cases(count: int, seed: int) -> Iterator[Case]:
  """Every case made by hand, and `count` files damaged at random."""
  each = max(count // 20, 1)
  yield from sound.cases("recording", 3 * each, seed)
  yield from sound.cases("music", 3 * each, seed)
  for kind in text.TEXTS:
    yield from text.cases(kind, each, seed)
  for kind in text.json_texts():
    # Half of these damage the text, half a value.
    yield from text.cases(kind, each // 2 + 1, seed)
  yield from arrays.npy_cases(each, seed)
  yield from arrays.npz_cases(2 * each, seed)
  yield from arrays.safetensors_cases(each, seed)


def is_legal(case: Case) -> bool:
  """Whether a case may be read without a word."""
  return case.is_legal or (case.fault == "path" and case.kind in _OPTIONAL)


def readers_of(case: Case, number: int) -> dict[str, Any]:
  """The readers that a case is put before."""
  names = list(READERS[case.kind])
  chosen = {names[0], names[number % len(names)]}
  return {name: READERS[case.kind][name] for name in chosen}
