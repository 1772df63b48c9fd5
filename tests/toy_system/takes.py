"""Its windows: the seed makes them, a builder keeps them, a table has them."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from bgm2pose_jax.data import source
from bgm2pose_jax.data.table import Columns, WindowTable
from bgm2pose_jax.data.window_builder import WindowBuilder

NAMES = {
  "take": ("take1", "take2", "take3"),
  "player": ("ann", "bo", "cy"),
  "environment": ("hall", "lab"),
}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Takes(WindowTable):
  columns: ClassVar[Columns] = Columns(
    arrays=("echo", "place"),
    numbers=("kept", "measured"),
    names={name: f"{name}s" for name in NAMES},
    sequence="echo",
    target="place",
    usable=("kept", "measured"),
    section="environment",
  )

  echo: np.ndarray
  place: np.ndarray
  take: np.ndarray
  player: np.ndarray
  environment: np.ndarray
  kept: np.ndarray
  measured: np.ndarray
  takes: tuple[str, ...]
  players: tuple[str, ...]
  environments: tuple[str, ...]

  @classmethod
  def shapes(cls, fields):
    return {"echo": (fields["spec"]["frames"],), "place": (2,)}


class Builder(WindowBuilder):
  VERSION = tfds.core.Version("1.0.0")


@dataclasses.dataclass
class Source(source.Source):
  length: int = 60
  dataset: ClassVar[str] = "takes/made"
  simulated: ClassVar[bool] = True
  window_bytes: ClassVar[int] = 100

  def sections(self):
    return (*NAMES["environment"], "empty")

  def usable_sections(self):
    return NAMES["environment"]

  def content(self):
    return {"length": self.length}

  def count_windows(self, sections):
    return dict.fromkeys(sections, len(NAMES["player"]) * self.length)

  def manifest_fields(self, section):
    return {"environment": section, "spec": {"frames": 5}}

  def builder(self, section, folder, stage, *, on_windows, parts, **_):
    def examples():
      for player in NAMES["player"]:
        make = functools.partial(self.windows, player, section, on_windows)
        yield from parts.examples(f"{player}-{section}", make, on_windows)

    return Builder(
      data_dir=str(stage),
      table=Takes,
      fields=self.manifest_fields(section),
      examples=lambda: enumerate(examples()),
    )

  def windows(self, player, environment, on_windows=lambda count: None):
    name = f"{player}-{environment}"
    rng = np.random.default_rng(list(name.encode()))
    for at in range(self.length):
      on_windows(1)
      place = rng.uniform(-1, 1, 2).astype(np.float32)
      yield {
        "echo": np.cos(np.arange(5, dtype=np.float32) + place.sum()) + place[0],
        "place": place,
        "take": NAMES["take"][3 * at // self.length],
        "player": player,
        "environment": environment,
        "recording": name,
        "window_index": at,
        "kept": at > 0,
        "measured": True,
      }
