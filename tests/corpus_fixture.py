"""One prepared folder for all tests of the data layer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import raw_fixture

from bgm2pose_jax.data import load
from bgm2pose_jax.data import prepared as prepared_lib
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


@dataclasses.dataclass(frozen=True)
class Corpus:
  raw: Path
  cache: Path
  prepared: prepared_lib.Prepared
  table: MusicWindows


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
  root = tmp_path_factory.mktemp("corpus")
  raw = raw_fixture.make_raw_folder(root / "raw", tracks=("arnor", "jazz"))
  prepared = prepared_lib.prepare(
    prepare.open_source("ampl/raw", str(raw)),
    data_dir=root / "cache",
    progress=False,
  )
  table = load.load(prepared, None, MusicWindows)
  return Corpus(raw, root / "cache", prepared, table)
