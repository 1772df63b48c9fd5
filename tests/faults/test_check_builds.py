"""Killed builds go on where they were; two at once do the work once."""

from __future__ import annotations

import json
import pathlib

import pytest
import script_runs

from tests.faults import build_faults


@pytest.mark.slow
@pytest.mark.usefixtures("quick_compiling")
def test_killed_builds_go_on_and_two_builds_do_the_work_once(
  tmp_path, monkeypatch
):
  monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
  build_faults.make_recordings(tmp_path, people=2, minutes=0.03)
  bench = build_faults.Bench(tmp_path)
  tally = build_faults.Tally("")
  bench.killed_often(tally, most=1)
  bench.together(tally)
  assert (tally.tried, tally.survived) == (2, 2)
  assert tally.made_twice == 0


def test_recordings_made_twice_and_other_records_are_seen(tmp_path):
  log = pathlib.Path(tmp_path, "log")
  log.write_text("begin a\nhave a\nbegin b\nbegin b\nhave b\n")
  assert build_faults.made_twice(log) == 0
  log.write_text(log.read_text() + "begin a\n")
  assert build_faults.made_twice(log) == 1


@pytest.mark.long
def test_all_faults_are_survived(tmp_path):
  path = tmp_path / "figures.json"
  done = script_runs.run(
    "tests.faults.check_builds", "--kills=5", f"--json={path}", blocked=()
  )
  assert done.returncode == 0, done.stdout + done.stderr
  rows = json.loads(path.read_text())["rows"]
  assert len(rows) == 6
  assert all(row["survived"] == row["tried"] > 0 for row in rows)
