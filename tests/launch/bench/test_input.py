"""Sides of the input benchmark deliver the same windows; no time counts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import script_runs

SMALL = ("--batch=4", "--windows=32", "--batches=3", "--rounds=1", "--steps=0")


@pytest.mark.long
def test_without_grain_and_torch_the_cache_is_measured(tmp_path):
  out = tmp_path / "found.json"
  done = script_runs.run(
    "launch.bench.input",
    *SMALL,
    f"--json={out}",
    blocked=("grain", "torch", "tensorflow_datasets", "librosa"),
  )
  assert done.returncode == 0, done.stderr
  assert "grain is not installed: nothing is streamed" in done.stdout
  assert "torch is not installed: the peer is missing" in done.stdout
  (row,) = json.loads(out.read_text())["delivered"]
  assert row["input"] == "device cache"
  assert row["windows/s"] == pytest.approx(4e3 / row["ms/batch"])
  assert row["share %"] == pytest.approx(
    row["floor ms"] / row["ms/batch"] * 100
  )
  assert "x best torch" not in row


def test_every_side_delivers_the_rows_of_a_round(tmp_path):
  pytest.importorskip("torch")
  from bgm2pose_jax.data import groups
  from launch.bench import input_sides, network

  table = network.made_up_windows(24)
  order = groups.EpochOrder(
    None, np.arange(24), 4, seed=0, steps=input_sides.UNTIMED + 2
  )
  sides = [input_sides.Ours(table, order, count, 2) for count in (None, 0, 1)]
  sides += [
    input_sides.TorchFiles(str(tmp_path), table, order, count)
    for count in (0, 1)
  ]
  for number in range(2):
    last = table.features[order(number)[-1]].sum(dtype=np.float64)
    for side in sides:
      _, found = side.run(number)
      assert found == pytest.approx(last, rel=1e-9), side.name
  for side in sides:
    side.close()


def test_a_batch_larger_than_the_split_is_one_line():
  done = script_runs.run("launch.bench.input", "--batch=64", "--windows=32")
  assert done.returncode == 2
  assert done.stderr.splitlines()[-1].startswith("error: --windows")
