"""The figures below each table of the comparison page."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bgm2pose_jax.comparison import row_charts
from bgm2pose_jax.comparison.finished_run import MODEL, Run
from bgm2pose_jax.comparison.pairing import Difference
from bgm2pose_jax.comparison.seed_tables import Cell, Row, Table, per_seed
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.report import charts

_WINDOW_S = 0.6
_SMOOTH_WINDOWS = 50  # 30 s, as the blocks of the intervals
_MAX_POINTS = 120

# (name, colour class, the row's cell in one column)
_Members = list[tuple[str, str, Cell]]


def figures_html(
  sweep: Sweep, table: Table, found: Sequence[Difference]
) -> str:
  """Every figure of a table.

  Args:
    sweep: the runs.
    table: of these runs.
    found: from `pairing.differences`.

  Returns:
    HTML, empty when no seed of any row is whole.
  """
  rows = [row for row in table.rows if row.who == MODEL]
  # The reference has the first colour, which is its row's in the table.
  rows.sort(key=lambda row: row.label != table.reference)
  parts = []
  for title, draw, is_open in (
    ("Paired differences of RMSE and MAE", _forests(found), True),
    ("Error of each joint (MAE; upright mark: mean pose)", _joints, True),
    ("Error of each subject (RMSE)", _subjects, True),
    ("Error over the 12 frames of a window (RMSE)", _frames, True),
    ("Error over each recording (MAE, mean of 30 s)", _recordings, False),
  ):
    drawn = "".join(
      draw(sweep, column, _members(rows, column)) for column in table.columns
    )
    if drawn:
      parts.append(
        f"<details{' open' if is_open else ''}><summary>{html.escape(title)}"
        f'</summary><div class="charts">{drawn}</div></details>'
      )
  if not parts:
    return ""
  names = row_charts.legend([row.label for row in rows])
  return f"<h3>Figures</h3>{names}{''.join(parts)}"


def _members(rows: Sequence[Row], column: str) -> _Members:
  return [
    (row.label, row_charts.colour(number), row.cells[column])
    for number, row in enumerate(rows)
    if column in row.cells and row.cells[column].used
  ]


def _forests(
  found: Sequence[Difference],
) -> Callable[[Sweep, str, _Members], str]:
  def draw(sweep: Sweep, column: str, members: _Members) -> str:
    del sweep
    colours = {name: kind for name, kind, _ in members}
    here = [d for d in found if d.column == column]
    rmse = [
      (d.row, colours[d.row], d.rmse, d.rmse_interval)
      for d in here
      if d.rmse is not None
    ]
    mae = [
      (d.row, colours[d.row], d.mae, d.mae_interval)
      for d in here
      if d.mae is not None
    ]
    return row_charts.forest_plot(
      f"{column}, RMSE", rmse
    ) + row_charts.forest_plot(f"{column}, MAE", mae)

  return draw


def _mean(sweep: Sweep, cell: Cell, value: Callable[[Run], np.ndarray]):
  """Mean over seeds of the mean over tracks of the mean over folds."""
  seeds = per_seed(cell.used, lambda e: value(sweep.runs[e.name]))
  return np.mean(list(seeds.values()), axis=0)


def _joints(sweep: Sweep, column: str, members: _Members) -> str:
  if not members:
    return ""
  order = [j for joints in BODY21.parts.values() for j in joints]
  series = [
    (name, kind, _mean(sweep, cell, lambda r: r.per_joint[MODEL])[order])
    for name, kind, cell in members
  ]
  still = _mean(sweep, members[0][2], lambda r: r.per_joint["mean_pose"])
  return row_charts.dot_plot(
    column,
    [BODY21.joints[j] for j in order],
    [(name, kind, values.tolist()) for name, kind, values in series],
    still[order].tolist(),
  )


def _subjects(sweep: Sweep, column: str, members: _Members) -> str:
  found: list[dict[str, list[float]]] = []
  for _, _, cell in members:
    values: dict[str, list[float]] = {}
    for entry in cell.used:
      for subject, rmse in sweep.runs[entry.name].per_subject.items():
        values.setdefault(subject, []).append(rmse)
    found.append(values)
  names = sorted({name for values in found for name in values}, key=natural_key)
  if len(names) < 2:  # one would say what the table says
    return ""
  series = [
    (
      name,
      kind,
      [float(np.mean(values[s])) if s in values else None for s in names],
    )
    for (name, kind, _), values in zip(members, found)
  ]
  return row_charts.dot_plot(column, names, series, [None] * len(names))


def _frames(sweep: Sweep, column: str, members: _Members) -> str:
  if not members:
    return ""
  lines = [
    (name, list(enumerate(_mean(sweep, cell, lambda r: r.frames).tolist())))
    for name, _, cell in members
  ]
  return charts.line_chart(
    column,
    [(name, [(float(x), y) for x, y in points]) for name, points in lines],
    x_name="frame",
    classes=[kind for _, kind, _ in members],
  )


def _recordings(sweep: Sweep, column: str, members: _Members) -> str:
  lines: dict[str, list[tuple[str, str, charts.Series]]] = {}
  for name, kind, cell in members:
    for recording, points in _over_time(sweep, cell).items():
      lines.setdefault(recording, []).append((name, kind, points))
  return "".join(
    charts.line_chart(
      f"{column}: {recording}",
      [(name, points) for name, _, points in lines[recording]],
      x_name="second",
      classes=[kind for _, kind, _ in lines[recording]],
    )
    for recording in sorted(lines, key=natural_key)
  )


def _over_time(sweep: Sweep, cell: Cell) -> Mapping[str, charts.Series]:
  """Recording -> (second, MAE), smoothed, mean over the runs that have it."""
  sums: dict[str, dict[int, list[float]]] = {}
  for entry in cell.used:
    run = sweep.runs[entry.name]
    mae = run.sums[:, 1] / run.sums[:, 3]
    for recording, index, value in zip(
      run.recording.tolist(), run.window_index.tolist(), mae.tolist()
    ):
      sums.setdefault(recording, {}).setdefault(index, []).append(value)
  out = {}
  for recording, windows in sums.items():
    index = sorted(windows)
    values = np.asarray([np.mean(windows[i]) for i in index])
    values = row_charts.smoothed(values, _SMOOTH_WINDOWS)
    step = -(-len(index) // _MAX_POINTS)
    out[recording] = [
      (_WINDOW_S * i, float(v)) for i, v in zip(index[::step], values[::step])
    ]
  return out
