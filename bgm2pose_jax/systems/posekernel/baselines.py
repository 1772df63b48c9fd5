"""What stands beside every model: lifting without sound, and without learning.

`fixed_height` and `ground_plane` lift the keypoints that the networks are given
with what training says of people and floors. `time_of_arrival` takes the depth
from the kernels. Beside it stands what the voxels cost: how far the truth is
off when each joint is moved to the middle of its voxel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.systems.posekernel import encoding, learning_free, rays
from bgm2pose_jax.systems.posekernel.config import Config
from bgm2pose_jax.systems.posekernel.known_lengths import (
  FixedHeight,
  GroundPlane,
)
from bgm2pose_jax.systems.posekernel.metrics import ROOT
from bgm2pose_jax.systems.posekernel.sample import PAIRS
from bgm2pose_jax.systems.posekernel.table import SampleTable

_CM_PER_M = 100.0


def all_baselines(
  config: Config, table: SampleTable, rows: Rows, split: Split
) -> dict[str, Prediction]:
  """Predicts the test rows without training.

  Args:
    config: the run's configuration; `data.pairs`, `encoding` and `read_out` are
      read.
    table: the samples.
    rows: training rows are measured, test rows predicted.
    split: the run's split.

  Returns:
    'fixed_height', 'ground_plane' and 'time_of_arrival'.
  """
  del split
  train, test = rows.train, rows.test
  bearing, found = _seen(table, test)
  height = FixedHeight.of(table.pose[train], *_seen(table, train))
  template = height.template
  by_height = height.depths_m(bearing, found)

  def lifted(depth_m: np.ndarray) -> np.ndarray:
    placed = template.placed(depth_m, bearing, found)
    return placed.astype(np.float32)

  by_floor, floor_facts = _floor_depths(table, rows, bearing, found)
  by_floor = np.where(np.isfinite(by_floor), by_floor, by_height)
  roots, sound_facts = _arrivals(config, table, test)
  sound_facts["grid"] = grid_facts(config, table, test)
  numbers = template.offsets_m.size
  return {
    "fixed_height": Prediction(
      lifted(by_height), {}, numbers + len(height.bones_m)
    ),
    "ground_plane": Prediction(lifted(by_floor), floor_facts, numbers + 4),
    "time_of_arrival": Prediction(lifted(roots[:, 2]), sound_facts, numbers),
  }


def _seen(
  table: SampleTable, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Rays of the keypoints, and which were found."""
  keypoints = table.keypoints[rows]
  bearing = rays.bearings(keypoints, table.camera[rows])
  return bearing, rays.are_found(keypoints)


def _floor_depths(
  table: SampleTable, rows: Rows, bearing: np.ndarray, found: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
  """Depths by the floor: of the environment where it was trained on."""
  trained = table.environment[rows.train]
  depth = np.full(len(rows.test), np.nan)
  facts = {}
  for code in np.unique(table.environment[rows.test]):
    own = rows.train[trained == code]
    plane = GroundPlane.of(table.pose[own if len(own) else rows.train])
    here = table.environment[rows.test] == code
    depth[here] = plane.depths_m(bearing[here], found[here])
    facts[table.environments[code]] = (
      "its own training ankles" if len(own) else "all training ankles"
    )
  missing = 100 * float(np.isnan(depth).mean())
  return depth, {"plane_of": facts, "without_plane_pct": missing}


def _arrivals(
  config: Config, table: SampleTable, rows: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
  """Where the kernels agree best, [n, 3], and how far that is off."""
  pairs = config.data.pairs or PAIRS
  roots = learning_free.best_m(
    table.kernels[rows, :pairs],
    table.pairs[rows, :pairs],
    table.grid_centre[rows],
    config.encoding,
  )
  off = np.linalg.norm(roots - table.pose[rows, ROOT], axis=-1)
  return roots, {
    "pairs": pairs,
    "arg_max_root_cm": float(_CM_PER_M * off.mean()),
  }


def grid_facts(
  config: Config, table: SampleTable, rows: np.ndarray
) -> dict[str, Any]:
  """What the voxels cost, and how the networks read joints from them.

  Args:
    config: the run's configuration; `encoding` and `read_out` are read.
    table: the samples.
    rows: int [n] test rows.

  Returns:
    `floor_cm`, the mean distance of true joints from the middle of their
    voxels: a hard arg max is no better. `joints_outside_grid_pct`, `voxel_cm`
    and `read_out`.
  """
  grid = encoding.grid_of(config.encoding)
  centre = table.grid_centre[rows][:, None].astype(np.float64)
  along_x, along_z, along_y = grid.shape
  counts = np.array([along_x, along_y, along_z])
  middle = (counts - 1) / 2
  place = (table.pose[rows] - centre) / grid.voxel_m + middle
  inside = ((place > -0.5) & (place < counts - 0.5)).all(axis=-1)
  voxel = np.clip(np.rint(place), 0, counts - 1)
  moved = (voxel - middle) * grid.voxel_m + centre
  off = np.linalg.norm(moved - table.pose[rows], axis=-1)
  return {
    "floor_cm": float(_CM_PER_M * off.mean()),
    "read_out": config.read_out,
    "voxel_cm": _CM_PER_M * grid.voxel_m,
    "joints_outside_grid_pct": 100 * float((~inside).mean()),
  }
