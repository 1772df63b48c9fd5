"""AMPL as TFDS examples: one track's windows, in sequence per recording."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21

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
    feature_shape: tuple[int, int, int] = (12, 128, 9),
    examples: Callable[[], Any] | None = None,
    **kwargs: Any,
  ):
    """Says what is written; nothing is made before `download_and_prepare`.

    Args:
      feature_shape: frames, bands and channels of `features`.
      examples: gives (key, example) pairs in order, or a root transform of
        Apache Beam that does; not needed to read what was built.
      **kwargs: of the TFDS builder: `config`, `data_dir`, `file_format`.
    """
    self._feature_shape = feature_shape
    self._examples = examples
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    array = functools.partial(
      tfds.features.Tensor, dtype=np.float32, encoding="bytes"
    )
    features = {
      "features": array(shape=self._feature_shape),
      "pose": array(shape=(self._feature_shape[0], BODY21.num_joints, 3)),
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
    if self._examples is None:
      raise InputError(
        "ampl", "no examples to build from", "give them to the builder"
      )
    return {SPLIT: self._generate_examples(self._examples)}

  def _generate_examples(self, examples: Callable[[], Any]) -> Any:
    return examples()
