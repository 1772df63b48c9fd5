"""Its record, and what stands behind it."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.config.fields import field
from bgm2pose_jax.contract.comparison import Comparison
from bgm2pose_jax.contract.export import BATCH, Array, Export, Program
from bgm2pose_jax.contract.report import Report
from bgm2pose_jax.contract.sweep import Sweep
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.evaluation.figures import Figures
from bgm2pose_jax.evaluation.metrics import Figure
from bgm2pose_jax.report import curves, html_table, page, text_table
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.training.network_task import Losses, NetworkTask
from toy_system.takes import NAMES, Source, Takes

TITLES = {"gap": "Gap (m)", "hit": "Hits"}
PRESET = {
  "batch.size": 16,
  "optim.epochs": 3,
  "optim.learning_rate": 0.03,
  "optim.learning_rate_min": 0.0,
  "optim.optimizer": "amsgrad",
  "optim.schedule": "exponential",
  "optim.schedule_by": "step",
  "optim.decay": 0.99,
  "optim.snapshot_average": "off",
  "run.log_every_steps": 4,
  "run.report_weights": "best",
}
ABLATIONS = {"none": {}, "narrow": {"network.width": 1}}


@dataclasses.dataclass(frozen=True)
class Config(schema.Config):
  split_by: str = field(
    "player", choices=tuple(NAMES), flag="split_by", help="what folds leave out"
  )


def make_config(preset, model, ablation):
  config = Config(
    preset=preset,
    model=model,
    ablation=ablation,
    network={} if model == "mean" else {"width": 8},
  )
  return schema.overlay(config, PRESET | ABLATIONS[ablation])


def resolve(config, source):
  key, fold = config.split_by, config.fold
  names = NAMES[key]
  if not fold < len(names):
    raise InputError(
      f"--fold={fold}", f"there is no such {key}", f"give 0 to {len(names) - 1}"
    )
  return config, Split(
    train={key: tuple(name for name in names if name != names[fold])},
    test={key: (names[fold],)},
    fold=fold,
    fold_by=key,
    fold_order=names,
    sections=source.usable_sections(),
    label=f"--split_by={key}",
  )


class Locate(NetworkTask):
  fields, target = ("echo", "place"), "place"
  best = Best("validation_hit", lowest=False)

  def __init__(self, config):
    def build(rngs, dtype):
      width = config.network["width"]
      return nnx.Sequential(
        nnx.Linear(5, width, rngs=rngs, dtype=dtype),
        nnx.tanh,
        nnx.Linear(width, 2, rngs=rngs, dtype=dtype),
      )

    super().__init__(config, build)

  def fit(self, table, rows):
    return {"mean": table.place[rows].mean(axis=0)}

  def training_inputs(self, statistics, batch, keys):
    return batch["echo"]

  def losses(self, model, given, statistics, batch, keys, control, critic):
    out = model(given) + statistics["mean"]
    return Losses({"square": jnp.square(out - batch["place"]).mean()}, out)

  def predict(self, state, batch):
    return self.eval_model(state)(batch["echo"]) + state.statistics["mean"]


class Metrics:
  figures = (
    Figure("gap", TITLES["gap"]),
    Figure("hit", TITLES["hit"], lowest=False, digits=2),
  )

  def sums(self, predicted, target):
    gap = np.linalg.norm(predicted.astype(np.float64) - target, axis=-1)
    return {"all": np.stack([gap, gap < 0.3, np.ones(len(gap))], axis=1)}

  def overall(self, sums):
    return sums["all"]

  def headline(self, totals):
    return totals[..., :2] / totals[..., 2:]

  def finish(self, totals):
    return dict(zip(TITLES, self.headline(totals["all"]).tolist()))


def baselines(config, table, rows, split):
  mean = table.place[rows.train].mean(axis=0)
  return {"mean": Prediction(np.tile(mean, (len(rows.test), 1)), {}, 2)}


def lines_of(results):
  rows = (("mean place", results["mean"]), (results["model"], results))
  return [(name, f"{r['gap']:.3f}", f"{r['hit']:.2f}") for name, r in rows]


def text(results):
  head = ("", *TITLES.values())
  return "\n".join(text_table.aligned([head, *lines_of(results)], rule=True))


def render(results, lines, arrays):
  rows = [("", row) for row in lines_of(results)]
  table = html_table.table([("", *TITLES.values())], rows)
  panels = [page.Panel("Figures", table), *curves.panels(lines, TITLES)]
  return page.render(page.Page(title="Where players stand", panels=panels))


def programs(model):
  def locate(given):
    return {"place": model.task.predict(model.state, given)}

  echo = {"echo": Array((BATCH, 5), "float32", "of a window")}
  place = {"place": Array((BATCH, 2), "float32", "metres")}
  return [Program("locate", "echoes to places", echo, place, locate)]


SYSTEM = System(
  name="toy",
  models={"toy": "a network of one layer", "mean": "trains nothing"},
  closed_form=("mean",),
  presets={"small": "seconds on a core"},
  ablations={"none": "nothing", "narrow": "all units but one"},
  config=Config,
  make_config=make_config,
  open_source=lambda config: Source(),
  resolve=resolve,
  table=Takes,
  make_task=lambda config, facts: Locate(config),
  baselines=baselines,
  figures=Figures(
    metrics=Metrics(),
    baselines={"mean": "mean place"},
    improved=("gap",),
    groups={"per_player": "player", "per_environment": "environment"},
  ),
  report=Report(text=text, page=render),
  comparison=Comparison(
    heading="Places compared", whole=("toy", "none"), window=(2,)
  ),
  sweep=Sweep(axes={"model": ("toy",)}),
  export=Export(programs=programs),
)
