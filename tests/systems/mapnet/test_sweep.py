"""Tables 2 to 5 become the right cells, each told apart."""

from __future__ import annotations

import pytest
from absl import flags
from absl.testing import flagsaver

from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.mapnet.comparison import COMPARISON
from bgm2pose_jax.systems.mapnet.presets.ablations import DESCRIPTIONS
from bgm2pose_jax.systems.mapnet.sweep import SWEEP
from launch.sweep import command, expansion, tables

RATES = ["tau 1", "tau 0.5", "tau 0.33"]
# The table's rows, and its columns.
TABLES = {
  "mapnet_main": (
    ["LSTM Po", "LSTM PA", "PoT", "MAPnet w/o rebalancing", "MAPnet"],
    [*RATES, "tau 0.33, split by variant"],
  ),
  "mapnet_categories": (["LSTM Po", "LSTM PA", "PoT", "MAPnet"], RATES[2:]),
  "mapnet_fusion": (
    ["MAPnet early fusion", "MAPnet balanced fusion", "MAPnet"],
    RATES[2:],
  ),
  "mapnet_rebalancing": (["MAPnet w/o rebalancing", "MAPnet"], RATES[2:]),
}


def _cells(table, grid=(), **chosen):
  return tables.make_cells(SWEEP, table, tables.parse_grid(grid), chosen)


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_columns_are_the_papers(table):
  cells = _cells(table)
  rows, columns = TABLES[table]
  assert list(dict.fromkeys(cell.row for cell in cells)) == rows
  assert list(dict.fromkeys(cell.column for cell in cells)) == columns
  assert len({(cell.row, cell.column) for cell in cells}) == len(cells)
  assert len({cell.run_name("") for cell in cells}) == len(cells)


def test_every_table_has_a_title():
  assert list(SWEEP.tables) == list(COMPARISON.titles) == list(TABLES)


def test_every_model_of_the_main_table_runs_at_every_rate():
  found = {(c.model, c.ablation, c.column) for c in _cells("mapnet_main")}
  models = {(model, ablation) for model, ablation, _ in found}
  assert len(found) == len(models) * len(RATES) + 1


def test_the_split_of_the_paper_has_a_column_of_its_own():
  *others, last = _cells("mapnet_main")
  assert (last.row, last.column) == ("MAPnet", "tau 0.33, split by variant")
  assert last.flags == (
    "--tau=0.33",
    "--model=mapnet",
    "--split_by=random_variant",
  )
  assert last.run_name("") == "0.33-mapnet-random_variant"
  assert last.keys("") == {"tau": "0.33", "place": ""}
  assert not any("split_by" in flag for c in others for flag in c.flags)


def test_an_ablation_is_a_flag_and_a_label():
  early, *_, whole = _cells("mapnet_fusion")
  assert early.flags[-1] == "--ablation=early_fusion"
  assert early.run_name("") == "0.33-mapnet-early_fusion"
  assert whole.flags == ("--tau=0.33", "--model=mapnet")


def test_every_ablation_and_split_has_a_label():
  ablations, splits = ",".join(DESCRIPTIONS), "take,player,random_variant"
  cells = _cells(None, (f"ablation={ablations}", f"split_by={splits}"))
  assert len({(cell.row, cell.column) for cell in cells}) == 3 * len(
    DESCRIPTIONS
  )


def test_a_table_can_be_narrowed():
  cells = _cells("mapnet_main", model=("pot",), tau=("0.5",))
  assert [(cell.row, cell.column) for cell in cells] == [("PoT", "tau 0.5")]


@pytest.mark.parametrize("table", TABLES)
def test_the_main_command_takes_the_flags_of_every_run(table):
  system = registry.of_model("mapnet")
  # The demo fuses early as it is.
  with flagsaver.flagsaver(preset="paper"):
    runs = expansion.expand(system, table, _cells(table), seeds=(0, 1))
  folds = {}
  for run in runs:
    folds.setdefault(run.column, set()).add(run.fold)
    assert run.keys == {"tau": run.column.split()[1].strip(","), "place": ""}
  for column, found in folds.items():
    # Five groups of takes; ten noisy variants.
    assert found == set(range(10 if "variant" in column else 5))
  assert len({run.name for run in runs}) == len(runs)


def test_the_papers_whole_table_has_its_split(tmp_path, capsys):
  words = ("--table=mapnet_main", "--split_by=random_variant", "--dry_run")
  with flagsaver.flagsaver():
    flags.FLAGS(
      ["sweep", f"--out={tmp_path}", "--preset=paper", "--folds=9", *words]
    )
    command.main(["sweep"])
  out = capsys.readouterr().out
  assert out.count("--split_by=random_variant --tau=") == 15 * 3
  assert "45 runs in 45 jobs" in out
