"""BGM2Pose's record."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.figures import Figures
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.evaluation import bootstrap
from bgm2pose_jax.evaluation.metrics import Figure
from bgm2pose_jax.systems.bgm2pose import tasks
from bgm2pose_jax.systems.bgm2pose.comparison import COMPARISON
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.presets import ablations
from bgm2pose_jax.systems.bgm2pose.results import DEFINITIONS
from bgm2pose_jax.systems.bgm2pose.sweep import SWEEP


class _Metrics:
  figures = (
    Figure("rmse", "RMSE"),
    Figure("mae", "MAE"),
    Figure("pckh50", "PCKh@0.5", lowest=False),
  )

  def sums(self, predicted, target):
    return {"all": bootstrap.window_sums(predicted, target)}

  def overall(self, sums):
    return sums["all"]

  def finish(self, totals):
    raise NotImplementedError

  def headline(self, totals):
    return np.stack(
      [
        np.sqrt(totals[..., 0] / totals[..., 3]),
        totals[..., 1] / totals[..., 3],
        3 * totals[..., 2] / totals[..., 3],
      ],
      axis=-1,
    )


_later = cast(Any, None)
SYSTEM = System(
  name="bgm2pose",
  models=(
    "bgm2pose",
    *(m for m in registry.MODELS if m != "bgm2pose"),
    *registry.CLOSED_FORM,
  ),
  closed_form=registry.CLOSED_FORM,
  presets=_later,
  ablations=tuple(ablations.ABLATIONS),
  config=Config,
  make_config=_later,
  settle=_later,
  check=tasks.check,
  open_source=_later,
  resolve=_later,
  title=_later,
  table=WindowTable,
  facts=_later,
  make_task=_later,
  baselines=_later,
  predictions=_later,
  figures=Figures(
    metrics=_Metrics(),
    baselines={
      "mean_pose": "mean pose",
      "music_only": "music only, ridge",
      "ridge": "ridge, 5 frames",
    },
    improved=("rmse", "mae"),
    groups={"per_track": "track", "per_subject": "subject"},
    kept=(),
    head=_later,
    definitions=DEFINITIONS,
  ),
  report=_later,
  comparison=COMPARISON,
  sweep=SWEEP,
  export=_later,
)
