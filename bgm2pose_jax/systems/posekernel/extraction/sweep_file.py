"""The sweep as a sound file to play."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from absl import flags

from bgm2pose_jax.audio.sweep import BANDS, KINDS, Excitation
from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import whole_file

_USUAL = Excitation()


def define_flags(values: flags.FlagValues) -> None:
  """Adds the flags of `sweep` to `values`."""

  def number(name: str, usual: float, about: str) -> None:
    flags.DEFINE_float(name, usual, f"sweep: {about}", flag_values=values)

  flags.DEFINE_integer(
    "rate_hz", _USUAL.rate_hz, "sweep: sample rate", flag_values=values
  )
  number("duration_s", _USUAL.duration_s, "its length, seconds")
  number("low_hz", _USUAL.low_hz, "frequency at its start; extract: the same")
  number("high_hz", _USUAL.high_hz, "frequency at its end; extract: the same")
  number("peak", _USUAL.peak, "largest sample, full scale is 1")
  flags.DEFINE_enum(
    "kind",
    _USUAL.kind,
    KINDS,
    "sweep: rises evenly in Hz, or in octaves",
    flag_values=values,
  )
  flags.DEFINE_list(
    "gains_db",
    None,
    f"sweep: {BANDS} gains of its bands, lowest first, comma between; default:"
    " equal",
    flag_values=values,
  )


def run(values: flags.FlagValues) -> list[str]:
  """Writes the sweep and returns the lines to print.

  Args:
    values: the flags.

  Raises:
    InputError: a flag that cannot be used, or a file that exists.
  """
  command.require(values, "out")
  local_path.check("out", values.out)
  path = Path(values.out)
  if path.suffix.lower() != ".wav":
    raise InputError(path, "is no name of a WAV file", "end it in .wav")
  if path.exists() or path.is_symlink():
    raise InputError(path, "exists already", "give another --out")
  made = Excitation(
    rate_hz=values.rate_hz,
    duration_s=values.duration_s,
    low_hz=values.low_hz,
    high_hz=values.high_hz,
    gains_db=_gains(values.gains_db),
    peak=values.peak,
    fade_s=min(_USUAL.fade_s, values.duration_s / 4),
    kind=values.kind,
  )
  samples = made.samples()
  with whole_file.writing(path) as file:
    soundfile.write(file, samples, made.rate_hz, subtype="PCM_24", format="WAV")
  level_db = 10 * np.log10(np.mean(samples**2))
  return [
    f"{made.kind} sweep of {1e3 * made.duration_s:g} ms from {made.low_hz:g} to"
    f" {made.high_hz:g} Hz at {made.rate_hz} Hz, {level_db:.1f} dB of full"
    " scale",
    f"wrote {path}",
  ]


def _gains(given: list[str] | None) -> tuple[float, ...]:
  try:
    return tuple(float(each) for each in given or ())
  except ValueError:
    raise InputError(
      "--gains_db", f"is {','.join(given or ())}", f"give {BANDS} numbers"
    ) from None
