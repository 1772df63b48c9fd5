"""Tables and page of a system with other figures, windows and keys."""

from __future__ import annotations

import csv
import io
import json
import types

import numpy as np
import pytest

from bgm2pose_jax import comparison
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.comparison import ByName, Comparison, Control
from bgm2pose_jax.contract.sweep import Sweep
from bgm2pose_jax.evaluation.bootstrap import Blocks
from bgm2pose_jax.evaluation.figures import Figures
from bgm2pose_jax.evaluation.metrics import Figure

WINDOWS = 120


class _Metrics:
  """Mean distance in millimetres, and the share of hits."""

  figures = (
    Figure("distance_mm", "Distance (mm)", digits=1),
    Figure("hits", "Hits", lowest=False, digits=2),
  )

  def sums(self, predicted, target):
    return {"error": np.abs(predicted - target).astype(np.float64)}

  def overall(self, sums):
    error = sums["error"]
    hits, count = (error < 20).sum(axis=1), np.full(len(error), error.shape[1])
    return np.stack([error.sum(axis=1), hits, count], axis=1)

  def headline(self, totals):
    return totals[..., :2] / totals[..., 2:]


def _figures(predicted, target):
  error = np.abs(predicted.astype(np.float64) - target)
  return {"distance_mm": error.mean(), "hits": (error < 20).mean()}


TOY = types.SimpleNamespace(
  name="toy",
  figures=Figures(
    metrics=_Metrics(),
    baselines={"still": "stands still"},
    improved=("hits",),
    groups={"per_room": "room"},
    blocks=Blocks(stretch="5 s"),
    definitions={"hits": "share nearer than 20 mm"},
  ),
  comparison=Comparison(
    heading="Toys compared",
    titles={},
    whole=("toy", "none"),
    window=(4,),
    sections=("rooms",),
    expected=lambda keys: {},
    data_label=lambda dataset, rooms: f"REAL ROOMS {', '.join(rooms)}",
    controls=(
      Control(
        ablation="deaf",
        limit_pct=5.0,
        lacking="hears nothing",
        meaning="it was told",
      ),
    ),
    by_name=(
      ByName(title="Error of each room", block="per_room", figure="hits"),
    ),
  ),
  sweep=Sweep(axes={"model": ("toy",)}),
)


def find(model):
  if model != "toy":
    raise InputError(f"--model={model}", "unknown model", "choose one of toy")
  return TOY


def _entry(ablation, fold, seed):
  return {
    "name": f"{ablation}-{fold}-{seed}",
    "table": "grid",
    "row": ablation,
    "column": "all runs",
    "fold": fold,
    "seed": seed,
    "model": "toy",
    "ablation": ablation,
  }


def _write(root, entry, error):
  rng = np.random.default_rng(entry["fold"])
  target = rng.normal(0, 100, (WINDOWS, 4)).astype(np.float32)
  pred = target + np.float32(error)
  room = f"room{entry['fold']}"
  found = {
    **{key: entry[key] for key in ("fold", "seed", "model", "ablation")},
    **_figures(pred, target),
    "still": _figures(target + 50, target),
    "per_room": {room: _figures(pred, target), "attic": {"hits": 0.5}},
    "dataset": "toys",
    "fingerprint": "f",
    "simulated": False,
    "rooms": [room],
  }
  folder = root / "runs" / entry["name"]
  folder.mkdir(parents=True)
  (folder / "results.json").write_text(json.dumps(found))
  np.savez(
    folder / "predictions.npz",
    pred=pred,
    target=target,
    window_index=np.arange(WINDOWS),
    recording=np.full(WINDOWS, room),
    room=np.full(WINDOWS, room),
  )


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
  root = tmp_path_factory.mktemp("toys")
  entries = [
    _entry(ablation, fold, seed)
    for ablation in ("none", "deaf")
    for fold in (0, 1)
    for seed in (0, 1)
  ]
  for entry in entries:
    # Folds of 10 and 30 mm: half of the windows hit.
    error = 10 + 20 * entry["fold"] + 2 * entry["seed"]
    _write(root, entry, error if entry["ablation"] == "none" else 15)
  (root / "sweep.json").write_text(json.dumps({"runs": entries}))
  comparison.write_comparison(root, find)
  return {p.name: p.read_text() for p in (root / "tables").iterdir()}


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
  lines = [_entry("none", 0, 0), {**_entry("none", 0, 1), "model": "ball"}]
  (tmp_path / "sweep.json").write_text(json.dumps({"runs": lines}))
  with pytest.raises(InputError, match="has runs of other and toy"):
    comparison.write_comparison(
      tmp_path, lambda model: other if model == "ball" else TOY
    )
