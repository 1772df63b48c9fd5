r"""Keypoints of pictures and kernels to metric poses.

    bgm2pose lift --checkpoint=RUN --keypoints=FILE \
      --kernels=kernels.npz --rig=rig.json --out=DIR

Reads the joints of one person (OpenPose's BODY_25, COCO's 17 keypoints,
MediaPipe's image landmarks, or a table), one frame for each kernel, and writes
poses.csv, poses.bvh, poses.npz, lift.json and report.html: metres, in the
camera's frame (x right, y down, z forward).
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
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.lift import from_files, page, truth, write
from bgm2pose_jax.systems.posekernel.lift.from_files import define_flags
from bgm2pose_jax.systems.posekernel.lift.lifter import Lifter

# absl shows it for --help.
__doc__ = f"{__doc__}\n{rig_file.FORMAT}"


HELP = Help(
  "bgm2pose lift",
  __doc__ or "",
  {
    REQUIRED: (
      "checkpoint",
      "keypoints",
      "kernels",
      "rig",
    ),
    "Output": (
      "out",
      "fps",
    ),
    "The keypoints": ("person",),
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
  command.require(values, "checkpoint", "keypoints", "kernels", "rig")
  given_paths.either(values, "keypoints")
  given_paths.files(values, "kernels", "rig", "truth")


def run(
  values: flags.FlagValues, load: Callable[[str], Lifter] | None = None
) -> list[str]:
  """Does what the flags say and returns the lines to print.

  Args:
    values: the flags.
    load: name of a run -> its network; None takes this system's.

  Raises:
    InputError: input that cannot be used.
  """
  check_input(values)
  kernels_path = Path(values.kernels)
  out = values.out or str(
    kernels_path.with_name(kernels_path.name.partition(".")[0] + "_lifted")
  )
  local_path.check("out", out)
  load = load or _own
  found, took_s = from_files.lifted(
    values, lambda: load(values.checkpoint), progress=_bar
  )
  true = found.truth_m
  figures = None if true is None else truth.measure(found.pose_m, true)
  folder = Path(out)
  written = write.write_all(folder, found, figures, values.fps)
  written.append(folder / "report.html")
  page.write_page(
    written[-1], found, title=f"{kernels_path.name}, lifted", figures=figures
  )
  return [
    f"{len(found)} poses in {took_s:.1f} s",
    *found.notes,
    *(f"warning: {text}" for text in found.warnings),
    *_errors(figures),
    *(f"wrote {path}" for path in written),
  ]


def _own(folder: str) -> Lifter:
  # JAX takes seconds to load: files are looked at first.
  from bgm2pose_jax.systems.posekernel.lift import binding

  return binding.load(folder)


def _errors(figures: dict[str, Any] | None) -> Iterator[str]:
  if figures is not None:
    yield (
      f"mean distance to the truth {figures['mpjpe_cm']:.1f} cm, of MidHip"
      f" {figures['root_cm']:.1f} cm"
    )


def _bar(batches: Iterator[Any], count: int) -> Iterator[Any]:
  return iter(progress.bar(batches, total=count, unit="batch", desc="poses"))


def main(argv: Sequence[str]) -> None:
  """Lifts; one line and exit status 2 on unusable input."""
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
