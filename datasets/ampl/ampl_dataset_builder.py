"""AMPL as TFDS examples: one track's windows, in sequence per recording."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from bgm2pose_jax.data import (
  raw_layout,
  recordings,
  released_layout,
  released_windows,
)
from bgm2pose_jax.data.track_music import TrackMusic
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features.spec import FeatureSpec
from bgm2pose_jax.skeleton import NUM_JOINTS

FEATURE_SET = "logmel_intensity"
# TFDS keeps `all` and the usual names of splits for itself or for slicing.
SPLIT = "windows"


class Builder(tfds.core.GeneratorBasedBuilder):
  """Windows of one track of a folder of AMPL, raw or released.

  Examples are kept in order (no shuffling) and all of them are kept: `valid`
  says which ones an annotation covers. A released folder holds those alone.
  """

  # README, CITATIONS and TAGS: TFDS would look below `bgm2pose_jax/`, where an
  # editable installation does not have this package.
  pkg_dir_path = tfds.core.Path(__file__).parent
  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES: ClassVar[dict[str, str]] = {
    "1.0.0": "Every window in sequence, float32 as bytes."
  }
  BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
    tfds.core.BuilderConfig(
      name="simulated", description="Recordings made by the simulator."
    ),
    tfds.core.BuilderConfig(
      name="raw", description="Recordings of a raw AMPL folder."
    ),
    tfds.core.BuilderConfig(
      name="released", description="Published windows (dataset_spec_2400)."
    ),
  ]

  def __init__(
    self,
    *,
    source_dir: str | None = None,
    track: str | None = None,
    feature_set: str = FEATURE_SET,
    pose_resample: str = "interp",
    on_windows: Callable[[int], None] | None = None,
    **kwargs: Any,
  ):
    """Names the source; nothing is read before `download_and_prepare`.

    Args:
      source_dir: AMPL's folder, see `bgm2pose_jax.data.raw_layout` and for
        `released` `released_layout`; not needed to read what was built.
      track: the track to build.
      feature_set: name in `bgm2pose_jax.features`.
      pose_resample: see `skeleton.resample_windows`.
      on_windows: called with the number of windows made since the last call.
      **kwargs: of the TFDS builder: `config`, `data_dir`, `file_format`.
    """
    self._source_dir = source_dir
    self._track = track
    self._feature_set = feature_set
    self._pose_resample = pose_resample
    self._on_windows = on_windows or (lambda windows: None)
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    spec = feature_spec(self._feature_set)
    shape = (spec.window_frames, spec.bands, len(spec.channels))
    array = functools.partial(
      tfds.features.Tensor, dtype=np.float32, encoding="bytes"
    )
    features = {
      "features": array(shape=shape),
      "pose": array(shape=(spec.window_frames, NUM_JOINTS, 3)),
      "subject": tfds.features.Text(),
      "track": tfds.features.Text(),
      "genre": tfds.features.Text(),
      "recording": tfds.features.Text(),
      "label": tfds.features.Text(),
      "window_index": np.int32,
      "valid": np.bool_,
      "has_pose": np.bool_,
    }
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features),
      homepage="https://yutoshibata07.github.io/bgm2pose-project-page/",
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
    del dl_manager  # nothing is downloaded
    if self._source_dir is None or self._track is None:
      raise InputError(
        "ampl",
        "no source_dir and track to build from",
        "give both to the builder",
      )
    return {SPLIT: self._generate_examples(self._source_dir, self._track)}

  def _generate_examples(
    self, source_dir: str, track: str
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    config = self.builder_config
    if config is not None and config.name == "released":
      examples = released_windows.examples(
        released_layout.scan_released(source_dir), track, self._on_windows
      )
    else:
      examples = _computed_examples(
        raw_layout.scan_raw(source_dir),
        track,
        self._feature_set,
        self._pose_resample,
        self._on_windows,
      )
    yield from enumerate(examples)


def _computed_examples(
  index: raw_layout.RawIndex,
  track: str,
  feature_set: str,
  pose_resample: str,
  on_windows: Callable[[int], None],
) -> Iterator[dict[str, Any]]:
  """Computes a track's windows from its recordings, one by one."""
  found = index.to_build(track)
  sound = index.root / raw_layout.SOUND
  with TrackMusic(found[0].music, track, sound) as music:
    for recording in found:
      windows = recordings.read_windows(
        recording, music.frames, music.path, pose_resample
      )
      blocks = recordings.audio_blocks(recording, music, len(windows))
      computed = _window_features(blocks, feature_set, on_windows)
      for at, features in enumerate(computed):
        yield {
          "features": features,
          "pose": windows.pose[at],
          "subject": recording.subject,
          "track": track,
          "genre": recording.genre,
          "recording": recording.name,
          "label": windows.labels[at],
          "window_index": at,
          "valid": bool(windows.labels[at]),
          "has_pose": bool(windows.has_pose[at]),
        }


def _window_features(
  blocks: Iterable[recordings.Block],
  feature_set: str,
  on_windows: Callable[[int], None],
) -> Iterator[np.ndarray]:
  """Yields float32 [t, f, c] for every window of consecutive blocks."""
  # Reading a prepared dataset through TFDS needs no JAX.
  from bgm2pose_jax import features

  spec = feature_spec(feature_set)
  for block in features.extract_stream(
    ((block.audio, block.music) for block in blocks),
    block_frames=recordings.BLOCK_WINDOWS * spec.window_frames,
    feature_set=feature_set,
    sample_rate_hz=recordings.audio_files.SAMPLE_RATE_HZ,
  ):
    windows = block.reshape(-1, spec.window_frames, *block.shape[1:])
    yield from windows
    on_windows(len(windows))


def feature_spec(feature_set: str) -> FeatureSpec:
  """Returns the specification of a named feature set."""
  from bgm2pose_jax import features

  return features.get_feature_set(feature_set).spec
