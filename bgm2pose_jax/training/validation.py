"""The figures of a validation, added batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bgm2pose_jax.evaluation import metrics as metrics_lib
from bgm2pose_jax.evaluation.metrics import Metrics


def figures(
  batches: Iterable[tuple[np.ndarray, np.ndarray]],
  target: np.ndarray,
  metrics: Metrics,
) -> dict[str, float]:
  """Returns {`validation_<figure>`: value} of the headline figures.

  No predictions are kept.

  Args:
    batches: (rows, their predictions), one batch at least.
    target: [n, ...] of every row of the table.
    metrics: what is summed.
  """
  totals = None
  for rows, predicted in batches:
    sums = metrics.sums(predicted, target[rows])
    totals = metrics_lib.added(totals, metrics_lib.total(sums))
  assert totals is not None  # there is a row at least
  found = metrics.finish(totals)
  return {
    f"validation_{figure.key}": float(found[figure.key])
    for figure in metrics.figures
  }
