r"""Makes the sweep, and kernels from recordings of it.

    bgm2pose kernel sweep --out=sweep.wav
    bgm2pose kernel extract --recordings=DIR --empty=DIR \
      --sweep=sweep.wav --out=OUT
    bgm2pose kernel simulate --out=DIR

`sweep` writes what the loudspeakers are to play. `extract` reads a folder of
recordings with a person and one of the empty room, one WAV or FLAC file for
each sample. Channel 1 is the microphone of pair 1 while loudspeaker 1 plays,
and so on; --loopback=CHANNEL names one that holds what the loudspeakers are fed
with. It writes OUT/kernels.npz, report.json and report.html. The rows of the
released data are compensated for the empty room already and need none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tqdm
from absl import flags

from bgm2pose_jax.base import command, given_paths, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import Help
from bgm2pose_jax.systems.posekernel.extraction import (
  plan,
  recordings,
  sweep_file,
  write,
)
from bgm2pose_jax.systems.posekernel.extraction.kernels import kernels_of
from bgm2pose_jax.systems.posekernel.extraction.recording import Recording
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS, SAMPLE_RATE_HZ
from bgm2pose_jax.systems.posekernel.simulated import (
  command_flags as simulate_flags,
)

# Half of what readers of arrays take; writing needs them twice.
_MOST_BYTES = 1 << 29


HELP = Help(
  "bgm2pose kernel sweep|extract|simulate",
  __doc__ or "",
  {
    "Every action": ("out",),
    "sweep": (
      "rate_hz",
      "duration_s",
      "low_hz",
      "high_hz",
      "peak",
      "kind",
      "gains_db",
    ),
    "extract": (
      "recordings",
      "empty",
      "sweep",
      "loopback",
      "latency_ms",
      "spacing_m",
      "kernel",
      "taps",
    ),
    "simulate": (
      "environment",
      "samples",
      "seed",
    ),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, about: str) -> None:
    flags.DEFINE_string(name, None, about, flag_values=values)

  text(
    "out",
    "sweep: WAV file to write; extract, simulate: folder to make (required)",
  )
  text("recordings", "extract: folder of recordings with a person (required)")
  text("empty", "extract: folder of recordings of the empty room (required)")
  text("sweep", "extract: what was played, one channel (required)")
  flags.DEFINE_integer(
    "loopback",
    None,
    "extract: channel, from 1, of what the loudspeakers are fed with",
    lower_bound=1,
    flag_values=values,
  )
  flags.DEFINE_float(
    "latency_ms",
    None,
    "extract: when the sound leaves in every recording, if that is known;"
    " default: found by the direct sound or the loopback",
    lower_bound=0.0,
    flag_values=values,
  )
  flags.DEFINE_float(
    "spacing_m",
    0.0,
    "extract: from a loudspeaker to its own microphone, metres",
    lower_bound=0.0,
    flag_values=values,
  )
  flags.DEFINE_enum(
    "kernel",
    "subtract",
    plan.FORMS,
    "extract: the response less the empty room's, or the ratio of their"
    " envelopes",
    flag_values=values,
  )
  flags.DEFINE_integer(
    "taps",
    None,
    f"extract: taps of a kernel; default: {KERNEL_TAPS} at {SAMPLE_RATE_HZ} Hz,"
    " the same time at other rates",
    lower_bound=1,
    flag_values=values,
  )
  sweep_file.define_flags(values)
  simulate_flags.define_flags(values)


def extract(values: flags.FlagValues) -> list[str]:
  """Makes kernels of recordings and returns the lines to print.

  Args:
    values: the flags.

  Raises:
    InputError: input that cannot be used.
  """
  command.require(values, "recordings", "empty", "sweep", "out")
  given_paths.folders(values, "recordings", "empty")
  given_paths.files(values, "sweep")
  local_path.check("out", values.out)
  out = Path(values.out)
  write.check_new(out)
  played, rate_hz = recordings.read_sweep(values.sweep)
  occupied = recordings.files(values.recordings)
  empty = recordings.files(values.empty)
  pairs = recordings.count_pairs(empty, values.loopback)
  taps = values.taps or round(KERNEL_TAPS * rate_hz / SAMPLE_RATE_HZ)
  latency = values.latency_ms

  needed = 4 * len(occupied) * pairs * taps
  if needed > _MOST_BYTES:
    raise InputError(
      values.recordings,
      f"{len(occupied)} recordings make kernels of {needed / 1e9:.1f} GB",
      f"give folders that make at most {_MOST_BYTES / 1e9:.1f} GB each",
    )

  def read(paths: list[Path], what: str) -> Iterator[Recording]:
    found = recordings.takes(paths, rate_hz, pairs, values.loopback)
    yield from tqdm.tqdm(found, what, len(paths), unit="file")

  kernels, report = kernels_of(
    read(occupied, "recordings"),
    read(empty, "empty room"),
    played,
    rate_hz,
    taps,
    band_hz=(values.low_hz, min(values.high_hz, rate_hz / 2)),
    kernel=values.kernel,
    spacing_m=values.spacing_m,
    latency_samples=None if latency is None else latency * rate_hz / 1e3,
    pairs=pairs,
  )
  title = f"Kernels of {Path(values.recordings).resolve().name}"
  written = write.write_all(out, kernels, report, title)
  return [*report.lines(), *(f"wrote {path}" for path in written)]


_ACTIONS: dict[str, Callable[[flags.FlagValues], list[str]]] = {
  "sweep": sweep_file.run,
  "extract": extract,
  "simulate": simulate_flags.run,
}


def run(argv: Sequence[str], values: flags.FlagValues) -> list[str]:
  """Does what the command line says and returns the lines to print.

  Args:
    argv: the command, then `sweep`, `extract` or `simulate`.
    values: the flags.

  Raises:
    InputError: input that cannot be used.
  """
  if len(argv) < 2 or argv[1] not in _ACTIONS:
    raise InputError(
      " ".join(argv[1:2]) or "command",
      "is no action" if argv[1:] else "does not say what to do",
      "begin with sweep, extract or simulate, see --help",
    )
  command.no_arguments(argv[1:])
  return _ACTIONS[argv[1]](values)


def main(argv: Sequence[str]) -> None:
  """Does one of the three; one line and exit status 2 on unusable input."""
  with command.ending():
    print("\n".join(run(argv, flags.FLAGS)))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
