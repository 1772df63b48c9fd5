"""A run's folder as training leaves it, of a small network, in a second.

Drawing parameters by the network's own rules would compile for half a minute;
here they are drawn with NumPy, of the same sizes. Statistics are fitted on
windows of noise, as training fits them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import window_table

from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.state import checkpoint
from bgm2pose_jax.systems.bgm2pose import features as features_lib
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

TRACKS = ("haze", "arnor")
WINDOWS_OF_A_TRACK = 4


def make_run(
  folder: pathlib.Path,
  *,
  feature_norm: str = "per_band",
  model: str = "bgm2pose",
  seed: int = 0,
  features: str = "logmel_intensity",
  tracks: Sequence[str] = TRACKS,
  simulated: bool = True,
  ambisonic_format: str | None = "ambix",
  step: int = 7,
  changes: Mapping[str, Any] | None = None,
) -> pathlib.Path:
  """Makes a folder that `trained.load` reads.

  Args:
    folder: to make; its parents too.
    feature_norm: of `normalisation.MODES`.
    model: a network.
    seed: of parameters and statistics.
    features: name of a feature set.
    tracks: music of the training.
    simulated: what model.json says.
    ambisonic_format: what model.json says.
    step: of the one checkpoint.
    changes: {dotted key: value} laid over the configuration: the preset
      `demo` at a sixteenth of the width.

  Returns:
    The folder.
  """
  config = make_config(feature_norm, model, features, seed, changes)
  spec = features_lib.get_feature_set(features).spec
  table = make_table(spec, tracks, seed)
  task = PoseFromMusic(config, spec, len(tracks))
  statistics = task.fit(table, np.arange(len(table.features)))
  state = drawn_state(task.state_shapes(statistics), seed)
  state = state.replace(
    statistics=jax.tree.map(jnp.asarray, statistics), step=jnp.int32(step)
  )
  store = checkpoint.Checkpoints(
    folder / run_folder.CHECKPOINTS, best=task.best
  )
  store.save(state, {task.best.figure: 1.0})
  store.close()
  run_folder.write_json(
    folder / run_folder.CONFIG,
    run_folder.description(
      config,
      {
        "fingerprint": "0",
        "name": config.data.dataset,
        "simulated": simulated,
      },
    ),
  )
  run_folder.write_json(
    folder / run_folder.MODEL,
    {
      "ambisonic_format": ambisonic_format,
      "simulated": simulated,
      "spec": spec.to_dict(),
      "tracks": list(tracks),
      "train_tracks": list(tracks),
    },
  )
  return folder


def draw_run(
  folder: pathlib.Path,
  system: System,
  config: schema.Config,
  facts: Mapping[str, Any],
  statistics: Mapping[str, Any],
) -> pathlib.Path:
  """Makes the folder of a run of any system, after 5 steps.

  Args:
    folder: to make; its parents too.
    system: of the network.
    config: of the run.
    facts: content of model.json.
    statistics: what the task fitted.

  Returns:
    The folder.
  """
  task = system.make_task(config, facts)
  state = drawn_state(task.state_shapes(statistics), 0)
  state = state.replace(
    statistics=jax.tree.map(jnp.asarray, statistics), step=state.step + 5
  )
  store = checkpoint.Checkpoints(
    folder / run_folder.CHECKPOINTS, best=task.best
  )
  store.save(state, {task.best.figure: 1.0})
  store.close()
  data = {
    "fingerprint": "0",
    "name": config.data.dataset,  # type: ignore[attr-defined]
    "simulated": True,
  }
  described = run_folder.description(config, data)
  run_folder.write_json(folder / run_folder.CONFIG, described)
  run_folder.write_json(folder / run_folder.MODEL, dict(facts))
  return folder


def make_config(
  feature_norm: str,
  model: str,
  features: str,
  seed: int,
  changes: Mapping[str, Any] | None = None,
) -> Config:
  """The demo, narrow; see `make_run`."""
  return schema.overlay(
    presets.get_config("demo", model),
    {
      "network.width": 1 / 16,
      "data.feature_norm": feature_norm,
      "data.feature_set": features,
      "seed": seed,
      **(changes or {}),
    },
  )


def make_table(
  spec: FeatureSpec, tracks: Sequence[str] = TRACKS, seed: int = 0
) -> MusicWindows:
  """Windows of noise, one recording for each track, of two people."""
  rng = np.random.default_rng(seed)
  track = np.repeat(np.arange(len(tracks), dtype=np.int32), WINDOWS_OF_A_TRACK)
  table = window_table.one_recording(
    make_windows(spec, len(track), seed),
    rng.normal(1, 0.3, (len(track), spec.window_frames, 21, 3)).astype("f4"),
  )
  return dataclasses.replace(
    table,
    subject=track % 2,
    subjects=("2", "5"),
    track=track,
    tracks=tuple(tracks),
    genres=("ambient",),
    recording=track,
    recordings=tuple(f"r{i}" for i in range(len(tracks))),
    spec=spec,
  )


def make_windows(spec: FeatureSpec, count: int, seed: int = 0) -> np.ndarray:
  """Features [count, t, f, c] float32: decibels, and shares around zero."""
  shape = (count, spec.window_frames, spec.bands, len(spec.channels))
  drawn = np.random.default_rng(seed).normal(size=shape)
  decibels = [ch.role in ("recording", "music") for ch in spec.channels]
  drawn = np.where(decibels, -40 + 8 * drawn, 0.3 * drawn)
  return drawn.astype(np.float32)


def drawn_state(shapes: Any, seed: int) -> Any:
  """A state with drawn weights; what else there is, is zero."""
  rng = np.random.default_rng(seed)
  weights = {
    name: _drawn(rng, name.rsplit("/", 1)[1], leaf)
    for name, leaf in sorted(checkpoint.weight_leaves(shapes).items())
  }
  state = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
  return checkpoint.with_weights(state, weights)


def _drawn(rng: np.random.Generator, name: str, leaf: Any) -> jax.Array:
  value = rng.normal(size=leaf.shape)
  if name == "var":
    value = np.exp(0.2 * value)
  elif name == "scale":
    value = 1 + 0.1 * value
  elif name.endswith("kernel"):
    value = value * np.sqrt(2 / max(1, np.prod(leaf.shape[:-1])))
  else:
    value = 0.1 * value
  return jnp.asarray(value, leaf.dtype)
