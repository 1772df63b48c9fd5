r"""Poses live from four channels of sound.

    bgm2pose stream --checkpoint=RUN --music=M.flac --input=device
    arecord ... | bgm2pose stream --checkpoint=RUN \
      --music=M.flac --input=- --pcm=s16le
    bgm2pose stream --checkpoint=RUN --music=M.flac \
      --input=R.wav --offset_ms=0 --serve

Writes a line of JSON for every 50 ms to standard output, after a first line
that says what they are; all else goes to standard error. Poses are those of
`bgm2pose predict` with the same options. Ends with the sound, the music or
Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags, logging

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base import command, given_paths, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.align import heard_channels, sounds
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import conventions, predictor
from bgm2pose_jax.systems.bgm2pose.stream import (
  flow,
  listening,
  server,
  sound_card,
)
from bgm2pose_jax.systems.bgm2pose.stream import settings as settings_lib
from bgm2pose_jax.systems.bgm2pose.stream.command_flags import define_flags
from bgm2pose_jax.systems.bgm2pose.stream.lines import Lines, live_page
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line
from bgm2pose_jax.systems.bgm2pose.stream.session import Session
from bgm2pose_jax.systems.bgm2pose.stream.settings import Settings
from bgm2pose_jax.systems.bgm2pose.stream.sound_card import (
  DeviceInput,
  MusicPlayer,
)
from bgm2pose_jax.systems.bgm2pose.stream.sound_input import (
  FileInput,
  PipeInput,
  SoundInput,
)

_SCREEN = listening.Screen()

HELP = Help(
  "bgm2pose stream",
  __doc__ or "",
  {
    REQUIRED: (
      "checkpoint",
      "music",
      "input",
    ),
    "The sound": (
      "pcm",
      "speed",
      "play",
    ),
    "Where the music begins": (
      "offset_ms",
      "drift_ppm",
      "align_s",
      "realign",
    ),
    "Channels of the recording": (
      "left",
      "channel_order",
      "ambisonic_format",
      "convert_format",
    ),
    "How poses are predicted": (
      "hop_ms",
      "blend",
      "statistics",
      "track",
      "static_response",
      "max_lag_ms",
    ),
    "What is written and shown": (
      "state_lines",
      "serve",
      "host",
    ),
  },
)


def tell(line: str) -> None:
  """Says something to a person."""
  _SCREEN.tell(line)


def kind_of_sound(source: SoundInput) -> str:
  """What comes: `live`, or `simulated` or `recorded` for a file."""
  if not isinstance(source, FileInput):
    return "live"
  root = recording_index.simulated_root(source.path)
  return "recorded" if root is None else "simulated"


def left_of(values: flags.FlagValues) -> str:
  """Axis of the microphone that points left; a scene file may say it."""
  kind = values.input.partition(":")[0]
  if values.left or kind == "device" or values.input == "-":
    return values.left or recording_index.DEFAULT_LEFT
  return recording_index.left_of(Path(values.input), None)


def _is_live(name: str) -> bool:
  """Whether --input names a sound card or standard input, not a file."""
  return name == "-" or name.partition(":")[0] == "device"


def open_input(values: flags.FlagValues) -> SoundInput:
  """The source of the sound; nothing is read yet.

  Raises:
    InputError: no such source.
  """
  kind, _, name = values.input.partition(":")
  if kind == "device":
    return DeviceInput(name)
  if values.input == "-":
    return PipeInput(values.pcm)
  return FileInput(Path(values.input), values.speed)


def read_settings(values: flags.FlagValues, model: MusicModel) -> Settings:
  """What the flags say, checked against the model.

  Raises:
    InputError: what a stream or this model cannot have.
  """
  realign = values.realign
  return settings_lib.check(
    model,
    predictor.Options(
      hop_ms=values.hop_ms,
      blend=values.blend,
      statistics=values.statistics,
      track=values.track,
      static_response=values.static_response,
    ),
    gains=conventions.gains(
      values.ambisonic_format, model, convert=values.convert_format
    ),
    channel_order=conventions.order(values.channel_order, model),
    max_lag_s=values.max_lag_ms / 1000,
    align_s=values.align_s,
    left=left_of(values),
    realign=values.offset_ms is None if realign is None else realign,
  )


def read_line(values: flags.FlagValues) -> Line | None:
  """Where the flags say that the music lies; None to listen for it.

  Raises:
    InputError: figures that cannot be.
  """
  if values.offset_ms is None:
    return None
  line = Line(values.offset_ms * SAMPLE_RATE_HZ / 1000, values.drift_ppm)
  if not np.isfinite(line).all():
    raise InputError("--offset_ms", "is not finite", "give milliseconds")
  return line


def run(values: flags.FlagValues) -> int:
  """Does what the flags say; returns the exit status.

  Raises:
    InputError: input that cannot be used.
  """
  command.require(values, "checkpoint", "music", "input")
  given_paths.files(values, "music")
  if not _is_live(values.input):
    given_paths.files(values, "input")
  # What a package lacks is found before the network is loaded.
  if values.serve is not None:
    server.load_websockets()
  if values.play:
    sound_card.load_sounddevice()
  platforms.check()
  compilation.keep_programs(compilation.own_folder())
  source, line = open_input(values), read_line(values)
  model = trained.load(values.checkpoint)
  settings = read_settings(values, model)
  sound = kind_of_sound(source)
  page = _serve(values, model, sound)
  try:
    with sounds.decoded(
      Path(values.music), sounds.MUSIC_CHANNELS, None
    ) as music:
      for note in sounds.music_notes(Path(values.music)):
        tell(f"note: {note}")
      player = MusicPlayer(music) if values.play else None
      heard = None
      if isinstance(source, FileInput) and line is not None:
        heard = heard_channels.of_file(
          source.path,
          music,
          Clocks(line.offset_samples / SAMPLE_RATE_HZ, line.drift_ppm),
          gains=settings.gains,
          left=settings.left,
          order=settings.channel_order,
          maybe_simulated=model.simulated,
        )
      flow.warm_up(model, settings)
      lines = Lines(
        sys.stdout,
        simulated=model.simulated,
        also_begin=page.begin if page else None,
        also_send=page.send if page else None,
        states=values.state_lines,
      )

      def listened(state: dict[str, Any]) -> None:
        _SCREEN.show(state)
        lines.listening(state)

      session = Session(
        model,
        music,
        source,
        settings,
        begin=lines.begin,
        emit=lines.frames,
        tell=tell,
        channels=heard,
        listening=listened,
        warn=lines.warning,
        sound=sound,
      )
      return _run(session, source, player, line)
  finally:
    if page is not None:
      page.stop()


def _serve(
  values: flags.FlagValues, model: MusicModel, sound: str
) -> server.PageServer | None:
  if values.serve is None:
    return None
  page = server.PageServer(
    live_page(simulated=model.simulated, sound=sound), values.serve, values.host
  )
  if values.host != server.LOOPBACK:
    tell(
      f"warning: everybody who can reach {values.host} can watch; there is no "
      "password"
    )
  tell(f"watch at {page.address}")
  return page


def _run(
  session: Session,
  source: SoundInput,
  player: MusicPlayer | None,
  line: Line | None,
) -> int:
  """Runs a session to its end, and says how it was."""
  received: list[int] = []

  def stop(number: int, frame: Any) -> None:
    del frame
    received.append(number)
    session.stop()

  before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
  try:
    source.start()
    if player is not None:
      player.start()
    session.run(line)
  except BrokenPipeError:
    # Whoever read the poses has gone. Python would complain at its end, too.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  finally:
    source.stop()
    if player is not None:
      player.stop()
    for number, handler in before.items():
      signal.signal(number, handler)
    for note in source.notes:
      tell(note)
    tell(session.figures.line())
  return command.INTERRUPTED if received[:1] == [signal.SIGINT] else 0


def main(argv: Sequence[str]) -> None:
  """Streams; one line and exit status 2 on unusable input."""
  log_lines.show_from(logging.WARNING)
  with command.ending():
    command.no_arguments(argv)
    sys.exit(run(flags.FLAGS))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
