r"""Poor poses and the sound that was played to precise poses.

    bgm2pose refine --checkpoint=RUN --poses=P.json \
      --audio=A.wav --out=DIR

Reads poses of 13 joints (CSV, BVH, NPZ, MediaPipe's world landmarks) at any
rate, bridges joints that were not seen, brings the person to where the
training had its players, refines, turns back, and writes poses.csv, poses.bvh,
poses.npz, metrics.json and report.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging

from bgm2pose_jax.base import (
  command,
  given_paths,
  local_path,
  log_lines,
  progress,
)
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems.mapnet.refine import (
  binding,
  from_files,
  measures,
  page,
  write,
)
from bgm2pose_jax.systems.mapnet.refine.from_files import Features, define_flags
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner

HELP = Help(
  "bgm2pose refine",
  __doc__ or "",
  {
    REQUIRED: (
      "checkpoint",
      "poses",
      "audio",
    ),
    "Output": ("out",),
    "The poses": (
      "fps",
      "min_visibility",
    ),
    "The sound": ("audio_offset_ms",),
    "How poses are refined": (
      "align",
      "overlap",
    ),
    "Comparison with true poses": ("truth",),
  },
)


def check_input(values: flags.FlagValues) -> None:
  """Checks which flags are given, and whether their files are there.

  Args:
    values: the flags.

  Raises:
    InputError: a flag or a file is missing.
  """
  command.require(values, "checkpoint", "poses", "audio")
  given_paths.either(values, "poses", "truth")
  given_paths.files(values, "audio")


def run(
  values: flags.FlagValues,
  load: Callable[[str], Refiner] = binding.load,
  features: Features | None = None,
) -> list[str]:
  """Does what the flags say and returns the lines to print.

  Args:
    values: the flags.
    load: name of a run -> its network.
    features: the features of the sound; None takes the system's own.

  Raises:
    InputError: input that cannot be used.
  """
  check_input(values)
  poses_path = Path(values.poses)
  out = values.out or str(
    poses_path.with_name(poses_path.name.partition(".")[0] + "_refined")
  )
  local_path.check("out", out)
  made = from_files.refined(
    values, lambda: load(values.checkpoint), features, progress=_bar
  )
  take = made.take
  figures = measures.measure(take)
  verdict = measures.verdict(figures)
  folder = Path(out)
  written = write.write_all(folder, take, figures)
  written.append(folder / "report.html")
  page.write_page(
    written[-1],
    take,
    title=f"{poses_path.name}, refined",
    sound=made.sound,
    stretch=made.stretch,
    figures=figures,
    verdict=verdict,
    gaps=made.gaps,
  )
  seconds = len(take) / FRAMES_PER_S
  return [
    f"{len(take)} poses, {seconds:.2f} s, in {made.took_s:.1f} s",
    *take.notes,
    *verdict,
    *(f"wrote {path}" for path in written),
  ]


def _bar(batches: Iterator[Any], count: int) -> Iterator[Any]:
  return iter(progress.bar(batches, total=count, unit="batch", desc="poses"))


def main(argv: Sequence[str]) -> None:
  """Refines; one line and exit status 2 on unusable input."""
  log_lines.show_from(logging.WARNING)
  with command.ending():
    command.no_arguments(argv)
    check_input(flags.FLAGS)
    platforms.check()
    compilation.keep_programs(compilation.own_folder())
    print("\n".join(run(flags.FLAGS)))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
