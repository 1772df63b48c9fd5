"""The command line's flags."""

from __future__ import annotations

from absl import flags

from bgm2pose_jax.systems.bgm2pose import command_flags
from bgm2pose_jax.systems.bgm2pose.predict import standardising
from bgm2pose_jax.systems.bgm2pose.stream import pcm
from bgm2pose_jax.systems.bgm2pose.stream.server import DEFAULT_PORT, LOOPBACK


class _PortParser(flags.ArgumentParser):
  """A port; a flag without value takes the usual one."""

  syntactic_help = "a port"

  def parse(self, argument):
    if argument in ("true", True):
      return DEFAULT_PORT
    if argument in ("false", False):
      return None
    try:
      port = int(argument)
    except ValueError:
      port = -1
    if not 0 <= port < 1 << 16:
      raise ValueError(f"{argument!r} is no port")
    return port

  def flag_type(self):
    return "port"


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, default: str | None, about: str) -> None:
    flags.DEFINE_string(name, default, about, flag_values=values)

  def number(name: str, default: float, about: str) -> None:
    flags.DEFINE_float(name, default, about, flag_values=values)

  text("checkpoint", None, "work folder of a run")
  command_flags.music(values)
  text(
    "input",
    None,
    "4 channels at 48 kHz, W X Y Z or in the order of --channel_order: device "
    "or device:NAME (sound card), - "
    "(standard input: raw samples, or WAV), or a file, in real time",
  )
  flags.DEFINE_enum(
    "pcm",
    "f32le",
    list(pcm.FORMATS),
    "samples of --input=- without header",
    flag_values=values,
  )
  number("speed", 1.0, "of a file: times real time; 0 is as fast as it goes")
  flags.DEFINE_bool(
    "play",
    False,
    "play the music through the sound card",
    flag_values=values,
  )
  command_flags.prediction(
    values,
    blend=1,
    statistics=[mode for mode in standardising.MODES if mode != "whole"],
  )
  number("align_s", 20.0, "sound that is listened to for the music, 15 to 60")
  flags.DEFINE_bool(
    "realign",
    None,
    "look for the music again every 30 s and follow the clocks (default: "
    "unless --offset_ms is given)",
    flag_values=values,
  )
  number(
    "max_lag_ms",
    1000.0,
    "windows that come later than this are left out, until it has caught up",
  )
  flags.DEFINE_flag(
    flags.Flag(
      _PortParser(),
      flags.ArgumentSerializer(),
      "serve",
      None,
      f"show the skeleton to browsers on this machine, at port {DEFAULT_PORT} "
      "or --serve=PORT",
      boolean=True,
    ),
    flag_values=values,
  )
  flags.DEFINE_bool(
    "state_lines",
    False,
    "also write lines of JSON while it listens for the music (countdown, level "
    "of each channel, last match) and for warnings; they come before the line "
    "that says what poses are",
    flag_values=values,
  )
  text("host", LOOPBACK, "address to serve at; any other lets others in")
