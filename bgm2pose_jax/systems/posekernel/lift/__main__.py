r"""Command line: keypoints of pictures and kernels to metric poses.

    python -m bgm2pose_jax.lift --checkpoint=RUN --keypoints=FILE \
      --kernels=kernels.npz --rig=rig.json --out=DIR

Reads the joints of one person (OpenPose's BODY_25, COCO's 17 keypoints,
MediaPipe's image landmarks, or a table), one frame for each kernel, and writes
poses.csv, poses.bvh, poses.npz, lift.json and report.html: metres, in the
camera's frame (x right, y down, z forward).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tqdm
from absl import flags, logging

from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import image_points_reader
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.image_points import ImagePoints
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.lift import (
  kernels_file,
  lifter,
  matching,
  page,
  truth,
  write,
)
from bgm2pose_jax.systems.posekernel.lift.kernels_file import Kernels
from bgm2pose_jax.systems.posekernel.lift.lifter import Lifter
from bgm2pose_jax.systems.posekernel.lift.result import LiftedPoses
from bgm2pose_jax.systems.posekernel.rig_file import RigFile

# absl shows it for --help.
__doc__ = f"{__doc__}\n{rig_file.FORMAT}"

_FPS = 10.0


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, about: str) -> None:
    flags.DEFINE_string(name, None, about, flag_values=values)

  text("checkpoint", "work folder of a run (required)")
  text(
    "keypoints",
    "joints of one person in pixels, a frame for each kernel: OpenPose's folder"
    " or file of JSON (BODY_25), COCO results (17 keypoints), MediaPipe's image"
    " landmarks as JSON or CSV, or a CSV or NPZ table (required)",
  )
  text("kernels", "kernels.npz, as the command kernel writes it (required)")
  text("rig", "rig.json: where camera and pairs are (required)")
  text("out", "folder to write (default: <kernels>_lifted beside it)")
  text("truth", "true poses, CSV or NPZ: metres, camera frame")
  flags.DEFINE_integer(
    "person",
    None,
    "which person of each frame, from 0 in the file's order, where there are"
    " several",
    flag_values=values,
  )
  flags.DEFINE_float(
    "fps",
    _FPS,
    "frames a second that poses.bvh claims; kernels have no rate",
    1.0,
    1000.0,
    flag_values=values,
  )


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
  command.require(values, "checkpoint", "keypoints", "kernels", "rig")
  kernels_path = Path(values.kernels)
  out = values.out or str(
    kernels_path.with_name(kernels_path.name.partition(".")[0] + "_lifted")
  )
  local_path.check("out", out)
  rig = rig_file.read_rig(values.rig)
  kernels = kernels_file.read(kernels_path)
  points = image_points_reader.read(
    values.keypoints, rig.rig.camera.image_px, person=values.person
  )
  if len(rig.names) != kernels.kernels.shape[1]:
    raise InputError(
      values.rig,
      f"has {len(rig.names)} pairs where {kernels_path} has"
      f" {kernels.kernels.shape[1]} kernels a sample",
      "name the pairs that were recorded, in the order of the recording",
    )
  order, matched = matching.match(
    kernels.names,
    points.names,
    named=kernels.named and points.named,
    what="Keypoints",
    where=values.keypoints,
  )
  keypoints = points.keypoints[order]
  true, said = None, ()
  if values.truth:
    true, one = truth.read(values.truth, kernels.names, named=kernels.named)
    said = (one,)
  net = (load or _own)(values.checkpoint)
  heard, fewer = _heard(net, kernels, rig)
  started = time.perf_counter()
  pose_m = lifter.lifted(
    net,
    kernels.kernels[:, :heard],
    keypoints,
    pairs_m=rig.rig.pairs_m[:heard],
    camera=rig.rig.camera,
    grid_centre_m=rig.grid_centre_m,
    progress=_bar,
  )
  took_s = time.perf_counter() - started
  found = LiftedPoses(
    names=kernels.names,
    pose_m=pose_m,
    keypoints=keypoints,
    kernels=kernels.kernels,
    rig_file=rig,
    simulated=net.simulated,
    truth_m=true,
    notes=(
      *rig.notes,
      *kernels.notes,
      *points.notes,
      matched,
      *said,
      "poses.bvh has y up: x stays to the right, z points towards the camera.",
    ),
    warnings=(
      *rig.warnings,
      *kernels.warnings,
      *fewer,
      *_seen(net, points),
      *_pressed(net, pose_m, rig),
    ),
    facts={
      **net.facts,
      "keypoints": Path(values.keypoints).name,
      "kernels": kernels_path.name,
      "rig": Path(values.rig).name,
      "truth": Path(values.truth).name if values.truth else None,
      "pairs": list(rig.names),
      "grid_centre_m": np.round(rig.grid_centre_m, 4).tolist(),
      "bvh_fps": values.fps,
    },
  )
  figures = None if true is None else truth.measure(pose_m, true)
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


def _heard(
  net: Lifter, kernels: Kernels, rig: RigFile
) -> tuple[int, tuple[str, ...]]:
  """How many pairs the network is given, and warnings."""
  count = kernels.kernels.shape[1]
  heard = min(net.pairs or count, count)
  if net.inputs == "visual":
    return heard, ("The network was trained without sound: kernels are not"
                   " heard.",)  # fmt: skip
  if heard < count:
    left = ", ".join(rig.names[heard:])
    return heard, (
      f"The network was trained with {heard} pairs: {left} are not heard.",
    )
  if net.trained_pairs is not None and net.trained_pairs != heard:
    return heard, (
      f"The network was trained with {net.trained_pairs} pairs and hears"
      f" {heard}.",
    )
  return heard, ()


def _seen(net: Lifter, points: ImagePoints) -> Iterator[str]:
  """Warnings of joints that the picture does not show."""
  if net.inputs == "audio":
    yield "The network was trained without pictures: keypoints are not seen."
    return
  missing = points.keypoints[..., 2] <= 0
  never = [BODY15.joints[i] for i in np.flatnonzero(missing.all(axis=0))]
  if never:
    yield f"Found in no frame: {', '.join(never)}."
  empty = int(missing.all(axis=1).sum())
  if empty:
    yield f"{empty} of {len(missing)} frames show no joint."


def _pressed(net: Lifter, pose_m: np.ndarray, rig: RigFile) -> Iterator[str]:
  """Warnings of persons who stand at the edge of the voxels."""
  count = int(lifter.at_edge(pose_m, net.grid, rig.grid_centre_m).sum())
  if count:
    yield (
      f"{count} of {len(pose_m)} poses touch the edge of the space that is"
      " searched: give the rig's grid_centre where the person stands."
    )


def _errors(figures: dict[str, Any] | None) -> Iterator[str]:
  if figures is not None:
    yield (
      f"mean distance to the truth {figures['mpjpe_cm']:.1f} cm, of MidHip"
      f" {figures['root_cm']:.1f} cm"
    )


def _bar(batches: Iterator[Any], count: int) -> Iterator[Any]:
  return iter(tqdm.tqdm(batches, total=count, unit="batch", desc="poses"))


def main(argv: Sequence[str]) -> None:
  """Lifts; one line and exit status 2 on unusable input."""
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    command.no_arguments(argv)
    platforms.check()
    compilation.keep_programs(compilation.own_folder())
    print("\n".join(run(flags.FLAGS)))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main)
