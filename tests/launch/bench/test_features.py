from __future__ import annotations

import json

import jax.numpy as jnp
import pytest
import script_runs

from bgm2pose_jax.audio import mel
from launch.bench import feature_stages, product_count
from launch.bench.ceilings import Ceilings


@pytest.mark.slow
def test_ours_and_librosa_compute_the_same(tmp_path):
  path = tmp_path / "figures.json"
  done = script_runs.run(
    "launch.bench.features",
    "--windows=1,2",
    "--rounds=1",
    f"--json={path}",
    blocked=(),
  )
  assert done.returncode == 0, done.stderr
  found = json.loads(path.read_text())
  rows = found["rows"]
  assert [row["what"] for row in rows] == 2 * [
    "ours",
    "ours, resident",
    "librosa, published",
    "librosa, careful",
  ]
  for row in rows:
    assert row["windows/s"] == pytest.approx(1e3 * row["windows"] / row["ms"])
    if "differs" in row:
      # Noise is easy on float32; music is in tests/features.
      assert row["differs"]["db"] < 1e-4
      assert row["differs"]["intensity"] < 1e-5
      assert row["ours faster"] > 0
    else:
      assert row["share"] == pytest.approx(row["floor ms"] / row["ms"])
  assert rows[4]["floor ms"] == pytest.approx(2 * rows[0]["floor ms"])
  assert found["stages"] is None


@pytest.mark.long
def test_without_librosa_ours_is_measured_alone(tmp_path):
  path = tmp_path / "figures.json"
  done = script_runs.run(
    "launch.bench.features",
    "--windows=1",
    "--rounds=1",
    "--stages",
    f"--json={path}",
  )
  assert done.returncode == 0, done.stderr
  assert "librosa is not installed" in done.stdout
  found = json.loads(path.read_text())
  assert [row["what"] for row in found["rows"]] == ["ours", "ours, resident"]
  stages = found["stages"]
  assert [row["up to"] for row in stages] == [*feature_stages.operations(16)]
  own = sum(row["ms of its own"] for row in stages)
  assert own == pytest.approx(stages[-1]["ms"])


def test_mel_operations_are_those_of_the_traced_products():
  spectra = jnp.ones((3 * 12, 6, 1201))
  counted = product_count.count(
    lambda bins: mel.to_mel(bins, 48_000, 2400), spectra
  )
  # Besides: power, 3 a bin, and decibels, 2 a band.
  stated = feature_stages.operations(3)["mel and decibels"]
  assert stated - counted == 3 * 12 * 6 * (3 * 1201 + 2 * 128)
  # The band structure spares three quarters.
  assert counted < 0.3 * 2 * spectra.size * 128


def test_floor_is_the_larger_of_arithmetic_and_traffic():
  total = sum(feature_stages.operations(4).values())
  moved = 4 * 4 * (6 * 28_800 + 12 * 128 * 9)
  floor_s = feature_stages.floor_s
  assert floor_s(4, Ceilings(1e9, 1e15)) == pytest.approx(total / 1e9)
  assert floor_s(4, Ceilings(1e15, 1e9)) == pytest.approx(moved / 1e9)
