"""Samples become examples, and wrong ones are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds
from bgm2pose_jax.datasets.posekernel.posekernel_dataset_builder import Builder
from stand_in_samples import StandIn, table

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.window_builder import SPLIT
from bgm2pose_jax.systems.posekernel import examples
from bgm2pose_jax.systems.posekernel.source import SampleSource
from bgm2pose_jax.systems.posekernel.table import SampleTable


def _source(**changes):
  return SampleSource("posekernel/simulated", StandIn(**changes))


def test_sections_are_environments_in_natural_order():
  source = _source(environments=11, samples=7)
  assert source.sections()[:3] == ("room1", "room2", "room3")
  assert source.sections()[-1] == "room11"
  assert source.count_windows(("room2",)) == {"room2": 7}
  assert source.content() != _source(environments=11, samples=8).content()
  assert source.keeps_parts is False


def test_window_bytes_are_those_of_the_arrays():
  (row, *_) = examples.examples(StandIn().make("room1"), 10)
  arrays = sum(row[name].nbytes for name in SampleTable.columns.arrays)
  assert 0 < _source().window_bytes - arrays < 500


def test_shapes_are_what_the_table_says():
  made = table(StandIn(moved=3))
  shapes = SampleTable.shapes({"spec": examples.spec()})
  for name, shape in shapes.items():
    assert made.column(name).shape[1:] == shape
  assert made.recordings[:2] == ("room1", "room1, walls moved")
  assert made.wall_states == ("as_built", "moved")
  assert set(made.named("walls", made.sample >= 7)) == {"moved"}


def test_builder_keeps_every_sample_in_order(tmp_path):
  seen = []
  builder = _source(samples=4).builder(
    "room2",
    tmp_path,
    tmp_path / "out",
    on_windows=seen.append,
    beam_refusal=None,
    parts=None,
  )
  builder.download_and_prepare(file_format="array_record")
  found = list(builder.as_data_source(SPLIT))
  wanted = list(StandIn().make("room2"))[:4]
  for row, sample in zip(found, wanted, strict=True):
    assert row["environment"] == b"room2"
    assert int(row["sample"]) == int(row["window_index"]) == sample.index
    np.testing.assert_array_equal(row["kernels"], sample.kernels)
    np.testing.assert_array_equal(row["pose"], sample.pose_m)
    assert row["camera"].tolist() == [610, 610, 640, 360, 1280, 720]
  assert seen == [1] * 4
  reader = tfds.builder_from_directory(str(builder.data_dir))
  assert reader.info.splits[SPLIT].num_examples == 4


def test_metadata(tmp_path):
  assert list(Builder.builder_configs) == ["simulated", "released"]
  info = Builder(
    config="released",
    data_dir=tmp_path,
    table=SampleTable,
    fields={"spec": examples.spec()},
  ).info
  assert info.name == "posekernel"
  assert "CC-BY-NC-4.0" in info.description
  assert "US 12423861 B2" in info.description
  assert "simulated from the" in info.description
  assert "yang2022posekernellifter" in info.citation


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"kernels": np.zeros((3, 3072))}, r"room1, sample 0: kernels has shape"),
    ({"pose_m": np.zeros((16, 3))}, r"pose_m has shape \(16, 3\)"),
    ({"keypoints": np.full((15, 3), np.nan)}, "keypoints holds values that"),
  ],
)
def test_samples_of_another_form_are_refused(change, message):
  first, *rest = StandIn().make("room1")
  wrong = dataclasses.replace(first, **change)
  with pytest.raises(InputError, match=message):
    list(examples.examples([wrong, *rest], 10))


def test_another_count_than_promised_is_refused():
  with pytest.raises(InputError, match="10 were made where 11 were promised"):
    list(examples.examples(StandIn().make("room1"), 11))


def test_who_is_not_known_is_unknown():
  made = (
    dataclasses.replace(one, person="") for one in StandIn().make("room1")
  )
  rows = list(examples.examples(made, 10))
  assert {row["person"] for row in rows} == {"unknown"}
