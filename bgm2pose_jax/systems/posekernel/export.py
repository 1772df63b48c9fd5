"""The program of a trained network: kernels and keypoints to a metric pose."""

from __future__ import annotations

from typing import Any

from bgm2pose_jax.contract.export import BATCH, Array, Arrays, Export, Program
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.poses.body15 import BODY15


def programs(trained: TrainedModel) -> list[Program]:
  """Returns the one program of a network.

  Args:
    trained: a network of this system, its state on the host. The program's
      function holds it.
  """
  task: Any = trained.task
  spec = trained.facts["spec"]
  joints = BODY15.num_joints
  known = {
    "kernels": Array(
      (BATCH, spec["pairs"], spec["taps"]),
      "float32",
      f"what the body adds to each pair's impulse response, {spec['rate_hz']} "
      "a second; the first is when the sound leaves the loudspeaker",
    ),
    "pairs": Array(
      (BATCH, spec["pairs"], 3),
      "float32",
      "places of the pairs in metres: x right, y down, z forward of the camera",
    ),
    "keypoints": Array(
      (BATCH, joints, 3),
      "float32",
      "u and v in pixels, and confidence, 0 where a joint was not found",
    ),
    "camera": Array(
      (BATCH, 6),
      "float32",
      "focal lengths, principal point, width and height of the image, pixels",
    ),
    "grid_centre": Array(
      (BATCH, 3), "float32", "middle of the voxels in metres, camera frame"
    ),
  }

  def lift(given: Arrays) -> Arrays:
    return {"pose": task.predict(trained.state, given)}

  return [
    Program(
      "lift",
      "kernels and keypoints to metric poses",
      {name: known[name] for name in task.predicts_from},
      {
        "pose": Array(
          (BATCH, joints, 3),
          "float32",
          "joint positions in metres: x right, y down, z forward of the camera",
        )
      },
      lift,
      batches=(1, 3),
    )
  ]


def _facts(trained: TrainedModel) -> dict[str, Any]:
  """What a reader of config.json has to know of poses and voxels."""
  config: Any = trained.config
  return {
    "joints": list(BODY15.joints),
    "parents": list(BODY15.parents),
    "grid": list(config.encoding.grid),
    "voxel_m": config.encoding.voxel_m,
    "inputs": config.data.inputs,
    "read_out": config.read_out,
  }


EXPORT = Export(programs=programs, facts=_facts)
