"""The samples of the released folder, looked at first and read one by one.

The release has no images. Keypoints come from the simulated detector, which
knows the true joints: results with visual input have oracle 2D.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from absl import logging

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums
from bgm2pose_jax.systems.posekernel.examples import AS_BUILT
from bgm2pose_jax.systems.posekernel.metrics import ROOT
from bgm2pose_jax.systems.posekernel.released import (
  arrays,
  inventory,
  layout,
  units,
)
from bgm2pose_jax.systems.posekernel.rig import Camera
from bgm2pose_jax.systems.posekernel.sample import Sample
from bgm2pose_jax.systems.posekernel.simulated import detector

# The detector's errors: the same in every run.
_DETECTOR_SEED = 0


@dataclasses.dataclass(frozen=True)
class ReleasedSamples:
  """Samples of the released layout: `source.Samples`.

  Attributes:
    found: the environments.
  """

  found: tuple[layout.Environment, ...]

  @classmethod
  def find(cls, folder: str | os.PathLike[str] | None) -> ReleasedSamples:
    """Lists the environments of a folder, see `layout.find`.

    Raises:
      InputError: as there, or no folder given.
    """
    if folder is None:
      raise InputError(
        "--posekernel_dir", "is not given", "give the folder of the release"
      )
    return cls(layout.find(folder))

  @property
  def simulated(self) -> bool:
    """Whether rooms and people are simulated: they were recorded."""
    return False

  def environments(self) -> Mapping[str, int]:
    """Returns {environment: how many samples it has}."""
    return {each.name: len(each.numbers) for each in self.found}

  def make(self, environment: str) -> Iterator[Sample]:
    """Reads an environment's samples, in order of their numbers.

    Raises:
      InputError: a file that cannot be used.
    """
    each = next(one for one in self.found if one.name == environment)
    with system_errors.in_one_line(each.folder):
      pairs_m, poses_m = _places(each)
    centre = np.median(poses_m[:, ROOT], axis=0).astype(np.float32)
    camera = Camera()
    for number, pose_m in zip(each.numbers, poses_m):
      with system_errors.in_one_line(each.folder):
        kernels = arrays.read_kernels(each.kernels(number))
      yield Sample(
        environment=environment,
        index=number,
        person="",
        walls=AS_BUILT,
        kernels=kernels,
        pairs_m=pairs_m.astype(np.float32),
        pose_m=pose_m.astype(np.float32),
        keypoints=detector.keypoints(
          pose_m, camera.as_array(), _DETECTOR_SEED, environment, number
        ),
        camera=camera,
        grid_centre_m=centre,
      )

  @functools.cached_property
  def _digests(self) -> dict[str, str]:
    return {
      each.name: checksums.of_stats(each.folder.parent, each.files())
      for each in self.found
    }

  def identity(self) -> dict[str, Any]:
    """Returns each file's name, size and time of change, and the detector."""
    return {
      "released": self._digests,
      "detector": [_DETECTOR_SEED, detector.ERROR_PX, detector.MISSING],
    }

  def inventory(self) -> str | None:
    """Returns a line for each environment, then what is simulated."""
    return inventory.of_all(self.found)


def _places(each: layout.Environment) -> tuple[np.ndarray, np.ndarray]:
  """Pairs [pair, 3] and poses [n, joint, 3] of an environment, metres."""
  sensors = arrays.read_sensors(each.sensors)
  joints = np.stack(
    [arrays.read_joints(each.truth(number)) for number in each.numbers]
  )
  sensor_scale, sensor_unit = units.scale_of(sensors)
  joint_scale, joint_unit = units.scale_of(joints)
  poses_m = joint_scale * joints
  units.check_poses(each.folder, poses_m)
  logging.info(
    "%s: sensors taken for %s, joints for %s; keypoints are simulated",
    each.name,
    sensor_unit,
    joint_unit,
  )
  return sensor_scale * sensors.mean(axis=1), poses_m
