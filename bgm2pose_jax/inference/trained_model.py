"""A trained network and what it takes to use it on sound.

A run's folder holds the configuration, the weights with the statistics of the
training inputs, and what its features were (`model.json`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import stat
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.systems.bgm2pose.features import ampl_statistics, feature_sets
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.models.registry import CLOSED_FORM
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import steps

_FACTS = {"ambisonic_format", "simulated", "spec", "tracks", "train_tracks"}
_SNAPSHOTS = {"params": "snapshots/0", "model_state": "snapshots/1"}


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedModel:
  """A network ready to predict.

  Attributes:
    folder: the run's.
    config: it was trained with.
    spec: the features it reads.
    step: of the checkpoint.
    tracks: names of the rows of statistics, in order.
    train_tracks: music of the training; a row of other music is that of music
      never heard.
    simulated: it was trained on simulated recordings.
    ambisonic_format: convention of the training recordings; None is unknown.
    origin: where weights that were not trained here come from, or None.
    layout: which channels the network sees, of `conditioning.LAYOUTS`.
    state: weights and statistics, on the device.
    task: brings the network's structure.
  """

  folder: pathlib.Path
  config: Config
  spec: FeatureSpec
  step: int
  tracks: tuple[str, ...]
  train_tracks: tuple[str, ...]
  simulated: bool
  ambisonic_format: str | None
  origin: Mapping[str, Any] | None
  layout: str
  state: TrainState
  task: Any

  @property
  def feature_norm(self) -> str:
    """How inputs are standardised, of `normalisation.MODES`."""
    return self.config.data.feature_norm

  @property
  def context(self) -> int:
    """Frames on either side of a window that the network sees as well."""
    return self.task.context

  @functools.cached_property
  def rows(self) -> dict[str, np.ndarray]:
    """Statistics of the inputs, groups first; the last row is for others."""
    statistics: Any = self.state.statistics["inputs"]
    return {k: np.asarray(v) for k, v in statistics.items()}

  def row(self, track: str | None = None) -> dict[str, np.ndarray]:
    """Statistics for a recording of some music.

    Args:
      track: one of `train_tracks`; None is music that the training did not
        have, for which statistics over all training rows are taken.

    Raises:
      InputError: an unknown track, or a network whose statistics know none.
    """
    if track is None:
      return {name: table[-1] for name, table in self.rows.items()}
    if self.feature_norm == "per_recording" or track not in self.train_tracks:
      raise InputError(
        f"--track={track}",
        "has no statistics of its own in this model",
        f"drop it, or take one of {', '.join(self.train_tracks) or 'none'}",
      )
    place = self.tracks.index(track)
    return {name: table[place] for name, table in self.rows.items()}

  def predict(
    self, features: np.ndarray, rows: Mapping[str, np.ndarray]
  ) -> np.ndarray:
    """Predicts windows.

    Args:
      features: float32 [b, context + t + context, f, c] as the feature set
        gives them. Every b compiles once.
      rows: statistics by which each is standardised, [b, ...] of `row`.

    Returns:
      float32 [b, t, joint, 3], hip-spine lengths.

    Raises:
      InputError: a pose is not finite.
    """
    pose = np.asarray(self._step(*self._arguments(features, rows)))
    if not np.isfinite(pose).all():
      raise InputError(
        self.folder,
        "predicts poses that are not finite",
        "train again with a lower learning rate; see its metrics.jsonl",
      )
    return pose

  def attention(
    self, features: np.ndarray, rows: Mapping[str, np.ndarray]
  ) -> np.ndarray | None:
    """How much the network makes use of each band of windows, to be shown.

    Args:
      features: as in `predict`.
      rows: as in `predict`.

    Returns:
      float32 [b, t, bands], sums to one over bands (which may be fewer than
      f); None where the network does not attend to bands.
    """
    if not self.task.attends:
      return None
    return np.asarray(self._look(*self._arguments(features, rows)))

  def _arguments(self, features, rows):
    count = len(features)
    # The task picks a row by number and keeps the last one for others.
    tables = {k: np.concatenate([v, v[-1:]]) for k, v in rows.items()}
    batch = {
      "features": np.asarray(features, np.float32),
      self.task.group: np.arange(count, dtype=np.int32),
    }
    statistics = self.state.statistics | {"inputs": tables}
    return self.state.replace(statistics=statistics), batch

  @functools.cached_property
  def _step(self):
    mesh = mesh_lib.make_mesh(jax.local_devices()[:1])
    return steps.make_predict_step(self.task, mesh)

  @functools.cached_property
  def _look(self):
    return jax.jit(self.task.attention_weights)


def load(folder: str, flag: str = "checkpoint") -> TrainedModel:
  """Reads a trained network from a run's folder.

  Args:
    folder: a run's, or one step in its checkpoints.
    flag: that named the folder, for messages.

  Raises:
    InputError: no run or no checkpoint there, a model that is no network,
      weights that were never trained or are not finite.
  """
  path, step = checkpoint_lib.find_step(folder, flag)
  home = path.parent
  _check_plain(path)
  config = workdir_lib.read_config(home)
  if config.model in CLOSED_FORM:
    raise InputError(
      f"--{flag}={folder}",
      f"holds {config.model}, which is no network",
      "give a run of --model=bgm2pose or another network",
    )
  described = workdir_lib.read_json(home / workdir_lib.CONFIG)
  origin = described.get("origin")
  facts = _facts(home, config, described)
  if config.run.report_weights == "best" and path.resolve() != (
    pathlib.Path(folder).resolve().parent
  ):
    # What the run's own report is about.
    with damage_of(path):
      step = checkpoint_lib.best_step(path, "validation_rmse") or step
  if step == 0 and origin is None:
    raise InputError(
      path / "0", "holds weights that were never trained", "train first"
    )
  with workdir_lib.inside(home / workdir_lib.MODEL):
    spec = FeatureSpec.from_dict(facts["spec"])
  _check_channels(home / workdir_lib.MODEL, spec)
  with damage_of(path / str(step)):
    arrays = checkpoint_lib.read_whole(path, step)
    if config.optim.snapshot_average == "eval_only":
      arrays = _averaged(arrays)
  # The task that trains would want a critic's statistics.
  task = PoseFromMusic(without_critic(config), spec, len(facts["tracks"]))
  return TrainedModel(
    folder=home,
    config=config,
    spec=spec,
    step=step,
    tracks=tuple(facts["tracks"]),
    train_tracks=tuple(facts["train_tracks"]),
    simulated=bool(facts["simulated"]),
    ambisonic_format=facts["ambisonic_format"],
    origin=origin,
    layout=config.data.inputs or registry.MODELS[config.model].inputs,
    state=_state(task, arrays, path / str(step)),
    task=task,
  )


def check_facts(path: pathlib.Path, facts: Mapping[str, Any]) -> None:
  """Checks what a file says of the data that a network was trained on.

  Args:
    path: the file.
    facts: its content.

  Raises:
    InputError: an entry is missing or of another kind.
  """
  missing = _FACTS - set(facts)
  if missing:
    raise InputError(path, f"lacks {', '.join(sorted(missing))}", "train again")
  kinds = {
    "ambisonic_format": (str, type(None)),
    "simulated": bool,
    "tracks": (list, tuple),
    "train_tracks": (list, tuple),
  }
  right = {name: isinstance(facts[name], kind) for name, kind in kinds.items()}
  for name in ("tracks", "train_tracks"):
    right[name] = right[name] and all(isinstance(t, str) for t in facts[name])
  if all(right.values()):
    right["train_tracks"] = set(facts["train_tracks"]) <= set(facts["tracks"])
  for name, is_right in right.items():
    if not is_right:
      raise InputError(path, f"has {name}={facts[name]!r}", "train again")


def _check_channels(path: pathlib.Path, spec: FeatureSpec) -> None:
  """Refuses a network of channels that nobody computes any more."""
  now = feature_sets.FEATURE_SETS.get(spec.name)
  if now is not None and now.spec.names != spec.names:
    raise InputError(
      path,
      f"reads {len(spec.names)} channels of {spec.name}, which has "
      f"{len(now.spec.names)} others in this version",
      "train again, or use the version that trained it",
    )


@contextlib.contextmanager
def damage_of(path: pathlib.Path) -> Iterator[None]:
  """Makes one line of whatever reading a damaged checkpoint fails with.

  Args:
    path: of the checkpoint.

  Raises:
    InputError: the block failed.
  """
  try:
    yield
  except (InputError, MemoryError):
    raise
  except Exception as error:
    first = (str(error).strip() or type(error).__name__).split("\n")[0]
    raise InputError(
      path,
      f"cannot be read ({first})",
      "copy the run's folder again, or take another step of it",
    ) from error


def _check_plain(path: pathlib.Path) -> None:
  """Refuses links and pipes: a checkpoint of a stranger reads nothing else."""
  for base, folders, files in os.walk(path):
    for name in (*folders, *files):
      found = pathlib.Path(base, name)
      mode = os.lstat(found).st_mode
      if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(
          found,
          "is no plain file",
          "copy the run's folder with its files, not with links",
        )


def without_critic(config: Config) -> Config:
  """Returns the configuration with no adversary: it predicts nothing."""
  if "adversary" not in config.network:
    return config
  return config_lib.overlay(config, {"network.adversary": "off"})


def _facts(
  home: pathlib.Path, config: Config, described: Mapping[str, Any]
) -> dict[str, Any]:
  """The content of model.json, or what can be said without one."""
  path = home / workdir_lib.MODEL
  if path.exists():
    found = workdir_lib.read_json(path)
    check_facts(path, found)
    return found
  spec = feature_sets.get_feature_set(config.data.feature_set).spec
  # Published weights come with AMPL's constants. Runs from before there was a
  # model.json: their tracks' names are lost, their other rows are not.
  published = described.get("origin") is not None
  dataset = described.get("dataset")
  dataset = dataset if isinstance(dataset, Mapping) else {}
  tracks = list(ampl_statistics.MEAN) if published else []
  return {
    "ambisonic_format": config.data.ambisonic_format,
    "simulated": bool(dataset.get("simulated", not published)),
    "spec": spec.to_dict(),
    "tracks": tracks,
    "train_tracks": tracks,
  }


def _averaged(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The mean of the snapshots in place of the live weights."""
  count = int(arrays["snapshot_count"])
  if not count:
    return arrays
  out = dict(arrays)
  for part, kept in _SNAPSHOTS.items():
    for name, live in arrays.items():
      tail = name.removeprefix(f"{part}/")
      if tail != name:
        mean = arrays[f"{kept}/{tail}"][:count].sum(0) / count
        out[name] = mean.astype(live.dtype)
  return out


def _state(
  task: Any, arrays: dict[str, np.ndarray], where: pathlib.Path
) -> TrainState:
  """What predicts, on the device, after a look at every array."""
  statistics: dict[str, Any] = {"inputs": {}}
  for name, value in arrays.items():
    if name.startswith("statistics/inputs/"):
      statistics["inputs"][name.rsplit("/", 1)[1]] = value
    elif name == "statistics/pose_mean":
      statistics["pose_mean"] = value
  template = task.state_shapes({})
  wanted = checkpoint_lib.weight_leaves(template)
  for name, leaf in wanted.items():
    found = arrays.get(name)
    if found is None or found.shape != leaf.shape:
      raise InputError(
        where,
        f"{name} is {'absent' if found is None else list(found.shape)}, this "
        f"network needs {list(leaf.shape)}",
        "restore config.json of the run that saved it",
      )
  for name in [*wanted, *(n for n in arrays if n.startswith("statistics/"))]:
    if not np.isfinite(arrays[name]).all():
      raise InputError(
        where, f"{name} is not finite", "take an earlier step, or train again"
      )
  if (
    not statistics["inputs"]
    or any(not np.ndim(table) for table in statistics["inputs"].values())
    or "pose_mean" not in statistics
    or np.ndim(statistics["pose_mean"]) != 2
  ):
    raise InputError(where, "holds no statistics of inputs", "train again")
  state = checkpoint_lib.with_weights(template, arrays)
  # One copy on the device; what training alone needs is let go.
  return jax.device_put(
    state.replace(
      step=arrays["step"],
      skipped=arrays["skipped"],
      statistics=statistics,
      opt_state=(),
      snapshots=(),
      snapshot_count=np.int32(0),
      critic=(),
    )
  )
