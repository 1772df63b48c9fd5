"""Every figure of the tables is plain NumPy's on the runs' poses."""

from __future__ import annotations

import csv
import io
import re

import comparison_case
import pytest
from comparison_case import BASELINES, COLUMNS, METRICS, ROWS

HEAD = ["MPJPE (cm)", "RMSE", "MAE", "PCKh@0.5"]


def _text(case, name):
  return (case.root / "tables" / name).read_text()


def _markdown_table(text):
  """Head and rows (label -> cells) of the first table in a text."""
  lines = [line for line in text.splitlines() if line.startswith("|")]
  head, _, *rows = (
    [cell.strip() for cell in line.strip("|").split("|")] for line in lines
  )
  # Bold goes over the deviation here.
  pattern = r"\*\*(\S+) (± \S+)\*\*"
  return head[1:], {
    label: [re.sub(pattern, r"**\1** \2", cell) for cell in cells]
    for label, *cells in rows
  }


def _wanted(case):
  return {
    row: [text for column in COLUMNS for text in case.cells(row, column)]
    for row in (*BASELINES, *ROWS)
  }


def test_figures_of_the_case_all_differ(case):
  found = [case.figures(r, c)[0] for r in (*BASELINES, *ROWS) for c in COLUMNS]
  texts = [f"{value:.3f}" for row in found for value in row]
  assert len(set(texts)) == len(texts)
  # Each row is the best at something, so bold cannot be a row's.
  bold = [[c.startswith("**") for c in case.cells(r, "single")] for r in ROWS]
  assert sorted(bold) == [
    [False, True, False, False],
    [True, False, True, True],
  ]


def test_markdown(case):
  text = _text(case, "main.md")
  main, _, tracks = text.partition("## single, each test track")
  head, rows = _markdown_table(main)
  assert head == [f"{column} {name}" for column in COLUMNS for name in HEAD]
  assert rows == _wanted(case)
  head, rows = _markdown_table(tracks)
  assert head == [
    f"{track} {name}" for track in ("haze", "tide") for name in HEAD
  ]
  assert rows == {
    row: [
      text
      for track in ("haze", "tide")
      for text in case.cells(row, "single", track)
    ]
    for row in (*BASELINES, *ROWS)
  }


def test_latex(case):
  text = _text(case, "main.tex")
  lines = [line for line in text.splitlines() if line.endswith(r" \\")]
  groups, names, *rows = (
    line.removesuffix(r" \\").split(" & ") for line in lines
  )
  assert [re.sub(r".*\{(\w+)\}", r"\1", group) for group in groups[1:]] == list(
    COLUMNS
  )
  assert names[1:] == HEAD * len(COLUMNS)
  found = {
    label: [
      re.sub(r"\\textbf\{(.*?)\}", r"**\1**", cell).replace(r"$\pm$", "±")
      for cell in cells
    ]
    for label, *cells in rows
  }
  assert found == _wanted(case)


def test_csv(case):
  lines = list(csv.DictReader(io.StringIO(_text(case, "main.csv"))))
  found = {
    (line["row"], line["column"], line["track"], line["metric"]): line
    for line in lines
    if line["kind"] == "figure"
  }
  wanted = {
    (row, column, track, metric)
    for row in (*BASELINES, *ROWS)
    for column, places in COLUMNS.items()
    for track in ("", *(track for track, _ in places))
    for metric in METRICS
  }
  assert set(found) == wanted
  for (row, column, track, metric), line in found.items():
    mean, std = case.figures(row, column, track or None)
    at = METRICS.index(metric)
    assert float(line["mean"]) == pytest.approx(mean[at], rel=1e-5)
    if std is None:
      assert line["std"] == ""
    else:
      assert float(line["std"]) == pytest.approx(std[at], rel=1e-5)
    runs = sum(track in ("", t) for t, _ in COLUMNS[column])
    assert line["seeds"] == "3"
    assert line["runs"] == line["runs_asked"] == str(3 * runs)


def test_differences_have_the_sign_and_interval_of_the_poses(case):
  lines = csv.DictReader(io.StringIO(_text(case, "main.csv")))
  differences = [line for line in lines if line["kind"] == "difference"]
  markdown = _text(case, "main.md").replace("\\", "")
  latex = _text(case, "main.tex").replace("{[}", "[").replace("{]}", "]")
  for column in COLUMNS:
    wanted = case.differences("WiPose", column)
    here = [line for line in differences if line["column"] == column]
    assert [line["metric"] for line in here] == ["mpjpe_cm", "rmse", "mae"]
    for line, numbers in zip(here, wanted):
      assert (line["row"], line["reference"]) == ("WiPose", "BGM2Pose")
      found = [float(line[key]) for key in ("mean", "low", "high")]
      assert found == pytest.approx(numbers, rel=1e-4, abs=1e-6)
    cm, rmse, mae = (
      comparison_case.signed(numbers, digits)
      for numbers, digits in zip(wanted, comparison_case.DIGITS)
    )
    said = (
      f"WiPose, {column}: difference to BGM2Pose: MPJPE (cm) {cm}, "
      f"RMSE {rmse}, MAE {mae}"
    )
    assert f"- {said}\n" in markdown
    assert f"{said}\\par\n" in latex
    # The rows differ the other way round in MAE.
    assert (rmse[0], mae[0]) == ("+", "-")
