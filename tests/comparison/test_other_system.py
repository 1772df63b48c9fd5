"""Tables and page of a system with other figures, windows and keys."""

from __future__ import annotations

import csv
import io
import json
import types

import pytest
from other_system_case import TOY, entry, tables_of, write

from bgm2pose_jax import comparison
from bgm2pose_jax.base.errors import InputError


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
  root = tmp_path_factory.mktemp("toys")
  lines = [
    entry(ablation, fold, seed)
    for ablation in ("none", "deaf")
    for fold in (0, 1)
    for seed in (0, 1)
  ]
  for line in lines:
    # Folds of 10 and 30 mm: half of the windows hit.
    error = 10 + 20 * line["fold"] + 2 * line["seed"]
    write(root, line, error if line["ablation"] == "none" else 15)
  return tables_of(root, lines)


def test_figures_have_their_own_names_digits_and_sides(texts):
  rows = [r for r in texts["grid.md"].splitlines() if r.startswith("|")]
  assert rows == [
    "| | all runs Distance (mm) | all runs Hits |",
    "| --- | ---: | ---: |",
    "| stands still | 50.0 | 0.00 |",
    "| none | 21.0 ± 1.4 | 0.50 ± 0.00 |",
    "| deaf | **15.0** | **1.00** |",
  ]


def test_words_are_the_systems(texts):
  text = texts["grid.md"]
  assert "# Settings varied: REAL ROOMS room0, room1 (toys)" in text
  assert (
    "WARNING: deaf, all runs: hears nothing, yet its Distance (mm) is 70.0 % "
    "below the stands still (limit 5 %): it was told" in text
  )
  assert "- hits: share nearer than 20 mm" in text
  assert "deaf, all runs: difference to none: Hits +0.50 \\[" in text
  assert "Published" not in text
  for word in ("track", "RMSE", "pose", "30 s"):
    assert word not in text


def test_csv_has_a_column_of_places(texts):
  lines = list(csv.DictReader(io.StringIO(texts["grid.csv"])))
  assert {line["place"] for line in lines} == {""}
  (found,) = [line for line in lines if line["kind"] == "difference"]
  assert (found["metric"], found["mean"]) == ("hits", "0.5")


def test_page_draws_what_the_system_declares(texts):
  page = texts["report.html"]
  assert "<h1>Toys compared</h1>" in page
  assert "attic, none: 0.500" in page
  assert "room1, none: 0.000" in page
  # A forest plot and the rooms; neither curve nor course.
  assert page.count("<svg") == 2


def test_runs_of_two_systems_are_refused(tmp_path):
  other = types.SimpleNamespace(**{**vars(TOY), "name": "other"})
  lines = [entry("none", 0, 0), {**entry("none", 0, 1), "model": "ball"}]
  (tmp_path / "sweep.json").write_text(json.dumps({"runs": lines}))
  with pytest.raises(InputError, match="has runs of other and toy"):
    comparison.write_comparison(
      tmp_path, lambda model: other if model == "ball" else TOY
    )
