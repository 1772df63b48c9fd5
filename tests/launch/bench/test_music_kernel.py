"""The music kernel's benchmark runs and names its stages."""

from __future__ import annotations

import json

import pytest
import script_runs


@pytest.mark.long
def test_every_stage_has_a_line(tmp_path):
  out = tmp_path / "found.json"
  done = script_runs.run(
    "launch.bench.music_kernel",
    "--seconds=9.6",
    "--rounds=1",
    f"--json={out}",
    blocked=(),
  )
  assert done.returncode == 0, done.stderr
  assert "causal response" in done.stdout
  rows = {r["stage"]: r for r in json.loads(out.read_text())["rows"]}
  assert set(rows) == {
    "correlations",
    "solving",
    "static sound",
    "features",
    "whole",
    "whole, 1 ppm off",
    "causal response",
    "log-mel maps",
  }
  assert all(row["seconds"] > 0 for row in rows.values())
