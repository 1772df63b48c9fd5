"""AMPL as TFDS examples: one track's windows, in sequence per recording."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from bgm2pose_jax.datasets.ampl import track_examples  # pyright: ignore

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.partial_builds import Parts
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.recipe import DEFAULT, Recipe

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
    recipe: Recipe = DEFAULT,
    on_windows: Callable[[int], None] | None = None,
    beam_refusal: Path | None = None,
    parts: Parts | None = None,
    **kwargs: Any,
  ):
    """Names the source; nothing is read before `download_and_prepare`.

    Args:
      source_dir: AMPL's folder, see `ampl.raw_layout` and for
        `released` `released_layout`; not needed to read what was built.
      track: the track to build.
      recipe: how recordings become windows.
      on_windows: called with the number of windows made since the last call;
        not through Beam.
      beam_refusal: build through Apache Beam, see `beam_examples.examples`.
      parts: where the windows of a recording are kept once they are done.
      **kwargs: of the TFDS builder: `config`, `data_dir`, `file_format`.
    """
    self._source_dir = source_dir
    self._track = track
    self._recipe = recipe
    self._on_windows = on_windows or (lambda windows: None)
    self._beam_refusal = beam_refusal
    self._parts = parts
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    spec = feature_spec(self._recipe.feature_set)
    shape = (spec.window_frames, spec.bands, len(spec.channels))
    array = functools.partial(
      tfds.features.Tensor, dtype=np.float32, encoding="bytes"
    )
    features = {
      "features": array(shape=shape),
      "pose": array(shape=(spec.window_frames, BODY21.num_joints, 3)),
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

  def _generate_examples(self, source_dir: str, track: str) -> Any:
    config = self.builder_config
    examples, found = track_examples.find(
      source_dir,
      track,
      released=config is not None and config.name == "released",
      recipe=self._recipe,
      parts=self._parts,
    )
    if self._beam_refusal is None:
      return enumerate(self._in_turn(examples, found))
    from bgm2pose_jax.datasets.ampl import beam_examples  # pyright: ignore

    return beam_examples.examples(examples, found, self._beam_refusal)

  def _in_turn(
    self, examples: track_examples.TrackExamples, found: Iterable[Any]
  ) -> Iterator[dict[str, Any]]:
    with examples.reader(self._on_windows) as read:
      for recording in found:
        yield from read(recording)


def feature_spec(feature_set: str) -> FeatureSpec:
  """Returns the specification of a named feature set."""
  from bgm2pose_jax.systems.bgm2pose import features

  return features.get_feature_set(feature_set).spec
