"""A table of one figure in several groups of windows, by hand."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import types

import other_system_case as case
import pytest

from bgm2pose_jax.contract.comparison import GroupTable, Literature

# Share of hits by fold and seed.
HALL = {(0, 0): 0.5, (1, 0): 0.3, (0, 1): 0.7, (1, 1): 0.5}
ATTIC = {"none": 0.25, "deaf": 0.5, "still": 0.75}
PUBLISHED = {
  ("toy", "none"): (None, (0.456, 0.012), (0.5, None)),
  ("still", "none"): (None, None, (0.8, None)),
}

ROOMS = types.SimpleNamespace(
  **{
    **vars(case.TOY),
    "figures": dataclasses.replace(
      case.TOY.figures, baselines={"still": "stands still", "mean": "mean"}
    ),
    "comparison": dataclasses.replace(
      case.TOY.comparison,
      titles={"rooms": "Rooms compared"},
      by_group={
        "rooms": GroupTable(
          block="per_room",
          figure="hits",
          names={"cellar": "Cellar", "hall": "Hall", "attic": "Attic"},
        )
      },
      by_name=(
        dataclasses.replace(
          case.TOY.comparison.by_name[0], names=("cellar", "hall", "attic")
        ),
      ),
      literature=Literature(
        source="Others",
        data="REAL ROOMS room0, room1",
        figures=lambda table, keys, column, model, ablation: (
          PUBLISHED.get((model, ablation)) if table == "rooms" else None
        ),
      ),
    ),
  }
)


def _group(hits, still):
  return {"hits": hits, "still": {"hits": still}, "windows": 7}


def _rooms(line):
  """Both folds have a hall and an attic, one has a cellar."""
  is_whole = line["ablation"] == "none"
  hall = HALL[line["fold"], line["seed"]] if is_whole else 0.125
  rooms = {
    "attic": _group(ATTIC[line["ablation"]], ATTIC["still"]),
    "hall": _group(hall, 0.2),
    "shed": _group(1.0, 1.0),
  }
  return rooms | ({"cellar": _group(1.0, 0.5)} if line["fold"] else {})


def _write(root, change=lambda line, rooms: rooms):
  lines = [
    case.entry(ablation, fold, seed, table)
    for table in ("rooms", "grid")
    for ablation in ("none", "deaf")
    for fold in (0, 1)
    for seed in (0, 1)
  ]
  for line in lines[: len(lines) // 2]:
    rooms = change(line, _rooms(line))
    error = 10 if line["ablation"] == "none" else 15
    mean = {"distance_mm": 40.0, "hits": 0.0}
    case.write(root, line, error, per_room=rooms, mean=mean)
  return case.tables_of(root, lines, ROOMS)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
  return _write(tmp_path_factory.mktemp("rooms"))


def test_columns_are_the_groups(texts):
  text = texts["rooms.md"]
  assert [r for r in text.splitlines() if r.startswith("|")] == [
    "| | all runs Cellar | all runs Hall | all runs Attic | published: all "
    "runs Cellar | published: all runs Hall | published: all runs Attic |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    "| stands still | - | 0.20 | **0.75** |  |  | 0.80 |",
    # Seeds: (.5 + .3) / 2 and (.7 + .5) / 2.
    "| none | - | **0.50 ± 0.14** | 0.25 ± 0.00 |  | 0.46 ± 0.01 | 0.50 |",
    "| deaf | - | 0.12 | 0.50 |  |  |  |",
  ]
  assert "# Rooms compared, Hits: REAL ROOMS room0, room1 (toys)" in text
  assert (
    "- Cellar, Hall, Attic: Hits over the test windows of that group "
    "(per\\_room in results.json); - where a run has no such window.\n" in text
  )
  assert "The first rows (stands still) have" in text


def test_other_tables_of_the_same_runs_keep_the_headline_figures(texts):
  assert "| | all runs Distance (mm) | all runs Hits |" in texts["grid.md"]
  assert "| mean | 40.0 | 0.00 |" in texts["grid.md"]
  assert "## Difference to none" in texts["grid.md"]


def test_csv_has_a_line_for_each_group(texts):
  lines = list(csv.DictReader(io.StringIO(texts["rooms.csv"])))
  found = {
    (line["kind"], line["row"], line["metric"]): (line["mean"], line["std"])
    for line in lines
    if line["kind"] in ("figure", "published", "difference")
  }
  keys = [f"per_room.{room}.hits" for room in ("cellar", "hall", "attic")]
  wanted = {
    "stands still": [("", ""), ("0.2", ""), ("0.75", "")],
    "none": [("", ""), ("0.5", "0.141421"), ("0.25", "0")],
    "deaf": [("", ""), ("0.125", ""), ("0.5", "")],
  }
  assert found == {
    **{
      ("figure", row, key): value
      for row, values in wanted.items()
      for key, value in zip(keys, values)
    },
    ("published", "none", keys[1]): ("0.456", "0.012"),
    ("published", "none", keys[2]): ("0.5", ""),
    ("published", "stands still", keys[2]): ("0.8", ""),
  }


def test_there_is_nothing_of_differences(texts):
  page = texts["report.html"]
  ours = page[page.index("Rooms compared, Hits") :]
  ours = ours[: ours.index("Settings varied")]
  for text in (texts["rooms.md"], texts["rooms.tex"], ours):
    assert "ifference" not in text
  # One of the two tables has a forest plot; each has the rooms.
  assert page.count("Paired differences") == 1
  assert page.count("Error of each room") == 2
  # Charts have the mean of the runs that have the group.
  assert page.count("cellar, none: 1.000") == 2


def test_latex_and_page_have_the_same_cells(texts):
  wanted = [
    "none",
    "-",
    "0.50 ± 0.14",
    "0.25 ± 0.00",
    "",
    "0.46 ± 0.01",
    "0.50",
  ]
  (row,) = [r for r in texts["rooms.tex"].splitlines() if r[:6] == "none &"]
  row = re.sub(r"\\textbf\{(.*?)\}", r"\1", row.removesuffix(r" \\"))
  cells = [cell.strip() for cell in row.split("&")]
  assert [cell.replace(r"$\pm$", "±") for cell in cells] == wanted
  assert r"\multicolumn{3}{c}{all runs}" in texts["rooms.tex"]
  rows = re.findall(r'<tr class="reference">(.*?)</tr>', texts["report.html"])
  cells = re.findall(r"<t[hd].*?>(.*?)</t[hd]>", rows[0])
  assert [re.sub(r"<.*?>", "", cell) for cell in cells] == wanted


def test_a_control_is_checked_where_it_has_the_first_figure(texts):
  assert "Check of deaf" not in texts["rooms.md"]
  assert "Check of deaf" in texts["grid.md"]


@pytest.mark.parametrize(
  "group", [{"hits": None, "still": {"hits": 0.5}}, {"hits": 0.5}, []]
)
def test_a_group_that_is_not_right_is_told(tmp_path, group):
  def change(line, rooms):
    is_first = line["name"] == "none-0-0"
    return rooms | ({"hall": group} if is_first else {})

  text = _write(tmp_path, change)["rooms.md"]
  assert re.search(r"none-0-0 cannot be used: .* is no whole run's", text)
  assert "(3/4 runs)" in text
