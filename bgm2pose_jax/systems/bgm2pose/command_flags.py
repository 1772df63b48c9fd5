"""Flags that several of BGM2Pose's commands have, each with its one text."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.simulate.scene import FORMATS
from bgm2pose_jax.systems.bgm2pose.align.arrival import LEFT_AXES


def recording(values: flags.FlagValues) -> None:
  """Adds --recording."""
  flags.DEFINE_string(
    "recording",
    None,
    "4 channels at 48 kHz, W X Y Z or in the order of --channel_order ",
    flag_values=values,
  )


def channel_order(
  values: flags.FlagValues, default: str | None = ambisonics.DEFAULT_ORDER
) -> None:
  """Adds --channel_order; without a default something else knows it."""
  known = "" if default else "; default: that of a model's files, or wxyz"
  flags.DEFINE_enum(
    "channel_order",
    default,
    list(ambisonics.ORDERS),
    f"{ambisonics.ORDER_HELP}{known}",
    flag_values=values,
  )


def ambisonic_format(values: flags.FlagValues, without: str) -> None:
  """Adds --ambisonic_format.

  Args:
    values: takes the flag.
    without: what is assumed where it is not given.
  """
  flags.DEFINE_enum(
    "ambisonic_format",
    None,
    list(FORMATS),
    "gains of the recording's channels alone, not their order: ambix (SN3D), "
    "fuma (W 3 dB down) or n3d; an AmbiX file (W Y Z X, SN3D) takes "
    "--channel_order=wyzx too, a FuMa file (W X Y Z) does not; not given: "
    f"{without}",
    flag_values=values,
  )


def music(values: flags.FlagValues) -> None:
  """Adds --music."""
  flags.DEFINE_string(
    "music",
    None,
    "stereo or mono file that is played, any rate",
    flag_values=values,
  )


def left(values: flags.FlagValues) -> None:
  """Adds --left; without it the simulator's scene file may say it."""
  flags.DEFINE_enum(
    "left",
    None,
    LEFT_AXES,
    "microphone axis that points left when looking from the microphone to the"
    " loudspeakers (-X for the simulator's default axes); default: what"
    " the scene file beside a simulated recording says, else +Y",
    flag_values=values,
  )


def prediction(
  values: flags.FlagValues, *, blend: int, statistics: Sequence[str]
) -> None:
  """Adds what predictions from files and from live sound are both asked.

  Args:
    values: takes the flags.
    blend: default of --blend.
    statistics: what --statistics may be.
  """
  flags.DEFINE_float(
    "offset_ms",
    None,
    "when the music begins in the recording; found when not given",
    flag_values=values,
  )
  flags.DEFINE_float(
    "drift_ppm",
    0.0,
    "with --offset_ms: how much faster the player runs",
    flag_values=values,
  )
  left(values)
  channel_order(values, None)
  ambisonic_format(values, "those of the training recordings")
  flags.DEFINE_bool(
    "convert_format",
    False,
    "convert a recording of another --ambisonic_format than the model's",
    flag_values=values,
  )
  flags.DEFINE_integer(
    "hop_ms", 200, "from one window to the next", flag_values=values
  )
  flags.DEFINE_integer(
    "blend",
    blend,
    "windows whose weighted mean makes a pose: 0 is all that hold it, 1 is the "
    "first one alone, and soonest",
    flag_values=values,
  )
  flags.DEFINE_enum(
    "statistics",
    None,
    list(statistics),
    "by what inputs are standardised: of the training, the whole recording's "
    "own, or its own as far as heard (default: as the model was trained)",
    flag_values=values,
  )
  flags.DEFINE_string(
    "track",
    None,
    "music of the training, for its statistics",
    flag_values=values,
  )
  flags.DEFINE_string(
    "static_response",
    None,
    "for models of the music kernel: what the still room is learnt from, see "
    "the main command; live sound takes causal or a response file",
    flag_values=values,
  )
