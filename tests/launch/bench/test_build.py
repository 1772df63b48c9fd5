from __future__ import annotations

import json

import pytest
import script_runs


@pytest.mark.long
def test_builds_and_stages_of_linked_recordings(tmp_path):
  path = tmp_path / "figures.json"
  done = script_runs.run(
    "launch.bench.build",
    "--minutes=0.1",
    "--recordings=3",
    "--rounds=1",
    f"--json={path}",
    blocked=(),
  )
  assert done.returncode == 0, done.stderr
  assert "3 recordings of 0.1 min, 30 windows" in done.stdout
  found = json.loads(path.read_text())
  (row,) = found["builds"]
  assert row["hours/min"] == pytest.approx(18 / 60 / row["s"])
  assert row["share"] == pytest.approx(row["floor s"] / row["s"])
  assert [stage["stage"] for stage in found["stages"]] == [
    "decode music",
    "poses and labels",
    "read audio",
    "features",
    "encode and write",
  ]
  each_s = row["s"] * 3600 / 18
  for stage in found["stages"]:
    share = stage["s an hour of audio"] / each_s
    assert stage["of plain build"] == pytest.approx(share)
    assert share > 0
