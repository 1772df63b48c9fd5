"""What results.json says of a system's predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.data.split import Split
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.evaluation.bootstrap import Blocks
from bgm2pose_jax.evaluation.metrics import Metrics

# (table, test rows) -> {name: which of the rows belong to it, bool [n]}.
Grouping = Callable[[Any, np.ndarray], Mapping[str, np.ndarray]]


def no_verdict(results: Mapping[str, Any]) -> str:
  """Says nothing of a run.

  Args:
    results: content of results.json.
  """
  del results
  return ""


def split_names(split: Split) -> dict[str, Any]:
  """Who trains and who tests, as results.json says it by default.

  Args:
    split: the run's split.
  """
  return {
    "train": {column: list(names) for column, names in split.train.items()},
    "test": {column: list(names) for column, names in split.test.items()},
  }


def predictions(
  table: WindowTable,
  rows: np.ndarray,
  predicted: np.ndarray,
  names: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
  """The arrays of predictions.npz.

  Args:
    table: the windows.
    rows: int [n] test rows.
    predicted: [n, ...].
    names: columns of names to write; None takes all.

  Returns:
    pred and, where every row is usable, target (float32 [n, ...]);
    window_index (int32 [n]); the names (text [n]).
  """
  columns = table.columns
  arrays: dict[str, np.ndarray] = {"pred": np.asarray(predicted, np.float32)}
  if all(table.column(name)[rows].all() for name in columns.usable):
    target = table.column(columns.target)[rows]
    arrays["target"] = np.asarray(target, np.float32)
  arrays["window_index"] = np.asarray(table.window_index[rows], np.int32)
  for name in columns.all_names if names is None else names:
    arrays[name] = table.named(name, rows)
  return arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
  """Metrics, baselines and groups of results.json.

  Attributes:
    metrics: compares predictions with targets.
    baselines: {key in results.json: label in tables}, in the order of tables;
      the first is the reference that `improvement_pct` is against.
    improved: keys of the figures that `improvement_pct` is given for.
    groups: {key in results.json: column of the table}, such as
      `per_room: room`; or a function in place of the column, whose groups may
      share rows.
    blocks: what the bootstrap draws.
    kept: entries of `metrics.finish` beside the headline figures that every
      baseline has too, such as `per_part`.
    head: the split's entries of results.json; names by default.
    definitions: {key: what it means}, for readers, such as `unit`.
    verdict: content of results.json -> what its figures mean, in words; empty
      says nothing.
  """

  metrics: Metrics
  baselines: Mapping[str, str]
  improved: tuple[str, ...] = ()
  groups: Mapping[str, str | Grouping] = dataclasses.field(default_factory=dict)
  blocks: Blocks = dataclasses.field(default_factory=Blocks)
  kept: tuple[str, ...] = ()
  head: Callable[[Any], dict[str, Any]] = split_names
  definitions: Mapping[str, str] = dataclasses.field(default_factory=dict)
  verdict: Callable[[Mapping[str, Any]], str] = no_verdict

  @property
  def name_columns(self) -> tuple[str, ...]:
    """Columns of names that the figures need of every window, each once."""
    grouped = (name for name in self.groups.values() if isinstance(name, str))
    return tuple(dict.fromkeys(("recording", self.blocks.column, *grouped)))
