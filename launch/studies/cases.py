"""Cases of the music kernel's study, and ridge regression on each."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.evaluation import bootstrap
from bgm2pose_jax.systems.bgm2pose import baselines, metrics, ridge
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout
from launch.studies import sound

SETS = ("logmel_intensity", "music_kernel")
COLUMNS = ("case", "features", "static", "seen", "unseen")


@dataclasses.dataclass(frozen=True)
class Case:
  """One line of the study.

  Attributes:
    group: `--only` chooses by it.
    name: what is disturbed.
    disturb: recording and music to what the features see.
    sets: feature sets to run.
    static: what the static response of the test recordings is learnt from.
    everywhere: training recordings are disturbed too.
    other_room: the test recordings are those of this one of the other rooms;
      empty for those of the room that was learnt from.
  """

  group: str
  name: str
  disturb: sound.Disturbance = sound.unchanged
  sets: Sequence[str] = SETS
  static: str = "whole"
  everywhere: bool = False
  other_room: str = ""


def cases(other_rooms: Sequence[str] = ()) -> list[Case]:
  """Lists what is tried.

  Args:
    other_rooms: names of rooms that nothing is learnt from.
  """
  kernel = SETS[1:]
  out = [
    Case("plain", "as recorded"),
    Case("plain", "as recorded, causal", sets=kernel, static="causal"),
  ]
  for seconds in (5, 10, 30, 60):
    form = f"first:{seconds}"
    out.append(Case("static", f"H0 of {form} s", sets=kernel, static=form))
  for static, name in (
    ("another", "H0 of another person's recording"),
    ("others", "H0 of another's, unseen track left out"),
  ):
    out.append(Case("static", name, sets=kernel, static=static))
  for gain_db in (-12, 6):
    louder = sound.gain(gain_db)
    out.append(Case("loudness", f"recording {gain_db:+d} dB", louder))
  for late_ms in (1, -1, 5, -5, 20, -20):
    late = sound.late(late_ms / 1000)
    out.append(Case("alignment", f"music {late_ms:+d} ms", late))
  for drift_ppm in (0.1, 0.5, 1, 5, 50):
    moved = sound.drift(drift_ppm)
    for static in ("whole", "around:20", "causal"):
      sets = SETS if static == "whole" else kernel
      out.append(Case("drift", f"clock {drift_ppm:g} ppm", moved, sets, static))
  for room in other_rooms:
    name = f"other room, {room}"
    out.append(Case("room", name, other_room=room))
    out.append(
      Case(
        "room",
        f"{name}, causal",
        sets=kernel,
        static="causal",
        other_room=room,
      )
    )
  for level_db in (30, 20, 10):
    for name, turn_s in (("fan", math.inf), ("fan carried about", 20.0)):
      source = sound.source(level_db, turn_s)
      out.append(Case("source", f"{name}, {level_db} dB", source))
  for level_db in (30, 20, 10):
    noisy = sound.noise(level_db)
    out.append(Case("noise", f"noise {level_db} dB", noisy, everywhere=True))
    out.append(
      Case(
        "noise", f"noise {level_db} dB, causal", noisy, kernel, "causal", True
      )
    )
  return out


class Study:
  """Recordings, their features as far as known, and ridge fitted to them."""

  def __init__(self, folder: str, tracks: Sequence[str], unseen: str):
    index = raw_layout.scan_raw(pathlib.Path(folder))
    self.simulated = index.simulated
    self.of = {(r.subject, r.track): r for r in index.recordings}
    for track in (*tracks, unseen):
      index.of_track(track)  # refuses an unknown one
    people = list(dict.fromkeys(r.subject for r in index.recordings))
    self.tested, self.others = people[0], people[1:]
    self.tracks, self.unseen = list(tracks), unseen
    self._ridges: dict[Any, tuple[ridge.Ridge, np.ndarray]] = {}

  def fitted(self, feature_set: str, case: Case) -> tuple[ridge.Ridge, Any]:
    """Ridge for a case, and the mean pose of its training windows."""
    disturb = case.disturb if case.everywhere else sound.unchanged
    static = "causal" if case.static == "causal" else "whole"
    key = (feature_set, static, case.name if case.everywhere else "")
    if key not in self._ridges:
      table = sound.table(
        [self.of[s, t] for t in self.tracks for s in self.others],
        feature_set,
        [static] * (len(self.tracks) * len(self.others)),
        disturb,
      )
      rows = np.flatnonzero(table.valid & table.has_pose)
      found = ridge.fit_ridge(table, rows, per_recording=True)
      self._ridges[key] = (found, baselines.mean_pose(table.pose, rows))
    return self._ridges[key]

  def line(
    self,
    feature_set: str,
    case: Case,
    other_rooms: Mapping[str, Study] = types.MappingProxyType({}),
  ) -> dict[str, Any]:
    """One line of the table: how far below the mean pose, in percent."""
    model, mean = self.fitted(feature_set, case)
    static = case.static
    person = self.others[0]
    if static == "another":
      static = sound.response_of([self.of[person, self.tracks[0]]])
    if static == "others":
      named = [self.of[who, what] for who, what in self.of if who == person]
      static = sound.response_of([r for r in named if r.track != self.unseen])
    row: dict[str, Any] = {
      "simulated": self.simulated,
      "case": case.name,
      "features": feature_set,
      "static": case.static,
    }
    for name, track in (("seen", self.tracks[0]), ("unseen", self.unseen)):
      source = other_rooms[case.other_room] if case.other_room else self
      table = sound.table(
        [source.of[self.tested, track]], feature_set, [static], case.disturb
      )
      rows = np.flatnonzero(table.valid & table.has_pose)
      own = ridge.own_standardiser(table, model.channels, model.pool)
      pred = dataclasses.replace(model, own=own).predict(table, rows)
      target = table.pose[rows]
      still = baselines.repeat_pose(mean, len(rows))
      figures = metrics.pose_metrics(pred, target)
      base = metrics.pose_metrics(still, target)
      around = bootstrap.bootstrap_interval(
        metrics.METRICS,
        pred,
        target,
        still,
        np.zeros(len(rows), np.int32),
        table.window_index[rows],
        improved=("rmse",),
        seed=0,
      )
      row[f"{name}_pct"] = 100 * (1 - figures["rmse"] / base["rmse"])
      row[f"{name}_interval_pct"] = around.get("improvement_pct", {}).get(
        "rmse"
      )
      row[f"{name}_rmse"] = float(figures["rmse"])
      row[f"{name}_mean_pose_rmse"] = float(base["rmse"])
      row[name] = _shown(row[f"{name}_pct"], row[f"{name}_interval_pct"])
    return row


def _shown(value: float, interval: Sequence[float] | None) -> str:
  text = f"{value:+.1f} %"
  if interval is not None:
    text += f" ({interval[0]:+.0f} .. {interval[1]:+.0f})"
  return text
