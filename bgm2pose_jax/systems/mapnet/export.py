"""The program of a trained network: poor poses and sound to clean poses."""

from __future__ import annotations

from typing import Any

from bgm2pose_jax.contract.export import BATCH, Array, Arrays, Export, Program
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet import noise
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


def programs(trained: TrainedModel) -> list[Program]:
  """Returns the one program of a network.

  Args:
    trained: a network of this system, its state on the host. The program's
      function holds it.
  """
  task: Any = trained.task
  frames_in = noise.INPUT_FRAMES[task.config.data.tau]
  audio = len(trained.facts["spec"]["audio"])

  def refine(given: Arrays) -> Arrays:
    return {"pose": task.refine(trained.state, given["poses"], given["audio"])}

  return [
    Program(
      "refine",
      "windows of poor poses and sound to clean poses",
      {
        "poses": Array(
          (BATCH, frames_in, BODY13.num_joints, 3),
          "float32",
          "joint positions in metres, y up, origin at the median left toe",
        ),
        "audio": Array(
          (BATCH, WINDOW_FRAMES, audio),
          "float32",
          "features of the sound, 50 a second; their names are in config.json",
        ),
      },
      {
        "pose": Array(
          (BATCH, WINDOW_FRAMES, BODY13.num_joints, 3),
          "float32",
          "joint positions in metres, 50 frames a second",
        )
      },
      refine,
    )
  ]


def _facts(trained: TrainedModel) -> dict[str, Any]:
  """What a reader of config.json has to know of poses and sound."""
  task: Any = trained.task
  return {
    "input_frames": noise.INPUT_FRAMES[task.config.data.tau],
    "joints": list(BODY13.joints),
    "parents": list(BODY13.parents),
    "rate_hz": FRAMES_PER_S,
    "tau": task.config.data.tau,
  }


EXPORT = Export(programs=programs, facts=_facts)
