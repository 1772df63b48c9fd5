"""What tables of many runs need to know of a system."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.evaluation.metrics import Figure

# A published mean of each of a table's figures, with its deviation over seeds;
# None in the place of a figure that was not published.
Published = Sequence[tuple[float, float | None] | None]


def _nothing(keys: Mapping[str, str]) -> dict[str, Any]:
  del keys
  return {}


def _data_name(dataset: str, sections: Sequence[str]) -> str:
  del sections
  return dataset


@dataclasses.dataclass(frozen=True, kw_only=True)
class Literature:
  """Figures that others published, to stand beside our own.

  Attributes:
    source: where they were published, and what their deviations are of.
    data: the label, from `Comparison.data_label`, of the data they are of.
    figures: (table, an entry's `keys`, column, model or baseline, ablation) ->
      figures of that cell; None where nothing was published.
  """

  source: str
  data: str
  figures: Callable[[str, Mapping[str, str], str, str, str], Published | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupTable:
  """A table of one headline figure in several groups of windows.

  Attributes:
    block: entry of results.json, a key of `Figures.groups`.
    figure: key of the headline figure, whose digits and best side hold.
    names: {name of a group in the block: title of its column}, in order.
  """

  block: str
  figure: str
  names: Mapping[str, str]

  def of(self, headline: Sequence[Figure]) -> Figure:
    """The headline figure that the table is of."""
    return next(figure for figure in headline if figure.key == self.figure)

  def figures(self, headline: Sequence[Figure]) -> tuple[Figure, ...]:
    """A figure for each group, its key the path in results.json."""
    of = self.of(headline)
    return tuple(
      dataclasses.replace(of, key=f"{self.block}.{name}.{of.key}", title=title)
      for name, title in self.names.items()
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Control:
  """Rows that lack an input and so must not beat the reference baseline.

  Attributes:
    ablation: the ablation of these rows.
    limit_pct: a reduction of the first headline figure beyond this is warned
      about.
    lacking: what such a row does, such as `hears nothing`.
    meaning: what the warning means.
  """

  ablation: str
  limit_pct: float
  lacking: str
  meaning: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByName:
  """A chart of a figure for each name: a dot for each row of the table.

  Attributes:
    title: the chart's title.
    block: entry of results.json, {name: {figure: value}}.
    figure: which of them.
    names: the names in the order drawn; empty draws all in natural order.
    is_marked: the reference baseline has the block too and is drawn as a mark.
  """

  title: str
  block: str
  figure: str
  names: tuple[str, ...] = ()
  is_marked: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
  """A chart of a figure along an axis of the window.

  Attributes:
    title: the chart's title.
    x_name: the axis's label.
    values: (predicted, target), both [n, ...] -> [k].
  """

  title: str
  x_name: str
  values: Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
  """A chart of a headline figure over each recording.

  Attributes:
    title: the chart's title.
    figure: key of the headline figure.
    window_s: seconds from one window to the next.
    smooth: windows that a point is the mean of.
  """

  title: str
  figure: str
  window_s: float
  smooth: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
  """Tables of many runs.

  Attributes:
    heading: the page's heading.
    titles: {name of a table: its title}, in the order of the page; a sweep
      of a grid alone needs none.
    whole: (model, ablation) of the row that others are compared with.
    window: shape of one window's prediction.
    sections: entries of results.json that name the sections a run read.
    by_group: {name of a table: what it has in place of the headline figures}.
    expected: an entry's `keys` -> what results.json must say of the run.
    data_label: (data set, sections) of recordings -> their kind, for readers.
    literature: published figures.
    controls: rows that must not beat the reference baseline.
    by_name, curve, course: charts below each table.
  """

  heading: str
  titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
  whole: tuple[str, str]
  window: tuple[int, ...]
  sections: tuple[str, ...] = ()
  by_group: Mapping[str, GroupTable] = dataclasses.field(default_factory=dict)
  expected: Callable[[Mapping[str, str]], Mapping[str, Any]] = _nothing
  data_label: Callable[[str, Sequence[str]], str] = _data_name
  literature: Literature | None = None
  controls: tuple[Control, ...] = ()
  by_name: tuple[ByName, ...] = ()
  curve: Curve | None = None
  course: Course | None = None
