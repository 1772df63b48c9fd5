"""A source of another system goes from its builder to a table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from toy_system import takes
from toy_system.takes import Takes

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import load, manifest, prepared

WINDOWS = 3


@dataclasses.dataclass
class Source(takes.Source):
  """Notes whose windows are made; one of them may be broken."""

  length: int = WINDOWS
  made: list[str] = dataclasses.field(default_factory=list)
  broken: str | None = None

  def windows(self, player, environment, on_windows=lambda count: None):
    name = f"{player}-{environment}"
    self.made.append(name)
    for example in super().windows(player, environment, on_windows):
      if name == self.broken and example["window_index"]:
        raise InputError(name, "is cut", "copy it again")
      yield example


def test_columns_come_back_as_they_were_made(tmp_path):
  source = Source()
  made = prepared.prepare(source, data_dir=tmp_path, progress=False)
  assert list(made.dirs) == ["hall", "lab"]
  assert (made.fingerprint, True) == prepared.identify(source)
  name = f"made-{made.fingerprint[:12]}-{manifest.FORMAT}"
  assert made.dirs["lab"] == tmp_path / "prepared" / name / "lab"
  table = load.load(made, ("lab", "hall"), Takes)
  assert len(table) == 6 * WINDOWS
  assert table.environments == ("lab", "hall")
  assert list(table.named("recording")[:: WINDOWS]) == [
    "ann-lab", "bo-lab", "cy-lab", "ann-hall", "bo-hall", "cy-hall",
  ]  # fmt: skip
  index = np.tile(np.arange(WINDOWS), 6)
  np.testing.assert_array_equal(table.window_index, index)
  wanted = [
    example
    for environment in table.environments
    for player in table.players
    for example in takes.Source(WINDOWS).windows(player, environment)
  ]
  for name in ("echo", "place"):
    values = np.stack([example[name] for example in wanted])
    np.testing.assert_array_equal(table.column(name), values)
  assert list(table.named("take")) == [example["take"] for example in wanted]
  np.testing.assert_array_equal(table.kept, index > 0)
  assert table.kept.dtype == bool
  assert (table.spec, table.recordings_digest) == ({"frames": 5}, "")
  # Nothing is made twice.
  prepared.prepare(source, data_dir=tmp_path, progress=False)
  assert len(source.made) == 6


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
  assert source.made == ["ann-hall", "bo-hall", "bo-hall", "cy-hall"]
  assert len(load.load(made, None, Takes)) == 3 * WINDOWS


def test_sections_are_refused_by_name(tmp_path):
  source = Source()
  with pytest.raises(InputError, match="attic: unknown in takes/made"):
    prepared.prepare(source, data_dir=tmp_path, sections=["attic"])
  made = prepared.prepare(
    source, data_dir=tmp_path, sections=["lab"], progress=False
  )
  with pytest.raises(InputError, match="environment hall: was not prepared"):
    load.load(made, ["hall"], Takes)
  moved = dataclasses.replace(made, dirs={"hall": made.dirs["lab"]})
  with pytest.raises(InputError, match="holds environment lab"):
    load.load(moved, None, Takes)
