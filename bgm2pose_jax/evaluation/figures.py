"""What results.json says of a system's predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from bgm2pose_jax.evaluation.metrics import Metrics


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
  """Metrics, baselines and groups of results.json.

  Attributes:
    metrics: of predictions against targets.
    baselines: {key in results.json: label in tables}, in the order of tables;
      the first is the reference that `improvement_pct` is against.
    improved: keys of the figures that `improvement_pct` is given for.
    groups: {key in results.json: column of the table}, such as
      `per_room: room`.
    kept: entries of `metrics.finish` beside the headline figures that every
      baseline has too, such as `per_part`.
    head: the split's entries of results.json, such as the names
      of its test sections.
    definitions: {key: what it means}, for readers; `unit` among them.
  """

  metrics: Metrics
  baselines: Mapping[str, str]
  improved: tuple[str, ...]
  groups: Mapping[str, str]
  kept: tuple[str, ...]
  head: Callable[[Any], dict[str, Any]]
  definitions: Mapping[str, str]
