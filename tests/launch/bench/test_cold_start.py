from __future__ import annotations

import pytest
import script_runs

from launch.bench import cold_start

pytestmark = pytest.mark.long


def test_a_second_start_finds_the_first_ones_programs(tmp_path, monkeypatch):
  # Programs this small compile in less than is kept otherwise.
  monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
  monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
  # The case decides, not what is in the environment.
  monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "other"))
  changes = {
    "network.width": 0.03125,
    "network.stem_pool": 16,
    "network.frequency_attention": False,
    "network.contrastive": False,
    "batch.size": 2,
  }
  programs = tmp_path / "programs"
  case = cold_start.Case("predict features", "demo", changes, str(programs))
  found = cold_start.measure(case)
  assert tuple(found) == (*cold_start.PHASES, "total")
  assert found["total"] == pytest.approx(
    sum(found[phase] for phase in cold_start.PHASES)
  )
  assert programs.stat().st_mode & 0o777 == 0o700
  kept = {p.name for p in programs.glob("*-cache")}
  assert kept
  cold_start.measure(case)
  assert {p.name for p in programs.glob("*-cache")} == kept
  assert not (tmp_path / "other").exists()

  restoring = cold_start.Case(
    case.kind, case.preset, changes, checkpoints=str(tmp_path / "saved")
  )
  cold_start.save_state(case, tmp_path / "saved")
  assert cold_start.measure(restoring)["parameters"] > 0


def test_both_starts_of_a_training_step_are_measured(tmp_path):
  found = script_runs.figures(
    "launch.bench.first_step",
    tmp_path / "rows.json",
    *script_runs.TINY,
    "--width=0.03125",
    "--batch=2",
  )
  # On CPU operations repeat anyway: one choice is enough.
  assert [(r["start"], r["deterministic"]) for r in found["rows"]] == [
    ("cold", "on"),
    ("warm", "on"),
  ]


def test_a_start_that_fails_says_why():
  case = cold_start.Case("train", "demo", {"network.width": 0.0})
  with pytest.raises(RuntimeError, match=r"network\.width"):
    cold_start.measure(case)
