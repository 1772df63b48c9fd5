"""The command line's flags."""

from __future__ import annotations

from absl import flags

from bgm2pose_jax.systems.bgm2pose.align.arrival import LEFT_AXES
from bgm2pose_jax.systems.bgm2pose.config import AMBISONIC_FORMATS
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

  def number(name: str, default: float | None, about: str) -> None:
    flags.DEFINE_float(name, default, about, flag_values=values)

  def whole(name: str, default: int, about: str) -> None:
    flags.DEFINE_integer(name, default, about, flag_values=values)

  def choice(name: str, default: str | None, among, about: str) -> None:
    flags.DEFINE_enum(name, default, list(among), about, flag_values=values)

  text("checkpoint", None, "work folder of a run (required)")
  text("music", None, "stereo file that is played, any rate (required)")
  text(
    "input",
    None,
    "4 channels W X Y Z at 48 kHz: device or device:NAME (sound card), - "
    "(standard input: raw samples, or WAV), or a file, in real time (required)",
  )
  choice("pcm", "f32le", pcm.FORMATS, "samples of --input=- without header")
  number("speed", 1.0, "of a file: times real time; 0 is as fast as it goes")
  flags.DEFINE_bool(
    "play",
    False,
    "play the music through the sound card",
    flag_values=values,
  )
  number(
    "offset_ms",
    None,
    "when the music begins in the sound; listened for when not given",
  )
  number("drift_ppm", 0.0, "with --offset_ms: how much faster the player runs")
  number("align_s", 20.0, "sound that is listened to for the music, 15 to 60")
  flags.DEFINE_bool(
    "realign",
    None,
    "look for the music again every 30 s and follow the clocks (default: "
    "unless --offset_ms is given)",
    flag_values=values,
  )
  choice(
    "left",
    "+Y",
    LEFT_AXES,
    "microphone axis that points left, see bgm2pose_jax.align",
  )
  choice(
    "ambisonic_format",
    None,
    AMBISONIC_FORMATS,
    "gains of the channels W X Y Z; not given: those of the training "
    "recordings",
  )
  flags.DEFINE_bool(
    "convert_format",
    False,
    "convert sound of another --ambisonic_format than the model's",
    flag_values=values,
  )
  whole("hop_ms", 200, "from one window to the next, and between lines")
  whole(
    "blend",
    1,
    "windows whose weighted mean makes a pose: 1 is soonest, 0 is all that "
    "hold it",
  )
  choice(
    "statistics",
    None,
    [mode for mode in standardising.MODES if mode != "whole"],
    "by what inputs are standardised: of the training, or of what was heard "
    "(default: as the model was trained)",
  )
  text("track", None, "music of the training, for its statistics")
  text(
    "static_response",
    None,
    "for models of the music kernel: causal, or a response file",
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
  text("host", LOOPBACK, "address to serve at; any other lets others in")
