"""Sends the lines of metrics.jsonl to a tracker of experiments.

metrics.jsonl stays the record of a run. A tracker gets a copy. When a run goes
on after a stop or a kill, the tracker first gets what it lacks of the lines
that are kept, and never gets a step twice.
"""

from __future__ import annotations

import importlib.util
import math
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.files import json_file
from bgm2pose_jax.files.json_lines import plain

# {what `--tracker` takes: package that it needs}; the extra has its name.
PACKAGES = {
  "tensorboard": "tensorboardX",
  "wandb": "wandb",
  "mlflow": "mlflow",
}
# Which run of the tracker is this one.
FILE = "tracker.json"
_PROJECT = "bgm2pose_jax"


class Service(Protocol):
  """A tracker's own side of a run."""

  def held(self, name: str) -> int:
    """The last step that it has of a figure; -1 for none."""
    ...

  def send(self, step: int, figures: Mapping[str, float]) -> None:
    """Takes figures of one step."""
    ...

  def close(self, page: pathlib.Path | None) -> None:
    """Ends; takes a finished run's page, None for a run that goes on later."""
    ...


class Tracker:
  """One run's figures on their way to a tracker, each step once.

  A tracker that fails is warned of and left alone: the run goes on, and the
  lines are in metrics.jsonl.
  """

  def __init__(self, name: str, service: Service):
    """Takes an open service.

    Args:
      name: what `--tracker` was given.
      service: the tracker's own side.
    """
    self._name, self._service = name, service
    self._sent: dict[str, int] = {}
    self._works = True

  def write(self, line: Mapping[str, Any]) -> None:
    """Sends what the tracker lacks of a line of metrics.jsonl.

    Args:
      line: has `step`; numbers that are finite are sent by their names.
    """
    step = int(line["step"])
    new = {}
    for name, value in figures(line).items():
      if name not in self._sent:
        self._sent[name] = self._try(self._service.held, name, otherwise=-1)
      if step > self._sent[name]:
        new[name] = value
    if new:
      self._try(self._service.send, step, new)
      self._sent |= dict.fromkeys(new, step)

  def replay(self, lines: Iterable[Mapping[str, Any]]) -> None:
    """Sends what the tracker lacks of a run that goes on.

    Args:
      lines: those of metrics.jsonl.
    """
    for line in lines:
      self.write(line)

  def close(self, page: pathlib.Path | None = None) -> None:
    """Ends the tracker's part; more lines are dropped.

    Args:
      page: the page of a finished run; None for one that goes on later.
    """
    self._try(self._service.close, page)
    self._works = False

  def _try(
    self, call: Callable[..., Any], *arguments: Any, otherwise: Any = None
  ) -> Any:
    if not self._works:
      return otherwise
    try:
      return call(*arguments)
    except Exception as error:  # a server's errors are of many kinds
      self._works = False
      logging.warning(
        "--tracker=%s: %s: %s; the training goes on without it, and the lines"
        " are in %s",
        self._name,
        type(error).__name__,
        " ".join(str(error).split())[:300],
        run_folder.METRICS,
      )
      return otherwise


def figures(line: Mapping[str, Any]) -> dict[str, float]:
  """The finite numbers of a line but its step, by name."""
  return {
    name: float(value)
    for name, value in plain(line).items()
    if name != "step"
    and isinstance(value, (int, float))
    and not isinstance(value, bool)
    and math.isfinite(value)
  }


def check(name: str | None) -> None:
  """Refuses a tracker whose package is not installed, before any work.

  Args:
    name: a key of `PACKAGES`, or None for no tracker.

  Raises:
    InputError: with the command that installs it.
  """
  if name is None:
    return
  if importlib.util.find_spec(PACKAGES[name]) is None:
    raise InputError(
      f"--tracker={name}",
      f"needs the package {PACKAGES[name]}, which is not installed",
      f"pip install 'bgm2pose-jax[{name}]'",
    )


def open_tracker(
  name: str, title: str, folder: pathlib.Path, config: Config
) -> Tracker | None:
  """Opens a run's tracker, or takes it up again.

  Args:
    name: a key of `PACKAGES`.
    title: name of the run, for people.
    folder: of the run.
    config: of the run.

  Returns:
    The tracker; None, after a warning, where it cannot be reached.

  Raises:
    InputError: the package is not installed, or tracker.json is damaged.
  """
  check(name)
  from bgm2pose_jax.training import tracker_services

  make = {
    "tensorboard": tracker_services.TensorBoard,
    "wandb": tracker_services.WeightsAndBiases,
    "mlflow": tracker_services.MLflow,
  }[name]
  path = folder / FILE
  ids = json_file.read(path, "remove the file") if path.exists() else {}
  about = tracker_services.About(
    project=_PROJECT,
    title=title,
    folder=folder,
    config=schema.flatten(config),
    known=ids.get(name),
  )
  try:
    service = make(about)
  except Exception as error:  # a server's errors are of many kinds
    logging.warning(
      "--tracker=%s: %s: %s; the training goes on without it",
      name,
      type(error).__name__,
      " ".join(str(error).split())[:300],
    )
    return None
  if service.id != about.known:
    run_folder.write_json(path, {**ids, name: service.id})
  return Tracker(name, service)
