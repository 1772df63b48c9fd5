"""Inputs for the check of an export, and what prediction makes of them."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.contract.export import BATCH, HostArrays, Program
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.systems.bgm2pose import features as features_lib
from bgm2pose_jax.systems.bgm2pose import music_model
from bgm2pose_jax.systems.bgm2pose.features import normalisation
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel


def case(
  trained: TrainedModel, program: Program, count: int
) -> tuple[HostArrays, HostArrays]:
  """Draws inputs of a program, and computes its outputs as prediction does.

  Args:
    trained: the trained model of this system.
    program: one of its `programs`.
    count: windows.

  Returns:
    Inputs and outputs by name.
  """
  model = music_model.of(trained)
  inputs = _inputs(model, program, count)
  features = inputs.get("features")
  if features is None:
    still = (
      StillRoom(inputs["still"], inputs["density"])
      if "still" in inputs
      else None
    )
    features = np.asarray(
      features_lib.extract_batch(
        inputs["recording"],
        inputs["music"],
        still,
        feature_set=model.spec.name,
        sample_rate_hz=model.spec.sample_rate_hz,
      )
    )
  if not program.name.startswith("from_"):
    own = normalisation.OwnStatistics(model.spec, model.layout)
    for window in features:
      own.add(window)
    return inputs, own.row()
  rows = [
    {name: inputs[name][i] for name in model.rows}
    if model.feature_norm == "per_recording"
    else _row(model, inputs, i)
    for i in range(count)
  ]
  stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
  return inputs, {"pose": model.predict(features, stacked)}


def _row(model: MusicModel, inputs, i: int) -> dict[str, np.ndarray]:
  track = int(inputs["track"][i]) if "track" in inputs else -1
  return {name: table[track] for name, table in model.rows.items()}


def _inputs(
  model: MusicModel, program: Program, count: int
) -> dict[str, np.ndarray]:
  """Noise, standardised by rows that are not alike."""
  rng = np.random.default_rng(count)
  found = {}
  for name, array in program.inputs.items():
    shape = [count if n == BATCH else int(n) for n in array.shape]
    drawn = rng.normal(size=shape)
    if name in model.rows:
      drawn = model.row()[name] * np.exp(0.1 * drawn)
    elif name == "track":
      # Every track, the row for others, and one that nobody has.
      drawn = np.arange(count) % (len(model.tracks) + 1) - 1
    elif name == "density":
      drawn = np.abs(drawn)
    elif name == "features":
      loud = [ch.role in ("recording", "music") for ch in model.spec.channels]
      drawn = np.where(loud, -40 + 8 * drawn, 0.3 * drawn)
    else:
      drawn = 0.1 * drawn
    found[name] = drawn.astype(array.dtype)
  return found
