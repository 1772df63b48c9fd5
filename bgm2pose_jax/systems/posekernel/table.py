"""The samples of the data set in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bgm2pose_jax.data.table import Columns, WindowTable
from bgm2pose_jax.poses.body15 import BODY15


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SampleTable(WindowTable):
  """Samples, one a row; a recording is an environment with one set of walls.

  Attributes:
    kernels: float32 [n, pair, tap], see `sample.Sample`.
    pairs: float32 [n, pair, 3], metres, camera frame.
    keypoints: float32 [n, joint, 3], pixels and confidence.
    camera: float32 [n, 6], see `rig.Camera.as_array`.
    grid_centre: float32 [n, 3], metres, camera frame.
    pose: float32 [n, joint, 3], metres, camera frame.
    sample: int32 [n], number within the environment.
    usable: bool [n], every joint of the pose is known.
    environment, person, walls: int32 [n], positions in `environments`,
      `persons`, `wall_states`.
    environments, persons, wall_states: the vocabularies.
    spec: {"pairs": how many, "taps": taps of a kernel, "rate_hz": their rate}.
  """

  columns: ClassVar[Columns] = Columns(
    arrays=("kernels", "pairs", "keypoints", "camera", "grid_centre", "pose"),
    numbers=("sample", "usable"),
    names={
      "environment": "environments",
      "person": "persons",
      "walls": "wall_states",
    },
    sequence="kernels",
    target="pose",
    usable=("usable",),
    section="environment",
  )

  kernels: np.ndarray
  pairs: np.ndarray
  keypoints: np.ndarray
  camera: np.ndarray
  grid_centre: np.ndarray
  pose: np.ndarray
  sample: np.ndarray
  usable: np.ndarray
  environment: np.ndarray
  person: np.ndarray
  walls: np.ndarray
  environments: tuple[str, ...]
  persons: tuple[str, ...]
  wall_states: tuple[str, ...]

  @classmethod
  def shapes(cls, fields: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns {array column: shape of one sample}."""
    spec = fields["spec"]
    joints = BODY15.num_joints
    return {
      "kernels": (spec["pairs"], spec["taps"]),
      "pairs": (spec["pairs"], 3),
      "keypoints": (joints, 3),
      "camera": (6,),
      "grid_centre": (3,),
      "pose": (joints, 3),
    }
