"""What a system says of its checkpoints before they are used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any


def _as_it_is(values: Any) -> Any:
  return values


def _unknown(config: Any, described: Mapping[str, Any]) -> None:
  del config, described


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
  """How a checkpoint of a system is read for prediction.

  Attributes:
    facts: content of model.json, or of an export's config.json without what
      every export says -> what `make_task` and the model's users look up.
      Refuses, by its name, an entry that is missing or of another kind.
    old_facts: (configuration, content of config.json) -> the same for a run
      from before there was a model.json; None where there are no such runs.
    statistics: those in a checkpoint, a tree of dicts -> those of them that
      predict. Refuses what is no such tree.
  """

  facts: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_it_is
  old_facts: Callable[[Any, Mapping[str, Any]], Mapping[str, Any] | None] = (
    _unknown
  )
  statistics: Callable[[Any], Any] = _as_it_is
