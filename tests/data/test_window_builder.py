"""The shared builder stores what a table declares."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds
from toy_system.takes import Builder, Takes

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import window_builder

FIELDS = {"spec": {"frames": 7}}


def test_every_column_is_stored_as_its_kind():
  found = window_builder.features_of(Takes, FIELDS)
  assert set(found) == set(Takes.columns.all)
  for name in ("echo", "place"):
    assert found[name].np_dtype == np.float32
    values = np.arange(found[name].shape[0], dtype=np.float32)
    assert found[name].encode_example(values) == values.astype("<f4").tobytes()
  assert (found["echo"].shape, found["place"].shape) == ((7,), (2,))
  for name in ("take", "player", "environment", "recording"):
    assert isinstance(found[name], tfds.features.Text), name
  for name in ("kept", "measured"):
    assert found[name].np_dtype == np.bool_, name
  assert found["window_index"].np_dtype == np.int32


def test_a_number_that_says_nothing_of_use_is_an_integer():
  class Counted(Takes):
    columns = dataclasses.replace(Takes.columns, usable=("kept",))

  found = window_builder.features_of(Counted, FIELDS)
  assert found["kept"].np_dtype == np.bool_
  assert found["measured"].np_dtype == np.int32


def test_needs_examples_to_build(tmp_path):
  builder = Builder(table=Takes, fields=FIELDS, data_dir=tmp_path)
  with pytest.raises(InputError, match="no examples to build from"):
    builder.download_and_prepare(file_format="array_record")
