"""What the command lift does, up to the files that it writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.from_files import (
  FromFiles,
  arrays,
  arrays_with_rate,
  write_json,
)
from bgm2pose_jax.poses import image_points_reader
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.image_points import ImagePoints
from bgm2pose_jax.poses.rest_pose import REST15
from bgm2pose_jax.report.poses import Poses
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.lift import (
  kernels_file,
  lifter,
  matching,
  truth,
  write,
)
from bgm2pose_jax.systems.posekernel.lift.kernels_file import Kernels
from bgm2pose_jax.systems.posekernel.lift.lifter import Lifter, Progress
from bgm2pose_jax.systems.posekernel.lift.result import LiftedPoses
from bgm2pose_jax.systems.posekernel.rig_file import RigFile

_FPS = 10.0


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""

  def text(name: str, about: str) -> None:
    flags.DEFINE_string(name, None, about, flag_values=values)

  text("checkpoint", "work folder of a run")
  text(
    "keypoints",
    "joints of one person in pixels, a frame for each kernel: OpenPose's folder"
    " or file of JSON (BODY_25), COCO results (17 keypoints), MediaPipe's image"
    " landmarks as JSON or CSV, or a CSV or NPZ table",
  )
  text("kernels", "kernels.npz, as the command kernel writes it")
  text("rig", "rig.json: where camera and pairs are")
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


def lifted(
  values: flags.FlagValues,
  load: Callable[[], Lifter],
  progress: Progress | None = None,
) -> tuple[LiftedPoses, float]:
  """Reads keypoints, kernels and rig and lifts the poses.

  Args:
    values: the flags.
    load: reads the network, once every file was looked at.
    progress: wraps an iterator over batches, given how many come.

  Returns:
    The poses, and the seconds that the network took.

  Raises:
    InputError: input that cannot be used.
  """
  kernels_path = Path(values.kernels)
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
  net = load()
  heard, fewer = _heard(net, kernels, rig)
  started = time.perf_counter()
  pose_m = lifter.lifted(
    net,
    kernels.kernels[:, :heard],
    keypoints,
    pairs_m=rig.rig.pairs_m[:heard],
    camera=rig.rig.camera,
    grid_centre_m=rig.grid_centre_m,
    progress=progress,
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
  return found, took_s


def poses(values: flags.FlagValues, model: Any) -> Poses:
  """The lifted poses, one for each sample.

  Args:
    values: the flags.
    model: a `TrainedModel` of this system.

  Raises:
    InputError: as `lifted`.
  """
  # JAX takes seconds to load: the command looks at files first.
  from bgm2pose_jax.systems.posekernel.lift import binding

  found, _ = lifted(values, lambda: binding.of(model))
  return Poses(
    positions_m=found.pose_m,
    time_s=np.arange(len(found)) / values.fps,
    rate_hz=values.fps,
    rest=REST15,
    frame="the camera's: x right, y down, z forward",
    y_up=tuple(write.TO_Y_UP.tolist()),
    joint_positions=True,
    head="Nose",
    simulated=found.simulated,
    warnings=found.warnings,
    notes=found.notes,
    facts={**found.facts, "samples": list(found.names)},
    truth_m=found.truth_m,
  )


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


FROM_FILES = FromFiles(
  inputs={
    "keypoints": arrays("keypoints"),
    "kernels": arrays_with_rate("kernels"),
    "rig": write_json,
  },
  define_flags=define_flags,
  not_options=("checkpoint", "out"),
  predict=poses,
)
