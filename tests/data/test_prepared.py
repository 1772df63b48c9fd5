"""A source of another system goes from its builder to a table."""

from __future__ import annotations

import contextlib
import dataclasses
import functools

import numpy as np
import pytest
import tensorflow_datasets as tfds
from takes import Takes

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import load, manifest, prepared

WINDOWS = 3


class Builder(tfds.core.GeneratorBasedBuilder):
  """Echoes of players in one environment."""

  VERSION = tfds.core.Version("1.0.0")

  def __init__(self, *, examples, **kwargs):
    self._examples = examples
    super().__init__(**kwargs)

  def _info(self):
    array = functools.partial(
      tfds.features.Tensor, dtype=np.float32, encoding="bytes"
    )
    text = dict.fromkeys(
      ("player", "environment", "clip", "recording"), tfds.features.Text()
    )
    numbers = {"window_index": np.int32, "kept": np.bool_, "measured": np.bool_}
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {"echo": array(shape=(2, 3)), "place": array(shape=(3,))}
        | text
        | numbers
      ),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    del dl_manager
    return {"everything": self._generate_examples()}

  def _generate_examples(self):
    return enumerate(self._examples())


@dataclasses.dataclass
class Source:
  """Two players in two environments; notes whose windows are made."""

  made: list[str] = dataclasses.field(default_factory=list)
  broken: str | None = None
  dataset: str = "takes/recorded"
  simulated: bool = False
  keeps_parts: bool = True
  window_bytes: int = 100
  raw_bytes: int = 0

  def sections(self):
    return ("hall", "lab", "empty")

  def usable_sections(self):
    return ("hall", "lab")

  def content(self):
    return {"takes": 4}

  def count_windows(self, sections):
    return dict.fromkeys(sections, 2 * WINDOWS)

  def folder(self, section, scratch, progress):
    del section, progress
    return contextlib.nullcontext(scratch)

  def manifest_fields(self, section):
    return {"environment": section, "spec": {"frames": 2}}

  def inventory(self):
    return None

  def builder(self, section, folder, stage, *, on_windows, beam_refusal, parts):
    del folder, beam_refusal

    def make(name, player):
      self.made.append(name)
      for at in range(WINDOWS):
        if name == self.broken and at:
          raise InputError(name, "is cut", "copy it again")
        on_windows(1)
        yield {
          "echo": np.full((2, 3), at, np.float32),
          "place": np.full(3, 10 * at, np.float32),
          "player": player,
          "environment": section,
          "clip": f"clip{at}",
          "recording": name,
          "window_index": at,
          "kept": at > 0,
          "measured": True,
        }

    def examples():
      for player in ("ann", "bo"):
        name = f"{player}-{section}"
        yield from parts.examples(
          name, functools.partial(make, name, player), on_windows
        )

    return Builder(data_dir=str(stage), examples=examples)


def test_columns_come_back_as_they_were_made(tmp_path):
  source = Source()
  made = prepared.prepare(source, data_dir=tmp_path, progress=False)
  assert list(made.dirs) == ["hall", "lab"]
  assert (made.fingerprint, False) == prepared.identify(source)
  name = f"recorded-{made.fingerprint[:12]}-{manifest.FORMAT}"
  assert made.dirs["lab"] == tmp_path / "prepared" / name / "lab"
  table = load.load(made, ("lab", "hall"), Takes)
  assert len(table) == 4 * WINDOWS
  assert table.environments == ("lab", "hall")
  assert list(table.named("recording")[:: WINDOWS]) == [
    "ann-lab", "bo-lab", "ann-hall", "bo-hall",
  ]  # fmt: skip
  index = np.tile(np.arange(WINDOWS), 4)
  np.testing.assert_array_equal(table.window_index, index)
  np.testing.assert_array_equal(table.echo[:, 1, 2], index)
  np.testing.assert_array_equal(table.place[:, 0], 10 * index)
  np.testing.assert_array_equal(table.kept, index > 0)
  assert table.kept.dtype == bool
  assert (table.spec, table.recordings_digest) == ({"frames": 2}, "")
  # Nothing is made twice.
  prepared.prepare(source, data_dir=tmp_path, progress=False)
  assert len(source.made) == 4


def test_a_build_goes_on_with_the_next_recording(tmp_path):
  source = Source(broken="bo-hall")
  with pytest.raises(InputError, match="bo-hall: is cut"):
    prepared.prepare(
      source, data_dir=tmp_path, sections=["hall"], progress=False
    )
  source.broken = None
  made = prepared.prepare(
    source, data_dir=tmp_path, sections=["hall"], progress=False
  )
  assert source.made == ["ann-hall", "bo-hall", "bo-hall"]
  assert len(load.load(made, None, Takes)) == 2 * WINDOWS


def test_sections_are_refused_by_name(tmp_path):
  source = Source()
  with pytest.raises(InputError, match="attic: unknown in takes/recorded"):
    prepared.prepare(source, data_dir=tmp_path, sections=["attic"])
  made = prepared.prepare(
    source, data_dir=tmp_path, sections=["lab"], progress=False
  )
  with pytest.raises(InputError, match="environment hall: was not prepared"):
    load.load(made, ["hall"], Takes)
  moved = dataclasses.replace(made, dirs={"hall": made.dirs["lab"]})
  with pytest.raises(InputError, match="holds environment lab"):
    load.load(moved, None, Takes)
