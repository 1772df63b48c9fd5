"""Lines of the performers' study: ridge on each case, and their summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from bgm2pose_jax.systems.bgm2pose import baselines, metrics, ridge
from bgm2pose_jax.systems.bgm2pose.performances import Performances
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S
from launch.studies import performer_cases
from launch.studies.performer_cases import Case

COLUMNS = (
  "group",
  "case",
  "heading",
  "features",
  "hours",
  "performers",
  "tested",
  "below the mean pose",
  "lost",
)
# Regularisations to choose from, and groups of people left out to choose: each
# pair costs a solution, and a study has hundreds of fits.
_ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 1e3)
_ALPHA_GROUPS = 3
# What names a line; the same are measured once.
KEYS = ("group", "case", "heading", "features", "tested")


def line(
  table: MusicWindows,
  shown: Performances,
  feature_set: str,
  tested: str,
  case: Case,
  *,
  pool: int = 2,
) -> dict[str, Any]:
  """Fits ridge on a case and measures it.

  Args:
    table: windows with the features of `feature_set`.
    shown: what the performers show.
    feature_set: name of the feature set.
    tested: the performer that is tested.
    case: what trains and what tests.
    pool: neighbouring bands averaged into one, see `ridge.fit_ridge`.

  Returns:
    Plain values: the line's `KEYS`, hours and performers that train (the mean
    over folds), errors in hip-spine lengths, and `below_pct`, how far below
    the mean pose's error ridge is.
  """
  pose = performer_cases.in_heading(table.pose, case.heading)
  turned = dataclasses.replace(table, pose=pose)
  groups = shown.person_numbers(table.named("subject")) % _ALPHA_GROUPS
  pred, still, target = [], [], []
  for fold in case.folds:
    model = ridge.fit_ridge(
      turned,
      fold.train,
      pool=pool,
      alphas=_ALPHAS,
      per_recording=True,
      groups=groups,
    )
    mean = baselines.mean_pose(pose, fold.train)
    pred.append(model.predict(turned, fold.test))
    still.append(baselines.repeat_pose(mean, len(fold.test)))
    target.append(pose[fold.test])
  truth = np.concatenate(target)
  found = metrics.pose_metrics(np.concatenate(pred), truth)["rmse"]
  base = metrics.pose_metrics(np.concatenate(still), truth)["rmse"]
  trained = [fold.train for fold in case.folds]
  return {
    "group": case.group,
    "case": case.name,
    "heading": case.heading,
    "features": feature_set,
    "tested": tested,
    "hours": float(np.mean([len(rows) for rows in trained]) * WINDOW_S / 3600),
    "performers": float(
      np.mean([len(np.unique(table.subject[rows])) for rows in trained])
    ),
    "windows": len(truth),
    "rmse": float(found),
    "mean_pose_rmse": float(base),
    "below_pct": float(100 * (1 - found / base)),
  }


def summary(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
  """Means over the tested performers, a row for each case.

  Args:
    lines: what `line` returned.

  Returns:
    Rows with `COLUMNS`, and `below_pct`, `interval_pct` (95 %, by Student's t
    over performers; None for one) and `lost_pct` as numbers: the share of what
    ridge gains with nothing unseen that the case loses. Losses compare the same
    performers; a case's lines of performers without that reference have none.
  """
  gained = {
    (each["heading"], each["features"], each["tested"]): each["below_pct"]
    for each in lines
    if each["case"] == "nothing"
  }
  rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}
  for each in lines:
    name = tuple(each[key] for key in KEYS[:-1])
    rows.setdefault(name, []).append(each)
  found = []
  for name, own in rows.items():
    values = np.array([each["below_pct"] for each in own])
    keys = [(each["heading"], each["features"], each["tested"]) for each in own]
    lost = None
    if all(key in gained for key in keys):
      reference = float(np.mean([gained[key] for key in keys]))
      if reference > 0:
        lost = float(100 * (1 - values.mean() / reference))
    interval = _interval(values)
    shown = f"{values.mean():+.1f} %"
    if interval is not None:
      shown += f" ({interval[0]:+.0f} .. {interval[1]:+.0f})"
    found.append(
      {
        **dict(zip(KEYS, name, strict=False)),
        "hours": float(np.mean([each["hours"] for each in own])),
        "performers": float(np.mean([each["performers"] for each in own])),
        "tested": len(own),
        "below the mean pose": shown,
        "lost": None if lost is None else f"{lost:.0f} %",
        "below_pct": float(values.mean()),
        "interval_pct": interval,
        "lost_pct": lost,
      }
    )
  return found


def _interval(values: np.ndarray) -> list[float] | None:
  if len(values) < 2:
    return None
  half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
  return [float(values.mean() - half), float(values.mean() + half)]
