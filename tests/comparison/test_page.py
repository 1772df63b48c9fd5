from __future__ import annotations

import csv
import html.parser
import io
import re
import xml.etree.ElementTree as ET

import comparison_case
import numpy as np
import pytest
import sweep_fixture as fixture
from comparison_case import BASELINES, COLUMNS, ROWS

from bgm2pose_jax import comparison
from bgm2pose_jax.comparison import figures
from bgm2pose_jax.report import document
from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.bgm2pose.figures import DEFINITIONS

EVIL = "=x|*&<img src=x>_%$#[1]{\\}\n\"'<!--css-->"
HEAD = ["MPJPE (cm)", "RMSE", "MAE", "PCKh@0.5"]
FORMS = ("main.md", "main.tex", "main.csv", "report.html")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
  """A sweep of two rows over two subjects, one named by a stranger."""
  root = tmp_path_factory.mktemp("sweep")
  lines = [
    fixture.entry(f"{number}-{fold}", row=row, fold=fold, model=model)
    for number, (row, model) in enumerate(
      (("BGM2Pose", "bgm2pose"), (EVIL, "wipose"))
    )
    for fold in (0, 1)
  ]
  lines.append(fixture.entry("lost", row=EVIL, model="wipose", seed=1))
  fixture.write_sweep(root, lines)
  for line in lines[:-1]:
    fixture.write_run(root, line, 0.4 if line["row"] == EVIL else 0.3)
  fixture.write_failure(root, "job", ["lost"], EVIL)
  written = comparison.write_comparison(root, registry.of_model)
  assert sorted(p.name for p in written) == sorted(FORMS)
  return root / "tables"


class Reader(html.parser.HTMLParser):
  """Checks that elements nest; keeps their names and attributes."""

  def __init__(self):
    super().__init__()
    self.open, self.seen = [], []

  def handle_starttag(self, tag, attrs):
    self.seen += [(tag, *pair) for pair in attrs] or [(tag, "", "")]
    if tag not in ("meta", "link"):
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.seen += [(tag, *pair) for pair in attrs]

  def handle_endtag(self, tag):
    assert self.open.pop() == tag


def test_page_is_one_file_that_loads_nothing_and_escapes_names(tables):
  text = (tables / "report.html").read_text()
  reader = Reader()
  reader.feed(text)
  assert reader.open == []
  assert {"img", "script", "iframe"}.isdisjoint(t for t, _, _ in reader.seen)
  for _, name, value in reader.seen:
    assert not name.startswith("on")
    assert name not in ("src", "href") or value == "data:,"
  assert not re.search(r"https?://", text)
  assert text.count("<style>") == 1
  policy = re.search(r'http-equiv="Content-Security-Policy".*', text)
  # Nothing may run: the policy has no line for scripts.
  ours = document.asset("document.html").replace("<!--policy-->", "")
  assert policy.group() in ours


def test_page_has_every_figure(tables):
  text = (tables / "report.html").read_text()
  drawings = re.findall(r"<svg.*?</svg>", text, re.S)
  for drawing in drawings:
    ET.fromstring(drawing)
  # Three forest plots, joints, subjects, frames, a recording for each fold.
  assert len(drawings) == 8
  assert text.count('class="mark"') == 21
  assert "SIMULATED DATA" in re.search(r"<h2>Models.*?</h2>", text).group()
  assert 'class="scroll"' in text


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_what_failed_and_what_figures_mean(tables, name):
  text = (tables / name).read_text()
  assert "lost failed: exit code 1" in text.replace("<b>", "").replace(
    "</b>", ""
  )
  assert DEFINITIONS["mae"] in text
  assert "SIMULATED DATA" in text
  assert "[+0.100, +0.100]" in re.sub(r"[\\{}]", "", text) or name.endswith(
    "csv"
  )


def test_csv_holds_no_formula_and_reads_back(tables):
  lines = list(csv.DictReader(io.StringIO((tables / "main.csv").read_text())))
  evil = [line for line in lines if line["kind"] == "difference"]
  assert [line["metric"] for line in evil] == ["mpjpe_cm", "rmse", "mae"]
  assert evil[0]["row"] == "'" + " ".join(EVIL.split())
  assert float(evil[1]["mean"]) == pytest.approx(0.1, rel=1e-4)
  for line in lines:
    assert all(
      value[:1] not in ("=", "@", "+") for value in line.values() if value
    )


def test_latex_prints_names_as_they_are(tables):
  text = (tables / "main.tex").read_text()
  assert (
    r"=x\textbar{}*\&\textless{}img src=x\textgreater{}\_\%\$\#{[}1{]}\{"
    r"\textbackslash{}\}" in text
  )
  assert r"\textbf{0.300}" in text
  body = re.sub(r"\\[%$#&_{}\\]", "", text)
  assert "%" not in body
  assert "#" not in body
  assert body.count("{") == body.count("}")


def test_markdown_rows_have_equal_cells(tables):
  text = (tables / "main.md").read_text()
  rows = [line for line in text.splitlines() if line.startswith("|")]
  assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
  assert "<img" not in text


def test_same_input_gives_the_same_bytes(tables):
  before = {name: (tables / name).read_bytes() for name in FORMS}
  comparison.write_comparison(tables.parent, registry.of_model)
  assert {name: (tables / name).read_bytes() for name in FORMS} == before


def test_smoothing_keeps_a_constant_up_to_the_ends():
  got = figures.smoothed(np.full(120, 2.0), 50)
  np.testing.assert_allclose(got, 2.0)
  assert len(figures.smoothed(np.ones(7), 50)) == 7


@pytest.fixture(scope="module")
def cells(case):
  """Rows of each table, a row a list of cells; ** where the page is bold."""
  text = (case.root / "tables" / "report.html").read_text()
  return [
    [
      [
        re.sub(r"<.*?>", "", re.sub(r"</?b>", "**", cell))
        for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)
      ]
      for row in re.findall(r"<tr.*?>(.*?)</tr>", table)
    ]
    for table in re.findall(r"<table>(.*?)</table>", text)
  ]


def test_runs_are_counted(cells):
  assert cells[0] == [
    ["", "finished", "failed", "cannot be used", "not there"],
    ["main", "24", "0", "0", "0"],
  ]


def test_main_table_is_of_the_poses(case, cells):
  groups, names, *rows = cells[1]
  assert groups == ["", *COLUMNS]
  assert names == ["", *HEAD, *HEAD]
  assert rows == [
    [row, *(text for column in COLUMNS for text in case.cells(row, column))]
    for row in (*BASELINES, *ROWS)
  ]


def test_table_of_each_track_is_of_the_poses(case, cells):
  groups, names, *rows = cells[2]
  assert groups == ["", "haze", "tide"]
  assert names == ["", *HEAD, *HEAD]
  assert rows == [
    [
      row,
      *(t for name in groups[1:] for t in case.cells(row, "single", name)),
    ]
    for row in (*BASELINES, *ROWS)
  ]


def test_differences_are_of_the_poses(case, cells):
  head, *rows = cells[3]
  assert head == ["", "MPJPE (cm)", "RMSE", "MAE"]
  assert rows == [
    [
      f"WiPose, {column}",
      *map(
        comparison_case.signed,
        case.differences("WiPose", column),
        comparison_case.DIGITS,
      ),
    ]
    for column in COLUMNS
  ]
