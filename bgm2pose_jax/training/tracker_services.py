"""TensorBoard, Weights & Biases and MLflow, as `trackers` uses them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import time
import uuid
from collections.abc import Mapping
from typing import Any

_LONGEST_VALUE = 500  # of a parameter, as MLflow takes it


@dataclasses.dataclass(frozen=True)
class About:
  """What a tracker is told of a run.

  Attributes:
    project: groups runs of this package.
    title: name of the run.
    folder: of the run.
    config: {dotted key: value}.
    known: the id that the tracker gave the run before; None for a new one.
  """

  project: str
  title: str
  folder: pathlib.Path
  config: Mapping[str, Any]
  known: str | None


class TensorBoard:
  """Event files in the run's folder `tensorboard`.

  They are written anew from metrics.jsonl when a run goes on: what a killed
  run wrote beyond its checkpoint is gone with the old file.

  Attributes:
    id: name of the folder.
  """

  _ENDING = ".bgm2pose_jax"

  def __init__(self, about: About):
    """Removes the run's earlier event files and begins a new one."""
    import tensorboardX

    self.id = "tensorboard"
    folder = about.folder / self.id
    for path in folder.glob(f"events.out.tfevents.*{self._ENDING}"):
      path.unlink()
    self._writer = tensorboardX.SummaryWriter(
      str(folder), filename_suffix=self._ENDING
    )
    rows = "\n".join(f"| {k} | {v} |" for k, v in about.config.items())
    self._writer.add_text("configuration", f"| field | value |\n|-|-|\n{rows}")

  def held(self, name: str) -> int:
    """None of any figure."""
    del name
    return -1

  def send(self, step: int, figures: Mapping[str, float]) -> None:
    """Adds scalars."""
    for name, value in figures.items():
      self._writer.add_scalar(name, value, step)
    self._writer.flush()

  def close(self, page: pathlib.Path | None) -> None:
    """Flushes; TensorBoard has no artifacts, so it is told where the page is.

    Args:
      page: of a finished run.
    """
    if page is not None:
      self._writer.add_text("page", f"`{page}`")
    self._writer.close()


class WeightsAndBiases:
  """A run of Weights & Biases; settings come from its own WANDB_ variables.

  Attributes:
    id: of the run.
  """

  def __init__(self, about: About):
    """Begins the run, or takes up the one of an earlier attempt."""
    import wandb  # pyright: ignore[reportMissingImports]

    self.id = about.known or uuid.uuid4().hex[:12]
    for path in (about.folder / "wandb").glob(f"offline-run-*-{self.id}"):
      # Nobody can say what it holds, so it is written anew.
      shutil.rmtree(path)
    self._run = wandb.init(
      project=about.project,
      name=about.title,
      id=self.id,
      resume="allow",
      dir=str(about.folder),
      config=dict(about.config),
      settings=wandb.Settings(console="off", silent=True),
    )
    # Steps below this are refused by the service itself.
    self._held = self._run.step - 1 if self._run.resumed else -1

  def held(self, name: str) -> int:
    """The last step of the run, whatever the figure."""
    del name
    return self._held

  def send(self, step: int, figures: Mapping[str, float]) -> None:
    """Logs figures of a step."""
    self._run.log(dict(figures), step=step)

  def close(self, page: pathlib.Path | None) -> None:
    """Ends the run, with the page as an artifact.

    Args:
      page: of a finished run.
    """
    if page is not None:
      import wandb  # pyright: ignore[reportMissingImports]

      artifact = wandb.Artifact(f"page-{self.id}", type="report")
      artifact.add_file(str(page))
      self._run.log_artifact(artifact)
    self._run.finish()


class MLflow:
  """A run of MLflow, at MLFLOW_TRACKING_URI or in the run's folder `mlruns`.

  Attributes:
    id: of the run.
  """

  def __init__(self, about: About):
    """Begins the run, or takes up the one of an earlier attempt."""
    place = os.environ.get("MLFLOW_TRACKING_URI")
    if not place:
      place = (about.folder / "mlruns").absolute().as_uri()
      # A database would need a package that the small MLflow does not bring.
      os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    self._client = MlflowClient(tracking_uri=place)
    if about.known is not None:
      self.id = self._client.get_run(about.known).info.run_id
      self._client.set_terminated(self.id, "RUNNING")
      self._is_new = False
      return
    self._is_new = True
    found = self._client.get_experiment_by_name(about.project)
    experiment = (
      self._client.create_experiment(about.project)
      if found is None
      else found.experiment_id
    )
    run = self._client.create_run(experiment, run_name=about.title)
    self.id = run.info.run_id
    for name, value in about.config.items():
      self._client.log_param(self.id, name, str(value)[:_LONGEST_VALUE])

  def held(self, name: str) -> int:
    """The last step of a figure."""
    if self._is_new:
      return -1
    history = self._client.get_metric_history(self.id, name)
    return max((each.step for each in history), default=-1)

  def send(self, step: int, figures: Mapping[str, float]) -> None:
    """Logs figures of a step, all at once."""
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    self._client.log_batch(
      self.id,
      metrics=[Metric(k, v, now_ms, step) for k, v in figures.items()],
    )

  def close(self, page: pathlib.Path | None) -> None:
    """Ends the run, with the page as an artifact.

    Args:
      page: of a finished run; the run of another stays open.
    """
    if page is None:
      return
    self._client.log_artifact(self.id, str(page))
    self._client.set_terminated(self.id, "FINISHED")
