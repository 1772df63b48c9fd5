"""A trained network and what it takes to use it.

A run's folder holds the configuration, the weights with the statistics that
training fitted, and what else a prediction needs to know (`model.json`).
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.contract.task import Task
from bgm2pose_jax.inference import weights
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.training import steps

Find = Callable[[str | None], System]


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedModel:
  """A network ready to predict.

  Attributes:
    folder: the run's.
    system: the network's.
    config: it was trained with.
    step: the checkpoint's step.
    facts: content of model.json.
    described: content of config.json.
    state: weights and statistics, on the device.
    task: brings the network's structure.
    apply: (state, batch) -> predictions; every batch size compiles once.
  """

  folder: pathlib.Path
  system: System
  config: Config
  step: int
  facts: Mapping[str, Any]
  described: Mapping[str, Any]
  state: TrainState
  task: Task
  apply: Callable[[TrainState, Mapping[str, Any]], jax.Array]

  @property
  def origin(self) -> Mapping[str, Any] | None:
    """Where weights that were not trained here come from, or None."""
    return self.described.get("origin")

  @property
  def dataset(self) -> Mapping[str, Any]:
    """Name, kind and fingerprint of the data, as far as config.json has them.

    Early runs say nothing.
    """
    found = self.described.get("dataset")
    return found if isinstance(found, Mapping) else {}

  @property
  def simulated(self) -> bool:
    """Whether a simulator made the recordings."""
    known = self.facts if "simulated" in self.facts else self.dataset
    return bool(known.get("simulated"))

  def run(self, batch: Mapping[str, Any], statistics: Any = None) -> np.ndarray:
    """Predicts a batch.

    Args:
      batch: {field: [b, ...]}, as the task's `predict` takes them.
      statistics: the statistics to predict with; None takes those of the
        training.

    Returns:
      Predictions [b, ...].

    Raises:
      InputError: a prediction is not finite.
    """
    state = self.state
    if statistics is not None:
      state = state.replace(statistics=statistics)
    predicted = np.asarray(self.apply(state, batch))
    if not np.isfinite(predicted).all():
      raise InputError(
        self.folder,
        "predicts values that are not finite",
        "train again with a lower learning rate; see its metrics.jsonl",
      )
    return predicted


def load(folder: str, find: Find, flag: str = "checkpoint") -> TrainedModel:
  """Reads a trained network from a run's folder.

  Args:
    folder: a run's, or one step in its checkpoints.
    find: name of a model, None where there is none -> its system.
    flag: the flag that named the folder, for messages.

  Raises:
    InputError: no run or no checkpoint there, a model that is no network,
      weights that were never trained or are not finite.
  """
  path, step = checkpoint_lib.find_step(folder, flag)
  home = path.parent
  weights.check_plain(path)
  described = run_folder.read_json(home / run_folder.CONFIG)
  with run_folder.inside(home / run_folder.CONFIG):
    system = find(run_folder.read_model(home))
  config = run_folder.read_config(home, system.config)
  if config.model in system.closed_form:
    raise InputError(
      f"--{flag}={folder}",
      f"holds {config.model}, which is no network",
      f"give a run of --model={next(iter(system.models))} or another network",
    )
  facts = _facts(home, system, config, described)
  with run_folder.inside(home / run_folder.CONFIG):
    task = system.make_task(config, facts)
  if config.run.report_weights == "best" and path.resolve() != (
    pathlib.Path(folder).resolve().parent
  ):
    # What the run's own report is about.
    with weights.damage_of(path):
      step = checkpoint_lib.best_step(path, task.best) or step
  if step == 0 and described.get("origin") is None:
    raise InputError(
      path / "0", "holds weights that were never trained", "train first"
    )
  with weights.damage_of(path / str(step)):
    arrays = checkpoint_lib.read_whole(path, step)
    if config.optim.snapshot_average == "eval_only":
      arrays = weights.averaged(arrays)
  return TrainedModel(
    folder=home,
    system=system,
    config=config,
    step=step,
    facts=facts,
    described=described,
    state=weights.state_of(system, task, arrays, path / str(step)),
    task=task,
    apply=steps.make_predict_step(
      task, mesh_lib.make_mesh(jax.local_devices()[:1])
    ),
  )


def _facts(
  home: pathlib.Path,
  system: System,
  config: Config,
  described: Mapping[str, Any],
) -> Mapping[str, Any]:
  """The content of model.json, or what can be said without one."""
  path = home / run_folder.MODEL
  if not path.exists():
    known = system.trained.old_facts(config, described)
    if known is not None:
      return known
  with run_folder.inside(path):
    return system.trained.facts(run_folder.read_json(path))
