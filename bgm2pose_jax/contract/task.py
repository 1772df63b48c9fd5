"""A task: what turns a batch into an update, a prediction and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import jax
import numpy as np

from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState

Arrays = Mapping[str, jax.Array]


class Task(Protocol):
  """What training, evaluation and inference need of a task.

  Attributes:
    fields: columns of the table that a training batch needs.
    target: the column among them that is predicted.
    predicts_from: those among `fields` that `predict` reads. The target is
      not, unless the task spoils it to make its input.
    context: frames on either side of a window that a batch has as well.
    best: which validation figure chooses the best weights.
  """

  fields: tuple[str, ...]
  target: str

  @property
  def predicts_from(self) -> tuple[str, ...]:
    """Columns that `predict` reads."""
    ...

  context: int
  best: Best

  def fit(self, table: WindowTable, rows: np.ndarray) -> Any:
    """Statistics of training rows: a pytree that goes into the state."""
    ...

  def init_state(self, seed: int, statistics: Any) -> TrainState:
    """The state before the first step."""
    ...

  def state_shapes(self, statistics: Any) -> TrainState:
    """`init_state`'s shapes and types, with nothing computed."""
    ...

  def learning_rate(self, epoch: int) -> float:
    """The rate at the start of an epoch, counted from 0."""
    ...

  def update(
    self, state: TrainState, batch: Arrays, keys: jax.Array, control: Arrays
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """One update on this device's rows; figures equal on every device."""
    ...

  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """Predictions for this device's rows, [rows, ...]."""
    ...
