"""A trained network of this system: what it takes to use it on sound."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.trained import Trained
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.systems.bgm2pose import music_fingerprint, training_sound
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.features import ampl_statistics, feature_sets
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

# Facts that models of before had not, and what they mean there.
_LATER = {
  "channel_order": ambisonics.DEFAULT_ORDER,
  "music": None,
  "sound": None,
}
_KINDS: dict[str, Any] = {
  "channel_order": str,
  "ambisonic_format": (str, type(None)),
  "music": (Mapping, type(None)),
  "simulated": bool,
  "sound": (Mapping, type(None)),
  "spec": Mapping,
  "tracks": (list, tuple),
  "train_tracks": (list, tuple),
}


@dataclasses.dataclass(frozen=True, eq=False)
class MusicModel(TrainedModel):
  """A network that predicts poses from a recording and the music played.

  Its facts are `spec`, `tracks` (names of the rows of statistics, in order),
  `train_tracks`, `ambisonic_format` (gains of the training recordings, None is
  unknown), `channel_order` (that of their files), `simulated`, `music` (see
  `music_fingerprint`) and `sound` (see `training_sound`), None where they were
  not recorded.
  """

  config: Config
  task: PoseFromMusic

  @functools.cached_property
  def spec(self) -> FeatureSpec:
    """The features that the network reads."""
    return FeatureSpec.from_dict(self.facts["spec"])

  @property
  def tracks(self) -> tuple[str, ...]:
    """Names of the rows of statistics, in order."""
    return tuple(self.facts["tracks"])

  @property
  def train_tracks(self) -> tuple[str, ...]:
    """Music of the training; other rows are those of music never heard."""
    return tuple(self.facts["train_tracks"])

  @property
  def ambisonic_format(self) -> str | None:
    """Gains of the training recordings; None is unknown."""
    return self.facts["ambisonic_format"]

  @property
  def channel_order(self) -> str:
    """Order of the channels in the files of the training.

    The network itself reads W X Y Z, in whatever order files are.
    """
    return self.facts.get("channel_order", ambisonics.DEFAULT_ORDER)

  @functools.cached_property
  def known_music(self) -> dict[str, np.ndarray] | None:
    """Fingerprints of the training's music; None was not recorded."""
    return music_fingerprint.read(self.facts.get("music"))

  @property
  def known_sound(self) -> Mapping[str, Any] | None:
    """What the training sounded like; None was not recorded."""
    return training_sound.read(self.facts.get("sound"))

  @property
  def mean_pose(self) -> np.ndarray:
    """float32 [joint, 3], mean of the training: what guessing would give."""
    return np.asarray(self.state.statistics["pose_mean"], np.float32)

  @property
  def layout(self) -> str:
    """Which channels the network sees, of `conditioning.LAYOUTS`."""
    return self.config.data.inputs or registry.MODELS[self.config.model].inputs

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
    return self.run(*self._arguments(features, rows))

  def attention(
    self, features: np.ndarray, rows: Mapping[str, np.ndarray]
  ) -> np.ndarray | None:
    """How much the network makes use of each band of windows, to be shown.

    Args:
      features: the features, as in `predict`.
      rows: the rows, as in `predict`.

    Returns:
      float32 [b, t, bands], sums to one over bands (which may be fewer than
      f); None where the network does not attend to bands.
    """
    if not self.task.attends:
      return None
    batch, statistics = self._arguments(features, rows)
    state = self.state.replace(statistics=statistics)
    return np.asarray(self._look(state, batch))

  def _arguments(self, features, rows):
    # The task picks a row by number and keeps the last one for others.
    tables = {k: np.concatenate([v, v[-1:]]) for k, v in rows.items()}
    batch = {
      "features": np.asarray(features, np.float32),
      self.task.group: np.arange(len(features), dtype=np.int32),
    }
    return batch, self.state.statistics | {"inputs": tables}

  @functools.cached_property
  def _look(self):
    return jax.jit(self.task.attention_weights)


def of(model: TrainedModel) -> MusicModel:
  """Returns a trained network of this system as what it is.

  Args:
    model: the model of this system.
  """
  if isinstance(model, MusicModel):
    return model
  fields = dataclasses.fields(TrainedModel)
  return MusicModel(**{f.name: getattr(model, f.name) for f in fields})


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
  """Those of `_KINDS`, each checked; see `Trained.facts`."""
  found = {**_LATER, **found}
  missing = _KINDS.keys() - found.keys()
  if missing:
    raise InputError(
      "facts", f"lacks {', '.join(sorted(missing))}", "train again"
    )
  facts = {name: found[name] for name in _KINDS}
  wrong = [n for n, kind in _KINDS.items() if not isinstance(facts[n], kind)]
  if facts["channel_order"] not in ambisonics.ORDERS:
    wrong.append("channel_order")
  names = "tracks", "train_tracks"
  wrong += [n for n in names if not all(isinstance(t, str) for t in facts[n])]
  if not wrong and not set(facts["train_tracks"]) <= set(facts["tracks"]):
    wrong.append("train_tracks")
  for name in wrong:
    raise InputError(name, f"is {facts[name]!r}", "train again")
  music_fingerprint.read(facts["music"])
  training_sound.read(facts["sound"])
  spec = FeatureSpec.from_dict(facts["spec"])
  now = feature_sets.FEATURE_SETS.get(spec.name)
  if now is not None and now.spec.names != spec.names:
    # Nobody computes such channels any more.
    raise InputError(
      "spec",
      f"reads {len(spec.names)} channels of {spec.name}, which has "
      f"{len(now.spec.names)} others in this version",
      "train again, or use the version that trained it",
    )
  return facts


def facts_of(
  config: Config, *, published: bool, simulated: bool
) -> dict[str, Any]:
  """Returns what can be said of a network without its data.

  Args:
    config: the network's.
    published: it has AMPL's published constants. Else its tracks' names are
      not known, and only the rows for other music can be used.
    simulated: it was trained on simulated recordings.
  """
  spec = feature_sets.get_feature_set(config.data.feature_set).spec
  tracks = list(ampl_statistics.MEAN) if published else []
  return {
    "ambisonic_format": config.data.ambisonic_format,
    "channel_order": config.data.channel_order or ambisonics.DEFAULT_ORDER,
    "music": None,
    "sound": None,
    "simulated": simulated,
    "spec": spec.to_dict(),
    "tracks": tracks,
    "train_tracks": tracks,
  }


def _old_facts(config: Config, described: Mapping[str, Any]) -> dict[str, Any]:
  published = described.get("origin") is not None
  dataset = described.get("dataset")
  dataset = dataset if isinstance(dataset, Mapping) else {}
  simulated = bool(dataset.get("simulated", not published))
  return facts_of(config, published=published, simulated=simulated)


def _statistics(found: Any) -> dict[str, Any]:
  """Those that predict, without the critic's; see `Trained.statistics`."""
  inputs, mean = found.get("inputs"), found.get("pose_mean")
  if (
    not isinstance(inputs, Mapping)
    or not inputs
    or any(not np.ndim(table) for table in inputs.values())
    or isinstance(mean, Mapping)
    or np.ndim(mean) != 2
  ):
    raise InputError("statistics", "are not those of inputs", "train again")
  return {"inputs": inputs, "pose_mean": mean}


TRAINED = Trained(facts=_facts, old_facts=_old_facts, statistics=_statistics)
