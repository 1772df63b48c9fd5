"""Tables become the right cells, each told apart."""

from __future__ import annotations

import pytest
from absl import flags
from absl.testing import flagsaver

from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.posekernel.comparison import COMPARISON, data_label
from bgm2pose_jax.systems.posekernel.config import INPUTS, SPLITS
from bgm2pose_jax.systems.posekernel.sweep import SWEEP
from launch.sweep import command, expansion, tables

TABLES = {
  "posekernel_main": (
    [
      "PoseKernelLifter, keypoints and kernels",
      "PoseKernelLifter, keypoints alone (oracle 2D)",
      "PoseKernelLifter, kernels alone",
    ],
    ["split by environment", "split by block"],
  ),
  "posekernel_pairs": (
    [
      "PoseKernelLifter, keypoints and kernels",
      "PoseKernelLifter, kernels alone",
    ],
    ["4 pairs", "3 pairs", "2 pairs", "1 pairs"],
  ),
  "posekernel_noise": (
    [
      "PoseKernelLifter, keypoints and kernels",
      "PoseKernelLifter, kernels alone",
    ],
    ["30 dB", "20 dB", "10 dB"],
  ),
  "posekernel_walls": (
    [
      "PoseKernelLifter, keypoints and kernels",
      "PoseKernelLifter, keypoints alone (oracle 2D)",
      "PoseKernelLifter, kernels alone",
    ],
    ["walls of an unseen room"],
  ),
}


def _cells(table, grid=(), **chosen):
  return tables.make_cells(SWEEP, table, tables.parse_grid(grid), chosen)


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_columns(table):
  cells = _cells(table)
  rows, columns = TABLES[table]
  assert list(dict.fromkeys(cell.row for cell in cells)) == rows
  assert list(dict.fromkeys(cell.column for cell in cells)) == columns
  assert len(cells) == len(rows) * len(columns)
  assert len({cell.run_name("") for cell in cells}) == len(cells)


def test_every_table_has_a_title():
  assert list(SWEEP.tables) == list(COMPARISON.titles) == list(TABLES)
  assert list(COMPARISON.by_group) == ["posekernel_walls"]


@pytest.mark.parametrize("table", TABLES)
def test_the_main_command_takes_the_flags_of_every_run(table):
  system = registry.of_model("posekernel")
  with flagsaver.flagsaver():
    runs = expansion.expand(system, table, _cells(table), seeds=(0, 1))
  folds = {run.fold for run in runs}
  # Five simulated rooms, five blocks.
  assert folds == set(range(5))
  assert len({run.name for run in runs}) == len(runs)


def test_flags_reach_the_configuration():
  wanted = {
    "posekernel_pairs": lambda c: str(c.data.pairs) + c.data.inputs,
    "posekernel_noise": lambda c: c.data.simulate.kernel_snr_db,
    "posekernel_walls": lambda c: c.data.simulate.moved_walls,
    "posekernel_main": lambda c: c.split_by + c.data.inputs,
  }
  for table, value in wanted.items():
    with flagsaver.flagsaver():
      configs = [
        expansion._config_of(registry.of_model("posekernel"), cell)
        for cell in _cells(table)
      ]
    found = [value(config) for config in configs]
    if table == "posekernel_walls":
      assert found == [True] * 3
    elif table == "posekernel_noise":
      assert set(found) == {30.0, 20.0, 10.0}
    elif table == "posekernel_pairs":
      assert len(set(found)) == 8
    else:
      assert found == [by + inputs for by in SPLITS for inputs in INPUTS]


def test_a_dry_run_lists_every_command(tmp_path, capsys):
  words = ("--table=posekernel_main", "--folds=4", "--dry_run")
  with flagsaver.flagsaver():
    flags.FLAGS(["sweep", f"--out={tmp_path}", *words])
    command.main(["sweep"])
  out = capsys.readouterr().out
  assert out.count("--model=posekernel") == 3 * 2 * 3, out
  assert "18 runs in " in out


def test_no_row_is_said_to_have_seen_an_image():
  for dataset in ("posekernel/simulated", "posekernel/released"):
    assert data_label(dataset, ()).endswith("oracle 2D")
  assert COMPARISON.literature is None
