"""AMPL as TFDS examples: one track's windows, in sequence per recording."""

from __future__ import annotations

from typing import ClassVar

import tensorflow_datasets as tfds

from bgm2pose_jax.data.window_builder import WindowBuilder


class Builder(WindowBuilder):
  """Windows of one track of a folder of AMPL, raw or released.

  `valid` says which ones an annotation covers. A released folder holds those
  alone.
  """

  # README, CITATIONS and TAGS: TFDS would look below `bgm2pose_jax/`, where an
  # editable installation does not have this package.
  pkg_dir_path = tfds.core.Path(__file__).parent
  HOMEPAGE = "https://yutoshibata07.github.io/bgm2pose-project-page/"
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
