"""Lifted poses, what they were made from, and truth where there is one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.systems.posekernel.rig_file import RigFile


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LiftedPoses:
  """All in metres in the camera's frame: x right, y down, z forward.

  Attributes:
    names: name of each sample.
    pose_m: float32 [sample, joint=15, 3], the result.
    keypoints: float64 [sample, joint, 3]: u, v in pixels and the confidence, 0
      where a joint was not found.
    kernels: float32 [sample, pair, tap=KERNEL_TAPS] at 96 kHz.
    rig_file: camera, pairs and middle of the voxels.
    simulated: whether the network was trained on simulated samples.
    truth_m: float32 [sample, joint, 3]; None where there is none.
    facts: what a reader should know, plain values.
    notes: what was done, sentences.
    warnings: what makes the result worse, sentences.
  """

  names: tuple[str, ...]
  pose_m: np.ndarray
  keypoints: np.ndarray
  kernels: np.ndarray
  rig_file: RigFile
  simulated: bool
  truth_m: np.ndarray | None = None
  facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()
  warnings: tuple[str, ...] = ()

  def __len__(self) -> int:
    """How many samples there are."""
    return len(self.pose_m)

  @property
  def missing(self) -> np.ndarray:
    """Whether the detector missed a joint, bool [sample, joint]."""
    return self.keypoints[..., 2] <= 0
