r"""Measures the response of a still room, for the music kernel.

    bgm2pose response --recording=EMPTY_ROOM.wav \
      --music=TRACK.flac --out=room.npz

A file holds float32 `response` [4, 2, taps] and `sample_rate_hz`. Of an empty
room it is the best there is; of a recording with a person in it the person's
mean goes into it. Several recordings (`--recording=A.wav,B.wav
--music=A.flac,B.flac`) are fitted together: what one piece of music leaves
open another tells. They need not be equally loud.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base import command, given_paths
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S, WINDOW_SAMPLES

if TYPE_CHECKING:
  from bgm2pose_jax.systems.bgm2pose.ampl.recordings import Block

_SHAPE = (4, 2)
_MOST_S = 4.0
_MOST_BYTES = 64 << 20
_MAKE = "make it with python -m bgm2pose_jax.data.response_file"


HELP = Help(
  "bgm2pose response",
  __doc__ or "",
  {
    REQUIRED: (
      "recording",
      "music",
      "out",
    ),
    "Channels of the recording": ("channel_order",),
  },
)


def write(path: Path, response: np.ndarray) -> None:
  """Writes a response, whole or not at all, replacing the file.

  Args:
    path: ends in .npz.
    response: [channel=4, speaker=2, tap].
  """
  arrays = {
    "response": np.asarray(response, np.float32),
    "sample_rate_hz": np.asarray(audio_files.SAMPLE_RATE_HZ),
  }
  array_file.write(path, arrays)


def read(path: Path) -> np.ndarray:
  """Reads a response.

  Args:
    path: the path of a file that `write` made.

  Returns:
    float32 [channel=4, speaker=2, tap].

  Raises:
    InputError: missing, damaged, too large, of another shape or rate, or not
      finite.
  """
  if not os.path.exists(path):
    raise InputError(path, "is missing", _MAKE)
  names = ("response", "sample_rate_hz")
  found = array_file.read_npz(path, names, _MAKE, max_bytes=_MOST_BYTES)
  response = found["response"]
  try:
    rate_hz = float(found["sample_rate_hz"])
  except (TypeError, ValueError) as error:
    raise InputError(path, f"is no response file ({error})", _MAKE) from None
  taps = response.shape[-1] if response.ndim == 3 else 0
  most = round(_MOST_S * audio_files.SAMPLE_RATE_HZ)
  if response.shape[:-1] != _SHAPE or not 1 <= taps <= most:
    raise InputError(path, f"has shape {response.shape}", _MAKE)
  if rate_hz != audio_files.SAMPLE_RATE_HZ:
    raise InputError(
      path,
      f"is for {rate_hz:g} Hz",
      f"make it from sound at {audio_files.SAMPLE_RATE_HZ} Hz",
    )
  if response.dtype != np.float32 or not np.isfinite(response).all():
    raise InputError(path, "is not finite float32", _MAKE)
  return response


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  # Training reads these files too, and needs nothing of alignment.
  from bgm2pose_jax.systems.bgm2pose import command_flags

  flags.DEFINE_list(
    "recording",
    None,
    "four channels at 48 kHz, W X Y Z or in the order of --channel_order; "
    "several with commas",
    flag_values=values,
  )
  command_flags.channel_order(values)
  flags.DEFINE_list(
    "music",
    None,
    "what was played from its first sample, one for each recording",
    flag_values=values,
  )
  flags.DEFINE_string("out", None, "file to write, .npz", flag_values=values)


def run() -> None:
  """The command line; prints one line and exits with 2 on unusable input."""
  define_flags(flags.FLAGS)
  command.start(_main, HELP)


def _main(argv: Sequence[str]) -> None:
  # Workers that read data import this module; they need no JAX.
  from bgm2pose_jax.systems.bgm2pose.still_room import room_fit

  values = flags.FLAGS
  with command.ending():
    command.no_arguments(argv)
    command.require(values, "recording", "music", "out")
    given_paths.files(values, "recording", "music")
    if len(values.recording) != len(values.music):
      raise InputError(
        "--music",
        f"names {len(values.music)} for {len(values.recording)} recordings",
        "give one for each recording, in their order",
      )
    out = Path(values.out)
    if out.suffix != ".npz":
      raise InputError(out, "does not end in .npz", "name it room.npz")
    with contextlib.ExitStack() as opened:
      heard = [
        _opened(opened, Path(wav), Path(music), values.channel_order)
        for wav, music in zip(values.recording, values.music, strict=True)
      ]
      windows = sum(count for count, _ in heard)
      found = room_fit.fit(*(blocks for _, blocks in heard))
    try:
      out.parent.mkdir(parents=True, exist_ok=True)
      write(out, np.asarray(found.taps))
    except OSError as error:
      raise InputError(
        out, f"cannot be written ({error})", "name another file"
      ) from None
    print(
      f"wrote {out}: {windows * WINDOW_S:.1f} s heard, equations "
      f"met to {1 - found.unmet:.2%}, condition of the loudspeakers "
      f"{found.condition:.1f}"
    )


def _opened(
  opened: contextlib.ExitStack, wav: Path, music: Path, order: str
) -> tuple[int, Callable[[], Iterator[Block]]]:
  """Windows and blocks of a recording; its files close with `opened`."""
  from bgm2pose_jax.systems.bgm2pose.align import heard_channels
  from bgm2pose_jax.systems.bgm2pose.ampl import recordings
  from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic

  info = audio_files.read_header(wav, 4, audio_files.SAMPLE_RATE_HZ)
  windows = info.frames // WINDOW_SAMPLES
  played = opened.enter_context(TrackMusic(music, wav.stem, wav.parent))
  recordings.check_music(played.frames, music, windows, wav.name)
  heard = heard_channels.of_files(wav, music, order=order, maybe_simulated=True)
  for warning in heard.warnings if heard is not None else ():
    print(f"warning: {wav}: {warning}", flush=True)
  return windows, lambda: recordings.sound_blocks(wav, played, windows, order)


if __name__ == "__main__":
  run()
