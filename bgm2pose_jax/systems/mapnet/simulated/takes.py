"""Takes of simulated violinists, made when they are asked for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.config import SimulateConfig
from bgm2pose_jax.systems.mapnet.simulated import plan as plan_lib
from bgm2pose_jax.systems.mapnet.take import Take


@dataclasses.dataclass(frozen=True)
class SimulatedTakes:
  """The takes of a plan: `source.Takes`.

  Attributes:
    plan: who plays, how often and how long.
  """

  plan: SimulateConfig

  @property
  def simulated(self) -> bool:
    """Always: nothing was measured."""
    return True

  @functools.cached_property
  def _plans(self) -> dict[str, plan_lib.TakePlan]:
    made = plan_lib.takes(
      self.plan.players, self.plan.takes, self.plan.take_s, self.plan.seed
    )
    return {one.name: one for one in made}

  def players(self) -> Mapping[str, Sequence[str]]:
    """Returns {player: names of the takes}."""
    found: dict[str, list[str]] = {}
    for name, one in self._plans.items():
      found.setdefault(one.player, []).append(name)
    return found

  def frames(self, name: str) -> int:
    """Returns how many frames a take has."""
    del name
    return round(self.plan.take_s * FRAMES_PER_S)

  def make(self, name: str) -> Take:
    """Makes a take."""
    return plan_lib.make(self._plans[name])

  def identity(self) -> dict[str, Any]:
    """Returns the plan."""
    return {"simulate": dataclasses.asdict(self.plan)}

  def inventory(self) -> str | None:
    """Nothing was looked for."""
    return None
