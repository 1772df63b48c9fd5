"""PoseKernel as TFDS examples: one environment's samples, in sequence."""

from __future__ import annotations

from typing import ClassVar

import tensorflow_datasets as tfds

from bgm2pose_jax.data.window_builder import WindowBuilder


class Builder(WindowBuilder):
  """Samples of one environment: kernels, rig, keypoints and the true pose."""

  # README, CITATIONS and TAGS: TFDS would look below `bgm2pose_jax/`, where an
  # editable installation does not have this package.
  pkg_dir_path = tfds.core.Path(__file__).parent
  HOMEPAGE = "https://github.com/saic-ny/PoseKernelLifter"
  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES: ClassVar[dict[str, str]] = {
    "1.0.0": "Every sample in sequence, float32 as bytes."
  }
  BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
    tfds.core.BuilderConfig(
      name="simulated", description="Samples of simulated rooms and people."
    ),
    tfds.core.BuilderConfig(
      name="released", description="Samples of the released data set."
    ),
  ]
