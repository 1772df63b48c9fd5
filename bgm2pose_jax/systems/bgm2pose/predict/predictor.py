"""A whole recording to poses, in memory that does not grow with its length.

Sound goes through block by block; what is kept of each frame is its poses, and
a spectrogram and attention to look at, about 30 MB an hour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.inference.blending import Blender, starts
from bgm2pose_jax.systems.bgm2pose.features import feature_sets
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import blending, standardising
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import PoseTrack
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair
from bgm2pose_jax.systems.bgm2pose.predict.standardising import Standardiser
from bgm2pose_jax.systems.bgm2pose.still_room import block_features
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm

# Windows that go through the network at once.
BATCH = 16


@dataclasses.dataclass(frozen=True)
class Options:
  """How windows are cut, put together and standardised.

  Attributes:
    hop_ms: the time from one window to the next.
    blend: windows that make a pose; 0 is all that hold it.
    statistics: one of `standardising.MODES`; None is the model's usual one.
    track: music of the training whose statistics to take.
    static_response: what a run's configuration calls so; None is the model's
      own.
    attention: whether to look at what the network attends to.
  """

  hop_ms: int = 200
  blend: int = 0
  statistics: str | None = None
  track: str | None = None
  static_response: str | None = None
  attention: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
  """Poses, and what may stand beside them.

  Attributes:
    track: the poses.
    spectrogram_db: float32 [frames, f], the recording's first channel; None
      where the features hold no such.
    attention: float32 [frames, bands], mean over the models that attend to
      bands; None without such or where not asked for.
  """

  track: PoseTrack
  spectrogram_db: np.ndarray | None
  attention: np.ndarray | None


def check_together(models: Sequence[MusicModel]) -> None:
  """Refuses models that do not read the same features.

  Raises:
    InputError: naming the first that differs.
  """
  first = models[0]
  for model in models[1:]:
    for name, ours, theirs in (
      ("features", first.spec.name, model.spec.name),
      ("conventions", first.ambisonic_format, model.ambisonic_format),
      ("data.context_frames", first.context, model.context),
      (
        "data.heading",
        first.config.data.heading,
        model.config.data.heading,
      ),
      (
        "static response",
        first.config.data.static_response,
        model.config.data.static_response,
      ),
    ):
      if ours != theirs:
        raise InputError(
          model.folder,
          f"has other {name} ({theirs}) than {first.folder} ({ours})",
          "give models of one kind",
        )


def predict(
  models: Sequence[MusicModel],
  pair: SoundPair,
  options: Options,
  *,
  progress: Callable[[Iterator[Any], int], Iterator[Any]] | None = None,
) -> Prediction:
  """Predicts a recording's poses.

  Args:
    models: one, or several whose mean is taken and whose spread is told.
    pair: the sound.
    options: see there.
    progress: wraps an iterator over blocks, given how many come.

  Returns:
    A pose for every 50 ms in which there are recording and music.

  Raises:
    InputError: options that do not fit, or sound too short.
  """
  check_together(models)
  spec, context = models[0].spec, models[0].context
  window = spec.window_frames
  hop = blending.hop_frames(options.hop_ms, window)
  blend = blending.windows_per_frame(options.blend, hop, window)
  pair.check(window)
  standards = [
    Standardiser(m, mode_of(options, m), options.track) for m in models
  ]
  form = static_form(options, models[0])
  if any(s.needs_first_pass for s in standards):
    for features in _features(pair, spec.name, form, progress):
      for standard in standards:
        standard.first_pass(features)
  attention = options.attention and any(m.task.attends for m in models)
  caller = _Windows(models, attention)
  weights = blending.weights(window)
  poses = Blender(weights, hop, blend)
  looks = Blender(weights, hop, blend)
  kept: dict[str, list[np.ndarray]] = {"pose": [], "look": [], "sound": []}

  def drain(full: bool) -> None:
    for start, pose, look in caller.take(full):
      kept["pose"].append(poses.push(start, pose))
      if look is not None:
        kept["look"].append(looks.push(start, look))

  waiting = np.zeros((0, spec.bands, len(spec.channels)), np.float32)
  # Frames before `waiting`, and those of the recording that were standardised
  # with. The recording is counted from its first frame; `context` copies of it
  # come before.
  first, heard = -context, 0
  todo = iter(starts(pair.frames, window, hop))
  start = next(todo)
  shown = spec.indices("recording")
  stream = _features(pair, spec.name, form, progress)
  for features, before, after in _with_ends(stream, context):
    waiting = np.concatenate([waiting, before, features, after])
    if shown:
      kept["sound"].append(features[:, :, shown[0]].copy())
    while start is not None and start + window + context - first <= len(
      waiting
    ):
      end = start + window + context
      for standard in standards:
        standard.heard(waiting[heard - first : min(end, pair.frames) - first])
      heard = min(end, pair.frames)
      part = waiting[start - context - first : end - first]
      caller.add(start, part, [s.row() for s in standards])
      drain(full=True)
      start = next(todo, None)
    gone = (heard if start is None else start) - context - first
    waiting, first = waiting[gone:], first + gone
  drain(full=False)
  kept["pose"].append(poses.flush())
  kept["look"].append(looks.flush())
  each = _joined(kept["pose"])  # [frames, model, joint, 3]
  return Prediction(
    PoseTrack(
      pose=each.mean(axis=1),
      first_s=pair.first_s,
      simulated=any(m.simulated for m in models),
      spread=spread(each) if len(models) > 1 else None,
      facts=facts(models, pair, options),
    ),
    _joined(kept["sound"])[: len(each)] if shown else None,
    _joined(kept["look"]) if attention else None,
  )


def beginning(
  model: MusicModel, pair: SoundPair, options: Options
) -> np.ndarray | None:
  """Features of the first seconds, to see what is heard before all of it.

  Args:
    model: says which features.
    pair: the sound.
    options: say what the static room is learnt from.

  Returns:
    float32 [frames, f, c]; None where they need the whole recording first.
  """
  if feature_sets.get_feature_set(model.spec.name).needs_still:
    return None
  form = static_form(options, model)
  found = next(_features(pair, model.spec.name, form, None), None)
  return found


def mode_of(options: Options, model: MusicModel) -> str:
  """How a model's inputs are standardised here."""
  return standardising.mode_for(options.statistics, model, stream=False)


def static_form(options: Options, model: MusicModel) -> StaticForm:
  """What the static room is learnt from.

  Raises:
    InputError: it was asked for and the features need none.
  """
  asked = options.static_response
  if asked and not feature_sets.get_feature_set(model.spec.name).needs_still:
    raise InputError(
      f"--static_response={asked}",
      f"does not fit a model of {model.spec.name}",
      "drop it",
    )
  return StaticForm.parse(asked or model.config.data.static_response)


def spread(poses: np.ndarray) -> np.ndarray:
  """Deviation between models: [frames, model, joint, 3] to [frames, joint]."""
  variance = poses.var(axis=1, dtype=np.float64)
  return np.sqrt(variance.mean(axis=-1)).astype(np.float32)


def facts(
  models: Sequence[MusicModel], pair: SoundPair, options: Options
) -> dict[str, Any]:
  """What the reader of a prediction should know, plain values."""
  first = models[0]
  found: dict[str, Any] = {
    "model": first.config.model,
    "preset": first.config.preset,
    "models": [str(m.folder) for m in models],
    "steps": [m.step for m in models],
    "trained_on": "simulated recordings" if first.simulated else "recordings",
    "training_tracks": list(first.train_tracks),
    "features": first.spec.name,
    "statistics": mode_of(options, first),
    "statistics_of_track": options.track,
    "ambisonic_format": first.ambisonic_format,
    "hop_ms": options.hop_ms,
    "blend": options.blend or "all",
    "offset_samples": float(pair.offset_samples),
    "drift_ppm": float(pair.drift_ppm),
    "frames": pair.frames,
  }
  if feature_sets.get_feature_set(first.spec.name).needs_still:
    found["static_response"] = (
      options.static_response or first.config.data.static_response
    )
  return found


def _features(
  pair: SoundPair, feature_set: str, form: StaticForm, progress: Any
) -> Iterator[np.ndarray]:
  """Features [frames, f, c] block by block, without the filling at the end."""
  stream = block_features.stream(pair.blocks, feature_set, form, pair.where)
  blocks = sum(1 for _ in range(0, pair.frames, block_features.BLOCK_FRAMES))
  left = pair.frames
  for features in progress(stream, blocks) if progress else stream:
    yield features[:left]
    left -= min(left, len(features))


def _with_ends(
  stream: Iterator[np.ndarray], context: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """Yields each block and the copies of the recording's ends around it."""
  begun = False
  block = next(stream, None)
  while block is not None:
    following = next(stream, None)
    ended = following is None or not len(following)
    before = np.repeat(block[:1], 0 if begun else context, axis=0)
    after = np.repeat(block[-1:], context if ended else 0, axis=0)
    yield block, before, after
    begun, block = True, None if ended else following


class _Windows:
  """Collects windows into full batches, so that one program serves all."""

  def __init__(self, models: Sequence[MusicModel], attention: bool):
    self._models, self._attention = models, attention
    self._waiting: list[tuple[int, np.ndarray, list[Mapping]]] = []

  def add(self, start: int, features: np.ndarray, rows: list[Mapping]) -> None:
    """Adds a window [t, f, c] with each model's row of statistics."""
    self._waiting.append((start, features, rows))

  def take(self, full: bool) -> Iterator[tuple[int, np.ndarray, Any]]:
    """Yields (start, poses [t, model, joint, 3], attention [t, bands])."""
    count = len(self._waiting)
    if not count or (full and count < BATCH):
      return
    waiting = self._waiting + self._waiting[-1:] * (BATCH - count)
    features = np.stack([w[1] for w in waiting])
    poses, looks = [], []
    for number, model in enumerate(self._models):
      each = [w[2][number] for w in waiting]
      rows = {name: np.stack([r[name] for r in each]) for name in each[0]}
      poses.append(model.predict(features, rows))
      if self._attention and model.task.attends:
        looks.append(model.attention(features, rows))
    pose = np.stack(poses, axis=2)
    look = np.mean(looks, axis=0) if looks else None
    for i in range(count):
      yield waiting[i][0], pose[i], None if look is None else look[i]
    self._waiting = []


def _joined(parts: list[np.ndarray]) -> np.ndarray:
  return np.concatenate([part for part in parts if len(part)])
