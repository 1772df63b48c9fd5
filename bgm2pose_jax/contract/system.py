"""The record of a system: everything the shared rooms ask for.

A system is one folder under `systems/`, one builder folder under `datasets/`
and one line in `systems/registry.py`. No shared room imports a system: it is
handed this record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.comparison import Comparison
from bgm2pose_jax.contract.export import Export
from bgm2pose_jax.contract.from_files import FromFiles
from bgm2pose_jax.contract.report import Report
from bgm2pose_jax.contract.sweep import Sweep
from bgm2pose_jax.contract.task import Task
from bgm2pose_jax.contract.trained import Trained
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.source import Source
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.evaluation.figures import Figures, predictions


def _as_given(given: Mapping[str, Any]) -> Mapping[str, Any]:
  return given


def _accepted(config: Config) -> None:
  del config


def _model(config: Config) -> str:
  return config.model


def _no_facts(
  config: Config, source: Source, table: WindowTable, split: Split
) -> dict[str, Any]:
  del config, source, table, split
  return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
  """Models of one kind of data; what has a default is for some systems alone.

  Attributes:
    name: its folder's name.
    models: {name that `--model` takes: what it is}; the first is the default.
      A model belongs to one system.
    closed_form: those of `models` that are fitted at once: baselines of the
      same name.
    presets: {name that `--preset` takes: what it is}; the first is the default.
    ablations: {name that `--ablation` takes: what it is}; `none` is among them.
    config: class of its configuration; a subclass of `schema.Config`.
    make_config: (preset, model, ablation) -> configuration.
    settle: {dotted key: value} of the flags given -> what is laid over the
      preset, with all that they imply. Refuses flags that exclude each other.
    check: refuses an unknown model, network field or other value, before any
      work is done.
    open_source: looks at where recordings come from, computing nothing.
    resolve: (configuration, source) -> the configuration with the names that
      it leaves open filled in, and the split.
    title: what a run's name begins with, such as protocol and model.
    table: class of the windows in memory; a subclass of `WindowTable`.
    facts: what a prediction needs to know besides configuration and weights;
      the content of model.json.
    make_task: (configuration, content of model.json) -> task.
    baselines: fits what stands beside every model on training rows and
      predicts the test rows; None without ground truth.
    predictions: (table, rows, predicted) -> arrays of predictions.npz.
    figures: metrics, baselines' labels and what results.json groups by.
    report: text for the terminal and the page of a run.
    comparison: tables of many runs.
    sweep: tables a sweep can fill.
    trained: what is read of a checkpoint and of model.json.
    export: programs and card of a trained network.
    from_files: loads how its networks find poses in files; None where they do
      not. What reads files takes seconds to load, and training needs none of
      it.
  """

  name: str
  models: Mapping[str, str]
  closed_form: tuple[str, ...] = ()
  presets: Mapping[str, str]
  ablations: Mapping[str, str] = dataclasses.field(
    default_factory=lambda: {"none": ""}
  )
  config: type[Config]
  make_config: Callable[[str, str, str], Config]
  settle: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_given
  # `Any` stands for the system's own subclasses of Config, Source, Split and
  # WindowTable, which its functions name.
  check: Callable[[Any], None] = _accepted
  open_source: Callable[[Any], Source]
  resolve: Callable[[Any, Any], tuple[Any, Split]]
  title: Callable[[Any], str] = _model
  table: type[WindowTable]
  facts: Callable[[Any, Any, Any, Any], dict[str, Any]] = _no_facts
  make_task: Callable[[Any, Mapping[str, Any]], Task]
  baselines: Callable[[Any, Any, Rows, Any], Mapping[str, Prediction] | None]
  predictions: Callable[
    [Any, np.ndarray, np.ndarray], dict[str, np.ndarray]
  ] = predictions
  figures: Figures
  report: Report
  comparison: Comparison
  sweep: Sweep
  trained: Trained = dataclasses.field(default_factory=Trained)
  export: Export
  from_files: Callable[[], FromFiles] | None = None
