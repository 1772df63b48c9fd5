"""The windows of a system that nobody has written, for the shared rooms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bgm2pose_jax.data.table import Columns, WindowTable


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Takes(WindowTable):
  """Windows of a system that nobody has written."""

  columns: ClassVar[Columns] = Columns(
    arrays=("echo", "place"),
    numbers=("kept", "measured"),
    names={
      "player": "players",
      "environment": "environments",
      "clip": "clips",
    },
    sequence="echo",
    target="place",
    usable=("kept", "measured"),
    section="environment",
  )

  echo: np.ndarray
  place: np.ndarray
  player: np.ndarray
  environment: np.ndarray
  clip: np.ndarray
  kept: np.ndarray
  measured: np.ndarray
  players: tuple[str, ...]
  environments: tuple[str, ...]
  clips: tuple[str, ...]

  @classmethod
  def shapes(cls, fields: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {"echo": (fields["spec"]["frames"], 3), "place": (3,)}
