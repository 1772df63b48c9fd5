"""Samples of people in simulated rooms, made when they are asked for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums
from bgm2pose_jax.systems.posekernel.config import SimulateConfig
from bgm2pose_jax.systems.posekernel.extraction.kernels import kernels_of
from bgm2pose_jax.systems.posekernel.sample import (
  KERNEL_TAPS,
  SAMPLE_RATE_HZ,
  Sample,
)
from bgm2pose_jax.systems.posekernel.simulated.detector import keypoints
from bgm2pose_jax.systems.posekernel.simulated.environments import (
  Environment,
  environment,
)
from bgm2pose_jax.systems.posekernel.simulated.people import (
  VISIT_SAMPLES,
  People,
  Visit,
)
from bgm2pose_jax.systems.posekernel.simulated.recorder import Recorder

AS_BUILT, MOVED = "as_built", "moved"
# A recording begins when its sound leaves.
LATENCY_SAMPLES = 0.0


@dataclasses.dataclass(frozen=True)
class SimulatedSamples:
  """The samples of a plan.

  Sample i of an environment is a function of the plan's seed, the environment
  and i; of the number of samples only its walls depend, see `walls_of`.

  Attributes:
    plan: which rooms, how many samples and people.
  """

  plan: SimulateConfig

  @property
  def simulated(self) -> bool:
    """Always: nothing was measured."""
    return True

  def environments(self) -> Mapping[str, int]:
    """Returns {name of the environment: number of its samples}."""
    return dict.fromkeys(self._environments, self.plan.samples)

  def people(self) -> tuple[str, ...]:
    """Returns the names of the people, the same in all environments."""
    return self._people.names

  def environment(self, name: str) -> Environment:
    """Returns a room with its rig.

    Raises:
      InputError: no such environment.
    """
    if name not in self._environments:
      raise InputError(
        f"environment {name!r}",
        "unknown",
        f"use one of {', '.join(self._environments)}",
      )
    return self._environments[name]

  def visit(self, name: str, number: int) -> Visit:
    """Returns who stands where in samples number * VISIT_SAMPLES and on.

    Raises:
      InputError: no such environment; motion files that cannot be used.
    """
    return self._people.visit(self.environment(name), number)

  def walls_of(self, index: int) -> str:
    """Returns the state of the walls of a sample."""
    kept = self.plan.samples - self.plan.samples // 5
    return MOVED if self.plan.moved_walls and index >= kept else AS_BUILT

  def make(self, name: str) -> Iterator[Sample]:
    """Makes the samples of an environment, in order.

    Args:
      name: the environment's name.

    Raises:
      InputError: no such environment; motion files that cannot be used.
    """
    room, recorder = self.environment(name), self._recorder(name)
    camera = room.camera.as_array()
    pairs = room.rig.pairs_m.astype(np.float32)
    centre = room.grid_centre_m.astype(np.float32)
    visit_of = functools.cache(functools.partial(self.visit, name))
    for walls, indices in self._by_walls().items():
      recorded = (
        self._occupied(recorder, visit_of(index // VISIT_SAMPLES), index)
        for index in indices
      )
      kernels, _ = kernels_of(
        recorded,
        recorder.empty(walls),
        recorder.sweep,
        SAMPLE_RATE_HZ,
        KERNEL_TAPS,
        latency_samples=LATENCY_SAMPLES,
      )
      for index, kernel in zip(indices, kernels, strict=True):
        number, place = divmod(index, VISIT_SAMPLES)
        visit = visit_of(number)
        pose = visit.pose_m[place]
        yield Sample(
          environment=name,
          index=index,
          person=visit.person,
          walls=walls,
          kernels=kernel,
          pairs_m=pairs,
          pose_m=pose.astype(np.float32),
          keypoints=keypoints(pose, camera, self.plan.seed, name, index),
          camera=room.camera,
          grid_centre_m=centre,
        )

  def recordings(
    self, name: str, samples: Sequence[int]
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Returns what the pairs record, from which `make` takes its kernels.

    A recording begins when its sound leaves: with a latency of
    `LATENCY_SAMPLES` `extraction` gives the same kernels.

    Args:
      name: the environment's name.
      samples: numbers of samples, all with the same walls.

    Returns:
      Occupied room, float32 [sample, pair, n]; empty room, float32 [take,
      pair, n]; the sweep, float64 [m]; the sample rate.

    Raises:
      InputError: no such environment or sample, or samples before and after
        the walls were moved.
    """
    recorder = self._recorder(name)
    wrong = [i for i in samples if not 0 <= i < self.plan.samples]
    if wrong or not samples:
      raise InputError(
        "samples",
        f"{wrong or 'none'} asked for",
        f"give numbers from 0 to {self.plan.samples - 1}",
      )
    states = {self.walls_of(index) for index in samples}
    if len(states) > 1:
      raise InputError(
        "samples",
        "from before and after the walls were moved",
        "ask for them one by one: each has an empty room of its own",
      )
    visit_of = functools.cache(functools.partial(self.visit, name))
    occupied = [
      self._occupied(recorder, visit_of(index // VISIT_SAMPLES), index)
      for index in samples
    ]
    return (
      np.stack(occupied),
      recorder.empty(states.pop()),
      recorder.sweep,
      SAMPLE_RATE_HZ,
    )

  def identity(self) -> dict[str, Any]:
    """Returns the plan and the digest of the motion files.

    Raises:
      InputError: no such folder of motion files.
    """
    values = dataclasses.asdict(self.plan)
    folder, joint_map = values.pop("mocap_dir"), values.pop("joint_map")
    if folder is not None:
      values["motion"] = checksums.of_folder(folder)
    if joint_map is not None:
      values["joint_map"] = checksums.of_json(poses.read_joint_map(joint_map))
    return {"simulate": values}

  def inventory(self) -> str | None:
    """Nothing was looked for."""
    return None

  @functools.cached_property
  def _environments(self) -> dict[str, Environment]:
    made = (
      environment(number, self.plan.seed)
      for number in range(self.plan.environments)
    )
    return {one.name: one for one in made}

  @functools.cached_property
  def _people(self) -> People:
    plan = self.plan
    return People(plan.seed, plan.persons, plan.mocap_dir, plan.joint_map)

  def _recorder(self, name: str) -> Recorder:
    plan = self.plan
    return Recorder(
      environment=self.environment(name),
      scattering=plan.scattering,
      kernel_snr_db=plan.kernel_snr_db,
      drift_k=plan.drift_k,
      seed=plan.seed,
    )

  def _by_walls(self) -> dict[str, list[int]]:
    """Samples of each state of the walls, in order."""
    found: dict[str, list[int]] = {}
    for index in range(self.plan.samples):
      found.setdefault(self.walls_of(index), []).append(index)
    return found

  def _occupied(
    self, recorder: Recorder, visit: Visit, index: int
  ) -> np.ndarray:
    """Recordings of a sample, float32 [pair, n]."""
    return recorder.occupied(
      index,
      visit.positions_m[index % VISIT_SAMPLES],
      visit.body,
      self.walls_of(index),
    )
