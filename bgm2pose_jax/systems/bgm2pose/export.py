"""Programs of a trained network: from features, and from sound."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.audio import spectrogram
from bgm2pose_jax.contract.export import BATCH, Array, Arrays, Export, Program
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import (
  export_card,
  export_case,
  music_model,
)
from bgm2pose_jax.systems.bgm2pose.features import (
  conditioning,
  feature_sets,
  normalisation,
  static_response,
)
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel


def programs(trained: TrainedModel) -> list[Program]:
  """Returns all programs of a network.

  From features, and from sound; a network that was trained on recordings
  standardised by themselves also has the two that give a recording's own
  statistics.

  Args:
    trained: the trained model of this system, its state on the host. The
      programs' functions hold it.
  """
  model = music_model.of(trained)
  features, sound = _features_input(model), _sound_inputs(model)
  chosen = _statistics_inputs(model)
  pose = {
    "pose": Array(
      (BATCH, model.spec.window_frames, BODY21.num_joints, 3),
      "float32",
      "joint positions in hip-spine lengths, x y z",
    )
  }

  def from_features(given: Arrays) -> Arrays:
    return {"pose": _predict(model, given["features"], given)}

  def from_audio(given: Arrays) -> Arrays:
    return {"pose": _predict(model, _features(model, given), given)}

  found = [
    Program(
      "from_features",
      "windows of features to poses",
      features | chosen,
      pose,
      from_features,
    ),
    Program(
      "from_audio",
      "windows of sound to poses",
      sound | chosen,
      pose,
      from_audio,
    ),
  ]
  if model.feature_norm != "per_recording":
    return found

  rows = {
    name: dataclasses.replace(x, shape=x.shape[1:])
    for name, x in chosen.items()
  }

  def own_of_features(given: Arrays) -> Arrays:
    return _own(model, given["features"])

  def own_of_audio(given: Arrays) -> Arrays:
    return _own(model, _features(model, given))

  what = "all of a recording's windows to its own statistics"
  return [
    *found,
    Program(
      "statistics_from_features", what, features, rows, own_of_features, (3,)
    ),
    Program("statistics_from_audio", what, sound, rows, own_of_audio, (3,)),
  ]


def _frames(model: MusicModel) -> int:
  """Frames that the network sees: a window's and those around it."""
  return model.spec.window_frames + 2 * model.context


def _features_input(model: MusicModel) -> dict[str, Array]:
  spec = model.spec
  return {
    "features": Array(
      (BATCH, _frames(model), spec.bands, len(spec.channels)),
      "float32",
      f"feature set {spec.name}, not normalised: {' '.join(spec.names)}",
    )
  }


def _sound_inputs(model: MusicModel) -> dict[str, Array]:
  spec = model.spec
  hop = spectrogram.hop_samples(spec.sample_rate_hz)
  samples = (_frames(model) + 2 * spec.context_frames) * hop
  found = {
    "recording": Array((BATCH, 4, samples), "float32", "W X Y Z, full scale 1"),
    "music": Array(
      (BATCH, 2, samples), "float32", "left and right, as played meanwhile"
    ),
  }
  if feature_sets.get_feature_set(spec.name).needs_still:
    taps = round(static_response.RESPONSE_S * spec.sample_rate_hz)
    found["still"] = Array(
      (BATCH, 4, samples),
      "float32",
      "the music through the room's static response: W X Y Z",
    )
    found["density"] = Array(
      (BATCH, taps + 1),
      "float32",
      "usual power of the still W per sample and bin, at frequencies from 0 "
      "to half the sample rate",
    )
  return found


def _statistics_inputs(model: MusicModel) -> dict[str, Array]:
  """What chooses the statistics: a row of them, a track, or nothing."""
  if model.feature_norm == "per_recording":
    return {
      name: Array(
        (BATCH, *map(int, table.shape[1:])),
        "float32",
        f"{name.replace('_', ', ')} of the recording, for each band and "
        "channel that the network sees",
      )
      for name, table in sorted(model.rows.items())
    }
  if model.feature_norm == "track_channel":
    names = ", ".join(
      f"{row} {track}"
      for row, track in enumerate(model.tracks)
      if track in model.train_tracks
    )
    return {
      "track": Array(
        (BATCH,),
        "int32",
        f"whose statistics: -1 for other music, {names}",
        default=-1,
      )
    }
  return {}


def _features(model: MusicModel, given: Arrays) -> jax.Array:
  feature_set = feature_sets.get_feature_set(model.spec.name)
  sounds = [given["recording"], given["music"]]
  if feature_set.needs_still:
    sounds.append(given["still"])

  def one(density: Any, *sounds: jax.Array) -> jax.Array:
    rest = [StillRoom(sounds[2], density)] if sounds[2:] else []
    return feature_set.extract(
      *sounds[:2], *rest, sample_rate_hz=model.spec.sample_rate_hz
    )

  # Example by example: the sets cut a batch into blocks by its size.
  return jax.vmap(one)(given.get("density"), *sounds)


def _predict(
  model: MusicModel, features: jax.Array, given: Arrays
) -> jax.Array:
  count = features.shape[0]
  group = given.get("track", jnp.full(count, -1, jnp.int32))
  statistics = dict(model.state.statistics)
  if model.feature_norm == "per_recording":
    group = jnp.arange(count, dtype=jnp.int32)
    # The task keeps the last row for groups it does not know.
    statistics["inputs"] = {
      name: jnp.concatenate([given[name], given[name][-1:]])
      for name in model.rows
    }
  state = model.state.replace(statistics=statistics)
  batch = {"features": features, model.task.group: group}
  return model.task.predict(state, batch)


def _own(model: MusicModel, features: jax.Array) -> Arrays:
  """Mean and floored deviation over windows and frames."""
  _, *floors = normalisation.least_deviations(model.spec, model.layout)
  made = conditioning.conditioned(features, model.spec, model.layout)
  out = {}
  for name, values, floor in zip(("audio", "music"), made, floors):
    if len(floor):
      mean = values.mean(axis=(0, 1))
      deviation = jnp.sqrt(((values - mean) ** 2).mean(axis=(0, 1)))
      out[f"{name}_mean"] = mean
      out[f"{name}_std"] = jnp.maximum(deviation, floor.astype(np.float32))
  return out


def _facts(trained: TrainedModel) -> dict[str, Any]:
  """What a reader of config.json has to know of sound and poses."""
  model = music_model.of(trained)
  spec = model.spec
  return {
    "feature_norm": model.feature_norm,
    "frame_times_s": [
      (i + 0.5) * spec.hop_s for i in range(spec.window_frames)
    ],
    "joints": list(BODY21.joints),
    "layout": model.layout,
    "parents": list(BODY21.parents),
    "sample_rate_hz": spec.sample_rate_hz,
  }


EXPORT = Export(
  programs=programs,
  facts=_facts,
  card=export_card.card,
  case=export_case.case,
)
