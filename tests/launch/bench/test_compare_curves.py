from __future__ import annotations

import json

import pytest
import script_runs

TINY = (
  "--width=0.03125",
  "--batch=4",
  "--steps=12",
  "--learning_rate=3e-3",
)
SMALL = (
  "network.stem_pool=16,network.contrastive=false,"
  "network.frequency_attention=false"
)


def _run(*arguments):
  return script_runs.run("launch.bench.compare_curves", *TINY, *arguments)


@pytest.mark.long
def test_the_same_settings_agree_and_others_do_not(tmp_path):
  kept = tmp_path / "before.json"
  done = _run(f"--case={SMALL}", f"--json={kept}")
  assert done.returncode == 0, done.stdout + done.stderr
  found = json.loads(kept.read_text())
  (curve,) = found["curves"].values()
  assert len(curve) == 12
  assert found["settings"]["width"] == 0.03125
  again = _run(f"--against={kept}", f"--case={SMALL}")
  assert again.returncode == 0, again.stdout + again.stderr
  assert "True" in again.stdout
  other = _run(f"--against={kept}", f"--case={SMALL},seed=1")
  assert other.returncode == 1, other.stdout + other.stderr
  assert "False" in other.stdout


def test_bad_files_are_one_line_and_code_2(tmp_path):
  done = _run(f"--against={tmp_path / 'none.json'}")
  assert done.returncode == 2
  assert "no such file" in done.stderr
  other = tmp_path / "other.json"
  other.write_text(json.dumps({"settings": {"width": 1}, "curves": {"": [1]}}))
  done = _run(f"--against={other}")
  assert done.returncode == 2
  assert "other settings" in done.stderr
