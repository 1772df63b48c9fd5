"""A finished sweep whose every figure differs, with what it ought to print."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy_figures
import sweep_fixture

WINDOWS = 80  # two stretches of 30 s
ROWS = {"BGM2Pose": "bgm2pose", "WiPose": "wipose"}
# Column -> (track, fold) of its runs -> how hard it is. A mean over runs is
# none over tracks.
_LEVELS = {
  "single": {("haze", 0): 1.0, ("haze", 1): 1.2, ("tide", 0): 0.7},
  "cross": {("mist", 0): 1.3},
}
COLUMNS = {column: tuple(places) for column, places in _LEVELS.items()}
SEEDS = (0, 1, 2)
# Rows of closed form, top to bottom, and their error in that of the mean pose.
BASELINES = {
  "mean pose": 1.0,
  "music only, ridge": 1.1,
  "ridge, 5 frames": 0.9,
}
METRICS = ("mpjpe_cm", "rmse", "mae", "pckh50")
# Decimals that tables print of each.
DIGITS = (1, 3, 3, 3)
_UNIT_CM = 9.21

Place = tuple[str, str, int]  # column, track, fold


@dataclasses.dataclass(frozen=True)
class Case:
  """A sweep and its poses.

  Attributes:
    root: its folder.
    target: place -> [n, 12, 21, 3].
    pred: (row, place, seed) -> [n, 12, 21, 3]; baselines have seed 0 alone.
  """

  root: pathlib.Path
  target: Mapping[Place, np.ndarray]
  pred: Mapping[tuple[str, Place, int], np.ndarray]
  _known: dict[tuple, Any] = dataclasses.field(default_factory=dict)

  def seeds(
    self,
    row: str,
    column: str,
    value: Callable[[np.ndarray, np.ndarray], np.ndarray],
    only: str | None = None,
  ) -> np.ndarray:
    """[seed, ...] mean over tracks of the mean over folds of a value."""
    out = []
    for seed in SEEDS if row in ROWS else SEEDS[:1]:
      tracks: dict[str, list[np.ndarray]] = {}
      for track, fold in COLUMNS[column]:
        place = (column, track, fold)
        found = value(self.pred[row, place, seed], self.target[place])
        tracks.setdefault(track, []).append(found)
      means = [
        np.mean(folds, axis=0)
        for track, folds in tracks.items()
        if only in (None, track)
      ]
      out.append(np.mean(means, axis=0))
    return np.asarray(out)

  def figures(
    self, row: str, column: str, only: str | None = None
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean and sample deviation over seeds of `METRICS`."""
    key = (row, column, only)
    if key not in self._known:
      found = self.seeds(row, column, of_metrics, only)
      mean = found.mean(axis=0)
      std = None
      if len(found) > 1:
        square = np.square(found - mean).sum(axis=0) / (len(found) - 1)
        std = np.sqrt(square)
      self._known[key] = mean, std
    return self._known[key]

  def cells(self, row: str, column: str, only: str | None = None) -> list[str]:
    """What a table prints; ** around the best of a column of all tracks."""
    mean, std = self.figures(row, column, only)
    rows = [*BASELINES, *ROWS]
    out = []
    for i in range(len(METRICS)):
      digits = DIGITS[i]
      values = [round(self.figures(r, column)[0][i], digits) for r in rows]
      best = max(values) if METRICS[i] == "pckh50" else min(values)
      text = f"{mean[i]:.{digits}f}"
      if only is None and round(mean[i], digits) == best:
        text = f"**{text}**"
      out.append(text if std is None else f"{text} ± {std[i]:.{digits}f}")
    return out

  def differences(self, row: str, column: str) -> np.ndarray:
    """[MPJPE, RMSE and MAE, (difference, low, high)] of a row to BGM2Pose."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0x626F6F74]))
    draws = {
      place: rng.integers(0, 2, size=(1000, 2)) for place in COLUMNS[column]
    }
    gap = self._gap(row, column, None)
    drawn = np.asarray(
      [
        self._gap(row, column, {p: d[i] for p, d in draws.items()})
        for i in range(1000)
      ]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return np.stack([gap, low, high], axis=1)

  def _gap(
    self,
    row: str,
    column: str,
    picked: Mapping[tuple[str, int], np.ndarray] | None,
  ) -> np.ndarray:
    """Differences of `differences` over picked halves of each recording."""
    tracks: dict[str, list[np.ndarray]] = {}
    for place in COLUMNS[column]:
      halves = [0, 1] if picked is None else picked[place]
      gaps = []
      for seed in SEEDS:
        own, other = (
          np.mean([self._halves(r, column, place, seed)[h] for h in halves], 0)
          for r in ("BGM2Pose", row)
        )
        gaps.append(
          [
            other[2] - own[2],
            np.sqrt(other[0]) - np.sqrt(own[0]),
            other[1] - own[1],
          ]
        )
      tracks.setdefault(place[0], []).append(np.mean(gaps, axis=0))
    return np.mean([np.mean(f, axis=0) for f in tracks.values()], axis=0)

  def _halves(
    self, row: str, column: str, place: tuple[str, int], seed: int
  ) -> list[list[float]]:
    """Mean square, mean absolute error and MPJPE of a recording's halves."""
    key = (row, column, place, seed)
    if key not in self._known:
      where = (column, *place)
      error = self.pred[row, where, seed].astype(np.float64)
      error -= self.target[where]
      self._known[key] = [
        [
          float(np.mean(half**2)),
          float(np.mean(np.abs(half))),
          float(_UNIT_CM * np.linalg.norm(half, axis=-1).mean()),
        ]
        for half in np.array_split(error, 2)
      ]
    return self._known[key]


def of_metrics(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
  """[4] `METRICS` of some poses."""
  row = numpy_figures.figures(pred, target)
  return np.asarray([row[name] for name in METRICS])


def signed(numbers: np.ndarray, digits: int = 3) -> str:
  """A difference with its interval, as it is printed."""
  form = f"+.{digits}f"
  value, low, high = numbers
  return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def make_case(root: pathlib.Path) -> Case:
  """Writes the sweep's runs, with errors of another kind in each row."""
  rng = np.random.default_rng(0)
  # Errors of many small and few large parts: less MAE, more RMSE.
  rare = np.where(rng.uniform(size=(WINDOWS, 12, 21, 3)) < 0.08, 4.0, 0.3)
  spread = {"BGM2Pose": 1.0, "WiPose": rare}
  joint = rng.permutation(np.linspace(0.6, 1.4, 21))[:, None]
  still = 1.5 * joint * rng.normal(0, (1.0, 0.5, 0.8), (12, 21, 3))
  lines, target, pred = [], {}, {}
  for row, model in ROWS.items():
    for column, places in _LEVELS.items():
      for (track, fold), level in places.items():
        place = (column, track, fold)
        target[place] = sweep_fixture.targets(track, fold, WINDOWS)
        for name, size in BASELINES.items():
          off = np.float32(size * level * still)
          pred[name, place, 0] = target[place] + off
        for seed in SEEDS:
          line = sweep_fixture.entry(
            f"{row}-{column}-{track}-{fold}-{seed}",
            row=row,
            column=column,
            setting={"cross": "cross_music"}.get(column, column),
            track=track,
            fold=fold,
            seed=seed,
            model=model,
          )
          lines.append(line)
          size = level * (1 + 0.1 * rng.uniform(-1, 1)) * spread[row]
          error = size * joint * rng.normal(0, 0.7, target[place].shape)
          pred[row, place, seed] = (target[place] + error).astype(np.float32)
          sweep_fixture.write_run(
            root, line, error, target=target[place], still=level * still
          )
  sweep_fixture.write_sweep(root, lines)
  return Case(root, target, pred)
