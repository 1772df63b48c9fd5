"""Sweeps over a system without tables, places or keys of its own."""

from __future__ import annotations

import json
import types

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison.entries import GRID
from bgm2pose_jax.contract.sweep import Sweep
from launch.sweep import book as book_lib
from launch.sweep import expansion, tables


def _resolve(config, source):
  if not config["fold"] < 2:
    raise InputError(f"--fold={config['fold']}", "no such fold", "give 0 or 1")
  return config, types.SimpleNamespace(fold_order=source)


@pytest.fixture
def toy(monkeypatch):
  """A system whose configuration is a dict; its data have two people."""
  monkeypatch.setattr(expansion.config_flags, "config", lambda: {"fold": 0})
  monkeypatch.setattr(
    expansion.schema, "overlay", lambda config, changes: {**config, **changes}
  )
  return types.SimpleNamespace(
    name="toy",
    sweep=Sweep(axes={"model": ("toy",)}),
    check=lambda config: None,
    open_source=lambda config: ("ann", "bob"),
    resolve=_resolve,
  )


def _expand(toy, grid=(), table=None, **more):
  cells = tables.make_cells(toy.sweep, table, tables.parse_grid(grid), {})
  return expansion.expand(toy, GRID, cells, seeds=(0, 1), **more)


def test_a_grid_alone_makes_the_runs(toy):
  made = _expand(toy, ("optim.epochs=2,4",))
  assert [run.name for run in made] == [
    f"toy-epochs{epochs}-fold{fold}-seed{seed}"
    for epochs in (2, 4)
    for fold in (0, 1)
    for seed in (0, 1)
  ]
  assert made[0].flags == (
    "--model=toy",
    "--set=optim.epochs=2",
    "--fold=0",
    "--seed=0",
  )
  assert (made[0].row, made[0].column) == ("toy, epochs=2", "all runs")
  assert (made[0].place, made[0].keys) == ("", {})


def test_its_book_reads_back(toy, tmp_path):
  book = book_lib.make(tmp_path, _expand(toy, ("ablation=none,no_fa",)), ())
  book_lib.save(book)
  assert book_lib.read(tmp_path) == book
  (line, *_) = json.loads((tmp_path / book_lib.BOOK).read_text())["runs"]
  assert line.keys() == {
    "name", "table", "row", "column", "fold", "seed", "model", "ablation",
    "flags",
  }  # fmt: skip
  assert {run.row for run in book.runs.values()} == {"toy", "toy, no_fa"}


def test_folds_are_those_of_the_split(toy):
  assert {run.fold for run in _expand(toy, folds=(1,))} == {1}
  with pytest.raises(InputError, match="no such fold"):
    _expand(toy, folds=(2,))


def test_a_table_it_has_not_is_refused(toy):
  with pytest.raises(InputError, match="--table=main: is no table"):
    _expand(toy, table="main")
