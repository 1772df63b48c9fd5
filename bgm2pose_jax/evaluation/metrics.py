"""What a system's metrics are to those who add, bootstrap and print them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from bgm2pose_jax.base.errors import InputError


@dataclasses.dataclass(frozen=True)
class Figure:
  """A headline figure: a column of every table.

  Attributes:
    key: its name in results.json.
    title: its name for readers.
    lowest: whether the lowest value is best; else the highest.
    digits: decimals that tables print.
    is_later: whether finished runs of an earlier version lack it.
  """

  key: str
  title: str
  lowest: bool = True
  digits: int = 3
  is_later: bool = False


class Metrics(Protocol):
  """Sums and counts of each example; added over examples, divided once.

  Attributes:
    figures: the headline figures, in the order of tables.
  """

  @property
  def figures(self) -> tuple[Figure, ...]:
    """The headline figures, in the order of tables."""
    ...

  def sums(
    self, predicted: np.ndarray, target: np.ndarray
  ) -> dict[str, np.ndarray]:
    """float64 arrays [n, ...] of n examples, which add over examples."""
    ...

  def finish(self, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Added `sums` (without the axis of examples) -> JSON-ready figures.

    The headline figures stand at the top level under their keys.
    """
    ...

  def overall(self, sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """`sums` -> float64 [n, m]: the part that the headline figures need."""
    ...

  def headline(self, totals: np.ndarray) -> np.ndarray:
    """Added `overall` [..., m] -> headline figures [..., figure]."""
    ...


def total(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Adds sums over their examples: [n, ...] -> [...]."""
  return {name: values.sum(axis=0) for name, values in sums.items()}


def added(
  left: Mapping[str, np.ndarray] | None, right: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Adds two totals, such as those of two batches; None is nothing yet."""
  if left is None:
    return dict(right)
  return {name: left[name] + right[name] for name in right}


def measure(
  metrics: Metrics, predicted: np.ndarray, target: np.ndarray
) -> dict[str, Any]:
  """Figures of a whole set of examples.

  Args:
    metrics: the system's metrics.
    predicted: [n, ...].
    target: the same shape.
  """
  return metrics.finish(total(metrics.sums(predicted, target)))


def check_pairs(predicted: np.ndarray, target: np.ndarray) -> None:
  """Checks that there is a prediction for each target.

  Args:
    predicted: [n, ...].
    target: [n, ...].

  Raises:
    InputError: the shapes differ.
  """
  if predicted.shape != target.shape:
    raise InputError(
      "predicted",
      f"shape {predicted.shape} against {target.shape} of target",
      "pass one prediction for each target",
    )
