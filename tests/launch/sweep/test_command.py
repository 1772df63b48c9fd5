"""The command line of sweeps: what goes to the runs and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import quick_sweep
from absl import flags
from absl.testing import flagsaver

from bgm2pose_jax.systems import registry
from launch.sweep import command

TINY = ("--set=data.simulate.subjects=3", "--set=data.simulate.minutes=0.5")


def _call(*words, out):
  """The command in this process; returns its exit code."""
  with flagsaver.flagsaver():
    flags.FLAGS(["sweep", f"--out={out}", *words])
    try:
      command.main(["sweep"])
    except SystemExit as done:
      return done.code
  return 0


def test_dry_run_prints_the_commands_and_touches_no_device(tmp_path):
  words = (
    "--table=noise",
    "--dry_run",
    f"--out={tmp_path / 'sweep'}",
    "--models=bgm2pose,wipose",
    "--folds=1",
    "--test_tracks=haze",
    "--preset=paper",
    "--nodeterministic",
    "--set=batch.size=8",
    *TINY,
  )
  done = subprocess.run(
    [sys.executable, "-m", "launch.sweep", *words],
    cwd=quick_sweep.ROOT,
    # The engine must not take the devices that the runs will need.
    env={**os.environ, "JAX_PLATFORMS": "no_such_platform"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  first, *rest = done.stdout.splitlines()
  assert first == (
    "python -m bgm2pose_jax.main --preset=paper --nodeterministic "
    "--set=batch.size=8 --set=data.simulate.subjects=3 "
    "--set=data.simulate.minutes=0.5 --setting=single --model=wipose "
    "--noise_snr_db=10 --test_track=haze --fold=1 --seed=0 "
    f"--workdir={tmp_path}/sweep/runs/single-haze-wipose-noise10-fold1-seed0"
  )
  assert rest[-1].startswith("6 runs in 6 jobs, 6 commands to do")
  assert not (tmp_path / "sweep").exists()


def test_a_sweep_is_written_and_goes_on_without_its_flags(tmp_path, capsys):
  out = tmp_path / "sweep"
  asked = ("--models=ridge", "--folds=0,2", "--seeds=5", "--group", *TINY)
  slurm = ("--engine=slurm", "--time=1:00:00")
  assert _call(*asked, *slurm, out=out) == 0
  book = json.loads((out / "sweep.json").read_text())
  assert book["base_flags"] == list(TINY)
  assert [run["name"] for run in book["runs"]][:2] == [
    "single-haze-ridge-fold0-seed5",
    "single-haze-ridge-fold2-seed5",
  ]
  assert book["runs"][0].keys() == {
    "name", "table", "row", "column", "setting", "track", "fold", "seed",
    "model", "ablation", "flags",
  }  # fmt: skip
  assert book["jobs"][0]["runs"] == [run["name"] for run in book["runs"][:2]]
  assert "#SBATCH --time=1:00:00" in (out / "sweep.sbatch").read_text()
  capsys.readouterr()
  assert _call("--dry_run", out=out) == 0
  assert "--folds=0,2 --seeds=5" in capsys.readouterr().out
  assert _call(*asked, "--dry_run", out=out) == 0
  assert _call("--status", out=out) == 0
  assert "waiting      8" in capsys.readouterr().out
  assert _call(*asked, *slurm, "--preset=paper", out=out) == 2
  assert "--preset=paper" in capsys.readouterr().err


def test_a_cell_that_sets_a_flag_of_all_runs_is_left_out(
  tmp_path, capsys, monkeypatch
):
  whole = {"setting": "single", "model": "ridge"}
  noisy = {**whole, "noise_snr_db": "10"}
  known = registry.of_model("ridge").sweep.tables
  words = (
    "--table=main",
    "--dry_run",
    "--test_tracks=haze",
    "--folds=0",
    "--seeds=0",
    *TINY,
  )
  monkeypatch.setitem(known, "main", [whole, noisy])
  assert _call(*words, out=tmp_path / "sweep") == 0
  assert "2 runs in 2 jobs" in capsys.readouterr().out
  shared = (*words, "--noise_snr_db=5")
  assert _call(*shared, out=tmp_path / "sweep") == 0
  out = capsys.readouterr().out
  assert "1 runs in 1 jobs" in out
  assert "--noise_snr_db=10" not in out
  monkeypatch.setitem(known, "main", [noisy])
  assert _call(*shared, out=tmp_path / "sweep") == 2
  assert "--noise_snr_db=5.0: the sweep sets it too" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("words", "said"),
  [
    (("--setting=single",), "write --settings"),
    (("--model=ridge",), "write --models"),
    (("--test_subject=2",), "write --folds"),
    (("--workdir=runs",), "write --out"),
    (("--mode=train",), "every run trains and evaluates"),
    (("--seeds=1,1",), "names one twice"),
    (("--seeds=a",), "write --seeds=0,1,2"),
    (("--grid", "batch.size=1,2", "--set=batch.size=8"), "drop one"),
    (("--grid", "preset=demo,paper", "--preset=paper"), "drop one"),
    (("--data_dir=gs://bucket",), "mount the bucket"),
    (("--engine=kubernetes",), "add --image"),
  ],
)
def test_wrong_flags_are_one_line(tmp_path, capsys, words, said):
  code = _call("--table=main", "--dry_run", *words, out=tmp_path / "sweep")
  assert code == 2
  found = capsys.readouterr().err
  assert said in found
  assert found.startswith("error: ")
  assert len(found.splitlines()) == 1


@pytest.mark.parametrize(
  ("out", "said"),
  [
    ("", "--out: is missing"),
    ("s3://bucket/sweep", "mount the bucket"),
    ("a{fold}", "has a brace"),
    ("nowhere", "give --table"),
  ],
)
def test_a_folder_that_cannot_be_is_one_line(capsys, out, said):
  assert _call("--dry_run", out=out) == 2
  assert said in capsys.readouterr().err
