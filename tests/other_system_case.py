"""Runs of a system with other figures, windows and keys, and their tables."""

from __future__ import annotations

import json
import types

import numpy as np

from bgm2pose_jax import comparison
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


def figures_of(predicted, target):
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


def entry(ablation, fold, seed, table="grid"):
  return {
    "name": f"{ablation}-{fold}-{seed}",
    "table": table,
    "row": ablation,
    "column": "all runs",
    "fold": fold,
    "seed": seed,
    "model": "toy",
    "ablation": ablation,
  }


def write(root, line, error, **more):
  """The folder of a run; `more` goes into its results.json."""
  rng = np.random.default_rng(line["fold"])
  target = rng.normal(0, 100, (WINDOWS, 4)).astype(np.float32)
  pred = target + np.float32(error)
  room = f"room{line['fold']}"
  found = {
    **{key: line[key] for key in ("fold", "seed", "model", "ablation")},
    **figures_of(pred, target),
    "still": figures_of(target + 50, target),
    "per_room": {room: figures_of(pred, target), "attic": {"hits": 0.5}},
    "dataset": "toys",
    "fingerprint": "f",
    "simulated": False,
    "rooms": [room],
    **more,
  }
  folder = root / "runs" / line["name"]
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


def tables_of(root, lines, system=TOY):
  """{name of a file: its text} of the tables of some lines."""
  (root / "sweep.json").write_text(json.dumps({"runs": lines}))
  comparison.write_comparison(root, lambda model: system)
  return {p.name: p.read_text() for p in (root / "tables").iterdir()}
