"""The figures below each table of the comparison page."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bgm2pose_jax.comparison.cells import Cell, per_seed
from bgm2pose_jax.comparison.entries import Entry
from bgm2pose_jax.comparison.finished_run import MODEL, Run, reference_of
from bgm2pose_jax.comparison.pairing import Difference
from bgm2pose_jax.comparison.seed_tables import Row, Table
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.contract.comparison import Course
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.report import axes, charts, row_charts

_MAX_POINTS = 120

# (name, colour class, the row's cell in one column)
_Members = list[tuple[str, str, Cell]]
# (column, its members) -> HTML
_Draw = Callable[[str, _Members], str]


def figures_html(
  sweep: Sweep, table: Table, found: Sequence[Difference]
) -> str:
  """Every figure of a table.

  Args:
    sweep: the runs.
    table: the runs' table.
    found: the differences from `pairing.differences`.

  Returns:
    HTML, empty when no seed of any row is whole.
  """
  rows = [row for row in table.rows if row.who == MODEL]
  # The reference has the first colour, which is its row's in the table.
  rows.sort(key=lambda row: row.label != table.reference)
  comparison = sweep.system.comparison
  compared = ", ".join(figure.title for figure in table.compared)
  drawings = [
    (f"Paired differences of {compared}", _forests(table, found), True)
  ]
  drawings += [
    (chart.title, _named(sweep, number), True)
    for number, chart in enumerate(comparison.by_name)
  ]
  if comparison.curve:
    drawings.append((comparison.curve.title, _curves(sweep), True))
  if comparison.course:
    drawings.append(
      (comparison.course.title, _courses(sweep, comparison.course), False)
    )
  parts = []
  for title, draw, is_open in drawings:
    drawn = "".join(
      draw(column, _members(rows, column)) for column in table.columns
    )
    if drawn:
      parts.append(
        f"<details{' open' if is_open else ''}><summary>{html.escape(title)}"
        f'</summary><div class="charts">{drawn}</div></details>'
      )
  if not parts:
    return ""
  legend = axes.legend([row.label for row in rows])
  return f"<h3>Figures</h3>{legend}{''.join(parts)}"


def _members(rows: Sequence[Row], column: str) -> _Members:
  return [
    (row.label, axes.colour(number), row.cells[column])
    for number, row in enumerate(rows)
    if column in row.cells and row.cells[column].used
  ]


def _mean(
  entries: Sequence[Entry], value: Callable[[Entry], np.ndarray]
) -> np.ndarray:
  """Mean over seeds of the mean over places of the mean over folds."""
  return np.mean(list(per_seed(entries, value).values()), axis=0)


def _forests(table: Table, found: Sequence[Difference]) -> _Draw:
  def draw(column: str, members: _Members) -> str:
    colours = {name: kind for name, kind, _ in members}
    return "".join(
      row_charts.forest_plot(
        f"{column}, {figure.title}",
        [
          (d.row, colours[d.row], *d.figures[figure.key])
          for d in found
          if d.column == column and d.figures
        ],
      )
      for figure in table.compared
    )

  return draw


def _named(sweep: Sweep, number: int) -> _Draw:
  chart = sweep.system.comparison.by_name[number]
  reference = reference_of(sweep.system)

  def values(cell: Cell, who: str) -> dict[str, float]:
    """The mean of each name over the runs that have it."""
    rows = {e.name: sweep.runs[e.name].by_name[number][who] for e in cell.used}

    def mean(name: str) -> float:
      have = [e for e in cell.used if name in rows[e.name]]
      return float(_mean(have, lambda e: np.asarray(rows[e.name][name])))

    names = dict.fromkeys(name for row in rows.values() for name in row)
    return {name: mean(name) for name in names}

  def draw(column: str, members: _Members) -> str:
    found = {name: values(cell, MODEL) for name, _, cell in members}
    names = {name for row in found.values() for name in row}
    order = chart.names or sorted(names, key=natural_key)
    if not names or len(order) < 2:  # one would say what the table says
      return ""
    marks = values(members[0][2], reference) if chart.is_marked else {}
    return row_charts.dot_plot(
      column,
      order,
      [
        (row, kind, [found[row].get(name) for name in order])
        for row, kind, _ in members
      ],
      [marks.get(name) for name in order],
      sweep.system.figures.baselines[reference],
    )

  return draw


def _curves(sweep: Sweep) -> _Draw:
  chart = sweep.system.comparison.curve

  def draw(column: str, members: _Members) -> str:
    if not members or chart is None:
      return ""
    lines = []
    for name, _, cell in members:
      curve = _mean(cell.used, lambda e: np.asarray(sweep.runs[e.name].curve))
      lines.append((name, [(float(x), float(y)) for x, y in enumerate(curve)]))
    return charts.line_chart(
      column.replace("_", " "),
      lines,
      x_name=chart.x_name,
      classes=[kind for _, kind, _ in members],
    )

  return draw


def _courses(sweep: Sweep, chart: Course) -> _Draw:
  def draw(column: str, members: _Members) -> str:
    lines: dict[str, list[tuple[str, str, charts.Series]]] = {}
    for name, kind, cell in members:
      runs = [sweep.runs[entry.name] for entry in cell.used]
      for recording, points in _over_time(sweep, chart, runs).items():
        lines.setdefault(recording, []).append((name, kind, points))
    return "".join(
      charts.line_chart(
        f"{column}: {recording}".replace("_", " "),
        [(name, points) for name, _, points in lines[recording]],
        x_name="second",
        classes=[kind for _, kind, _ in lines[recording]],
      )
      for recording in sorted(lines, key=natural_key)
    )

  return draw


def _over_time(
  sweep: Sweep, chart: Course, runs: Sequence[Run]
) -> Mapping[str, charts.Series]:
  """Recording -> (second, figure), smoothed, mean over its runs."""
  metrics = sweep.system.figures.metrics
  at = [figure.key for figure in metrics.figures].index(chart.figure)
  found: dict[str, dict[int, list[float]]] = {}
  for run in runs:
    values = metrics.headline(run.sums)[:, at]
    for recording, index, value in zip(
      run.recording.tolist(), run.window_index.tolist(), values.tolist()
    ):
      found.setdefault(recording, {}).setdefault(index, []).append(value)
  out = {}
  for recording, windows in found.items():
    index = sorted(windows)
    values = np.asarray([np.mean(windows[i]) for i in index])
    values = smoothed(values, chart.smooth)
    step = -(-len(index) // _MAX_POINTS)
    out[recording] = [
      (chart.window_s * i, float(v))
      for i, v in zip(index[::step], values[::step])
    ]
  return out


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
  """Mean over `width` neighbours, fewer at the ends.

  Args:
    values: [n].
    width: number of neighbours.
  """
  kernel = np.ones(min(width, len(values)))
  count = np.convolve(np.ones(len(values)), kernel, "same")
  return np.convolve(values, kernel, "same") / count
