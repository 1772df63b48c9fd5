r"""Puts recording, music and poses on one clock.

    bgm2pose align --recording=R.wav --music=M.flac
    bgm2pose align --recording=R.wav --music=M.flac --out=DIR \
      --poses=POSITIONS.csv

Writes DIR/music.wav (the music on the recording's clock, cut to its length),
alignment.json and alignment.html; with --poses a clap or a jump gives the lag
of the pose track too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from absl import flags

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.base import command, given_paths, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.files import whole_file
from bgm2pose_jax.systems.bgm2pose import command_flags
from bgm2pose_jax.systems.bgm2pose.align import page, poses, sounds
from bgm2pose_jax.systems.bgm2pose.align.alignment import align
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index

_PIECE = 1 << 20


HELP = Help(
  "bgm2pose align",
  __doc__ or "",
  {
    REQUIRED: (
      "recording",
      "music",
    ),
    "Output": ("out",),
    "Channels of the recording": (
      "left",
      "channel_order",
    ),
    "Poses": ("poses",),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  command_flags.recording(values)
  command_flags.channel_order(values)
  command_flags.music(values)
  flags.DEFINE_string(
    "out",
    None,
    "folder to write; default: the recording's name with _aligned beside it",
    flag_values=values,
  )
  command_flags.left(values)
  flags.DEFINE_string(
    "poses",
    None,
    "pose track at 120 frames a second (CSV) to align by a clap or a jump",
    flag_values=values,
  )


def write_music(path: Path, music: np.ndarray, found: Alignment) -> None:
  """Writes the music on the recording's clock, as 32-bit float WAV.

  Args:
    path: the file; there whole or not at all.
    music: [2, samples] at 48 kHz.
    found: where it lies.
  """
  with (
    whole_file.writing(path) as whole,
    soundfile.SoundFile(
      whole, "w", SAMPLE_RATE_HZ, len(music), subtype="FLOAT", format="WAV"
    ) as file,
  ):
    for low in range(0, found.samples, _PIECE):
      count = min(_PIECE, found.samples - low)
      moved = warp(music, found.offset_samples, found.drift_ppm, count, low)
      file.write(moved.T.astype(np.float32))


def run(values: flags.FlagValues) -> list[str]:
  """Does what the flags say and returns the lines to print.

  Raises:
    InputError: input that cannot be used.
  """
  command.require(values, "recording", "music")
  given_paths.files(values, "recording", "music", "poses")
  recording_path, music_path = Path(values.recording), Path(values.music)
  out = values.out or str(
    recording_path.with_name(recording_path.stem + "_aligned")
  )
  local_path.check("out", out)
  folder = Path(out)
  order = values.channel_order
  with (
    sounds.decoded(
      recording_path, sounds.RECORDING_CHANNELS, SAMPLE_RATE_HZ, order
    ) as recording,
    sounds.decoded(music_path, sounds.MUSIC_CHANNELS, None) as music,
  ):
    found = align(
      recording,
      music,
      left=recording_index.left_of(recording_path, values.left),
      where=recording_path,
      channel_order=order,
    )
    remarks = sounds.header_warnings(recording_path, music_path)
    found = dataclasses.replace(found, warnings=(*remarks, *found.warnings))
    lag = None
    if values.poses:
      lag = poses.align_poses(Path(values.poses), recording, music, found)
    try:
      folder.mkdir(parents=True, exist_ok=True)
      write_music(folder / "music.wav", music, found)
      written = page.write(folder, found, recording_path.name)
    except OSError as error:
      raise InputError(
        folder, f"cannot be written ({error})", "name another folder"
      ) from None
  lines = [page.table(found)]
  lines += [f"note: {text}" for text in sounds.music_notes(music_path)]
  if lag is not None:
    written.append(poses.write(folder, lag))
    lines.append(poses.table(lag))
  return lines + [f"wrote {p}" for p in [folder / "music.wav", *written]]


def main(argv: Sequence[str]) -> None:
  """Aligns; one line and exit status 2 on unusable input."""
  with command.ending():
    command.no_arguments(argv)
    print("\n".join(run(flags.FLAGS)))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
