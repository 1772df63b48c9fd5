"""MAPdat as TFDS examples: one player's windows, in sequence per variant."""

from __future__ import annotations

from typing import ClassVar

import tensorflow_datasets as tfds

from bgm2pose_jax.data.window_builder import WindowBuilder


class Builder(WindowBuilder):
  """Windows of one player's takes, each once for every noisy variant.

  `whole` says which ones motion capture covers.
  """

  # README, CITATIONS and TAGS: TFDS would look below `bgm2pose_jax/`, where an
  # editable installation does not have this package.
  pkg_dir_path = tfds.core.Path(__file__).parent
  HOMEPAGE = "https://arxiv.org/abs/2203.12829"
  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES: ClassVar[dict[str, str]] = {
    "1.0.0": "Every window in sequence, float32 as bytes."
  }
  BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
    tfds.core.BuilderConfig(
      name="simulated", description="Takes of simulated violinists."
    ),
    tfds.core.BuilderConfig(
      name="telmi", description="Takes of TELMI's datapacks (RepoVizz)."
    ),
  ]
