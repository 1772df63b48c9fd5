"""Tables and grids become the right runs, under safe names, or one error."""

from __future__ import annotations

import dataclasses
import re

import pytest
from absl import flags
from absl.testing import flagsaver

from bgm2pose_jax import main  # noqa: F401  (defines the flags of a run)
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison.entries import GRID
from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose import sweep as sweep_tables
from launch.sweep import expansion, tables

# AMPL's holdings by the published counts.
_AMBIENT = ("0", "1", "6", "7", "8", "9")
AMPL = splits.Holdings(
  genres=splits.AMPL_GENRES,
  subjects={
    "arnor": _AMBIENT,
    "mantron": _AMBIENT,
    "cirrus": tuple("0123456789"),
    "jazz": ("1", "2", "3", "4", "5"),
  },
  excluded=splits.AMPL_EXCLUDED_SUBJECTS,
)


@pytest.fixture
def ampl(monkeypatch):
  @dataclasses.dataclass
  class Source:
    def holdings(self):
      return AMPL

  monkeypatch.setattr(
    sweep_tables.prepare, "open_source", lambda *source: Source()
  )


def _expand(table, grid=(), models=None, settings=None, **more):
  system = registry.of_model("bgm2pose")
  cells = tables.make_cells(
    system.sweep,
    table,
    tables.parse_grid(grid),
    {"model": models, "setting": settings},
  )
  more = {"seeds": (0, 1, 2), **more}
  return expansion.expand(system, table or GRID, cells, **more)


# Folds of AMPL: 5 have arnor, 5 mantron, 8 cirrus, 3 jazz.
@pytest.mark.parametrize(
  ("table", "cells", "runs"),
  [
    ("main", 8, 2 * 4 * (5 + 5 + 8) * 3),
    ("cross_genre", 4, 4 * 3 * 3),
    ("ablation", 12, 2 * 6 * (5 + 5 + 8) * 3),
    ("noise", 4, 4 * (5 + 5 + 8) * 3),
  ],
)
def test_a_table_covers_tracks_folds_and_seeds(ampl, table, cells, runs):
  made = _expand(table)
  assert len({(run.row, run.column) for run in made}) == cells
  assert len(made) == runs
  names = [run.name for run in made]
  assert len(set(names)) == runs
  assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


def test_rows_columns_names_and_flags_are_the_papers(ampl):
  first, *_ = _expand("main")
  assert first.name == "single-arnor-wipose-fold0-seed0"
  assert (first.row, first.column) == ("WiPose", "single")
  assert first.flags == (
    "--setting=single",
    "--model=wipose",
    "--test_track=arnor",
    "--fold=0",
    "--seed=0",
  )
  assert first.group == "single-arnor-wipose"
  assert first.group_flags == list(first.flags[:3])
  rows = dict.fromkeys(run.row for run in _expand("ablation"))
  assert list(rows) == [
    "BGM2Pose",
    "w/o CPE",
    "w/o hard negatives",
    "w/o FA",
    "w/o BGM conditioning",
    "music only",
  ]
  last = _expand("noise")[-1]
  assert last.column == "single, 10 dB"
  assert last.name == "single-cirrus-bgm2pose-noise10-fold7-seed2"
  assert "--noise_snr_db=10" in last.flags
  assert _expand("cross_genre")[0].column == "cross-genre"


def test_a_table_can_be_narrowed(ampl):
  made = _expand(
    "main",
    models=("bgm2pose",),
    settings=("cross_music",),
    places=("cirrus",),
    folds=(7,),
    seeds=(4,),
  )
  assert [run.name for run in made] == [
    "cross_music-cirrus-bgm2pose-fold7-seed4"
  ]


def test_a_grid_multiplies_and_names_what_differs(ampl):
  made = _expand(
    None,
    ("network.width=0.125,0.25", "batch.size=8", "model=bgm2pose,wipose"),
    settings=("single", "cross_genre"),
    folds=(0,),
    seeds=(0,),
    places=("arnor", "jazz"),
  )
  assert [run.name for run in made] == [
    f"{setting}-{model}-width{width}-fold0-seed0"
    for setting in ("single-arnor", "cross_genre-jazz")
    for model in ("bgm2pose", "wipose")
    for width in ("0.125", "0.25")
  ]
  assert made[0].table == "grid"
  assert made[0].row == "BGM2Pose, width=0.125"
  assert "--set=network.width=0.125" in made[0].flags
  assert "--set=batch.size=8" in made[0].flags


def test_equal_names_are_told_apart(ampl):
  # Both values are unsafe in a file name and would read alike.
  made = _expand(
    None,
    ("init_from=a/b,a:b",),
    folds=(0, 1),
    seeds=(0,),
    places=("arnor",),
  )
  names = {run.name for run in made}
  assert len(names) == 4
  assert len({run.group for run in made}) == 2
  assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


@pytest.mark.parametrize(
  ("table", "more", "words"),
  [
    ("main", {"grid": ("model=ridge",)}, "narrow it with --models"),
    ("main", {"grid": ("seed=1,2",)}, "write --seeds"),
    ("main", {"grid": ("network.width",)}, "is no name=v1,v2"),
    ("main", {"grid": ("batch.size=1,1",)}, "names something twice"),
    ("main", {"grid": ("batch.siez=1",)}, "no such field"),
    ("main", {"grid": ("network.width=-1",)}, "network.width"),
    ("main", {"grid": ("no_flag=1",)}, "has no such flag"),
    ("main", {"grid": ("preset=huge",)}, "--grid preset=huge"),
    ("main", {"models": ("ridge",)}, "has no model 'ridge'"),
    ("main", {"settings": ("cross_genre",)}, "choose of single"),
    ("main", {"places": ("polka",)}, "polka"),
    ("main", {"folds": (8,)}, "--fold=8"),
    ("ablation", {"grid": ("ablation=none",)}, "--table=ablation chooses it"),
    (None, {"grid": ("ablation=none,no_cpee",)}, "no_cpee"),
    (None, {"models": ("wavenet",)}, "unknown"),
    (None, {"settings": ("plain_clothes",)}, "without poses"),
  ],
)
def test_what_cannot_be_is_refused(ampl, table, more, words):
  with pytest.raises(InputError, match=re.escape(words)):
    _expand(table, **more)


def test_tracks_of_one_genre_make_no_cross_genre_table(monkeypatch, ampl):
  genres = {"haze": "ambient", "tide": "ambient"}
  subjects = {track: ("0", "1", "2") for track in genres}
  held = splits.Holdings(genres=genres, subjects=subjects)
  monkeypatch.setitem(globals(), "AMPL", held)
  assert _expand("main")
  with pytest.raises(InputError, match="cross_genre two genres"):
    _expand("cross_genre")


def test_flags_are_as_before_afterwards(ampl):
  with flagsaver.flagsaver(set=["batch.size=8"]):
    before = flags.FLAGS.flag_values_dict()
    _expand(None, ("network.width=0.25", "preset=paper"), models=("wipose",))
    assert flags.FLAGS.flag_values_dict() == before
    assert flags.FLAGS["set"].value == ["batch.size=8"]
