"""The TFDS builder by itself: metadata, fields, order."""

from __future__ import annotations

import numpy as np
import raw_fixture
import tensorflow_datasets as tfds
from bgm2pose_jax.datasets.ampl.ampl_dataset_builder import Builder

from bgm2pose_jax.data.window_builder import SPLIT
from bgm2pose_jax.systems.bgm2pose import features, prepare
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


def test_configs_and_metadata(tmp_path):
  assert list(Builder.builder_configs) == ["simulated", "raw", "released"]
  spec = features.get_feature_set("logmel_intensity").spec
  info = Builder(
    config="raw",
    data_dir=tmp_path,
    table=MusicWindows,
    fields={"spec": spec.to_dict()},
  ).info
  assert info.name == "ampl"
  assert "Acoustic Music-based Pose Learning" in info.description
  assert "shibata2026bgm2pose" in info.citation
  assert info.homepage.startswith("https://yutoshibata07.github.io/")
  assert info.features["features"].shape == (12, 128, 9)
  assert info.features["pose"].shape == (12, 21, 3)
  assert info.features["pose"].np_dtype == np.float32


def test_builds_examples_in_order(tmp_path):
  raw = raw_fixture.make_raw_folder(
    tmp_path / "raw", subjects=("10", "9"), seconds=1.8
  )
  seen = []
  builder = prepare.open_source("ampl/raw", str(raw)).builder(
    "arnor",
    raw,
    tmp_path / "out",
    on_windows=seen.append,
    beam_refusal=None,
    parts=None,
  )
  builder.download_and_prepare(file_format="array_record")
  examples = list(builder.as_data_source(SPLIT))
  found = [(e["subject"], int(e["window_index"])) for e in examples]
  assert found == [(s, i) for s in (b"9", b"10") for i in range(3)]
  assert seen == [3, 3]
  assert all(e["genre"] == b"ambient" for e in examples)
  assert all(np.isfinite(e["features"]).all() for e in examples)
  reader = tfds.builder_from_directory(str(builder.data_dir))
  assert reader.info.splits[SPLIT].num_examples == 6
