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
from launch.sweep import __main__, command

ONE = ("--models=ridge", "--test_tracks=haze", "--folds=0", "--seeds=0")
KUBERNETES = ("--engine=kubernetes", "--image=a", "--volume_claim=b")
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
    (("--engine=kubernetes", "--engine_option=qos=low"), "it knows image"),
    (("--engine=slurm", "--engine_option=array=1"), "is the sweep's to set"),
    (("--engine=slurm", "--time=1\n2"), "--time: holds a line break"),
    (
      ("--engine=slurm", "--time=1", "--engine_option=time=2"),
      "--time=1 says it too",
    ),
    (
      (*KUBERNETES, "--engine_option=image=b"),
      "--image=a says it too",
    ),
    ((*KUBERNETES, "--mount=sweep"), "begins with /"),
    (("--engine_option=mem=1G",), "--engine=local takes no options"),
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


@pytest.fixture
def tools(tmp_path, monkeypatch):
  """Makes commands that stand in for a cluster's, alone on PATH."""
  folder = tmp_path / "bin"
  folder.mkdir()
  monkeypatch.setenv("PATH", str(folder))

  def make(name, code):
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
    path.chmod(0o755)

  return make


@pytest.mark.parametrize(
  ("words", "said"),
  [
    (
      ("--engine=slurm", "--engine_option=qos=low", "--partition=a,b"),
      ("\n#SBATCH --qos=low\n", "\n#SBATCH --partition=a,b\n"),
    ),
    (
      (*KUBERNETES, "--engine_option=memory=64Gi"),
      ("            memory: 64Gi\n", "kubectl create -f '"),
    ),
    (
      ("--engine=skypilot", "--engine_option=use_spot=true"),
      ("resources:\n  use_spot: true\n", "sky launch '"),
    ),
    (("--engine=ray", "--engine_option=mem=1Gi"), ("memory: 1073741824\n",)),
  ],
)
def test_dry_run_shows_the_options_of_an_engine_and_no_secret(
  tmp_path, capsys, tools, words, said
):
  out = tmp_path / "my sweep"
  secret = "--engine_option=env.TOKEN=s3cret"
  assert _call(*ONE, *words, secret, "--dry_run", out=out) == 0
  shown = capsys.readouterr().out
  for text in said:
    assert text in shown
  assert "TOKEN" in shown
  assert "s3cret" not in shown
  assert not out.exists()


@pytest.mark.parametrize(
  ("words", "file"),
  [
    (("--engine=slurm",), "sweep.sbatch"),
    (KUBERNETES, "sweep.kubernetes.yaml"),
    (("--engine=skypilot",), "sweep.sky.yaml"),
  ],
)
def test_files_with_a_secret_are_the_owner_s_alone(
  tmp_path, tools, words, file
):
  out = tmp_path / "sweep"
  secret = "--engine_option=env.TOKEN=s3cret"
  assert _call(*ONE, *words, secret, out=out) == 0
  holders = [
    path
    for path in out.rglob("*")
    if path.is_file() and "s3cret" in path.read_text()
  ]
  assert holders == [out / file]
  assert holders[0].stat().st_mode & 0o077 == 0


def test_without_submit_kubectl_is_said_and_not_run(tmp_path, capsys, tools):
  tools("kubectl", "sys.exit('run')")
  out = tmp_path / "my sweep"
  assert _call(*ONE, *KUBERNETES, out=out) == 0
  said = capsys.readouterr().out
  assert f"start it with: kubectl create -f '{out}/sweep.kub" in said
  assert f"python -m launch.sweep '--out={out}' --status" in said


def test_submit_hands_the_file_to_kubectl_and_sky(tmp_path, capfd, tools):
  for name in ("kubectl", "sky"):
    tools(name, "print(*sys.argv[1:], bool(open(sys.argv[-1]).read()))")
  assert _call(*ONE, *KUBERNETES, "--submit", out=tmp_path / "a") == 0
  path = tmp_path / "a" / "sweep.kubernetes.yaml"
  assert f"create -f {path} True\n" in capfd.readouterr().out
  sky = ("--engine=skypilot", "--submit")
  assert _call(*ONE, *sky, out=tmp_path / "b") == 0
  path = tmp_path / "b" / "sweep.sky.yaml"
  assert f"launch --yes --detach-run {path} True\n" in capfd.readouterr().out


@pytest.mark.parametrize(
  ("words", "tool", "said", "fix"),
  [
    (("--engine=slurm",), "sbatch", "Invalid qos specification", "qos="),
    (
      (*KUBERNETES, "--submit"),
      "kubectl",
      'Error from server (NotFound): namespaces "lab" not found',
      "--engine_option=namespace=",
    ),
    (
      (*KUBERNETES, "--submit"),
      "kubectl",
      "The connection to the server localhost:8080 was refused - did you "
      "specify the right host or port?",
      "use-context",
    ),
    (
      ("--engine=skypilot", "--submit"),
      "sky",
      "sky.exceptions.ResourcesUnavailableError: no resource satisfying",
      "--accelerators",
    ),
    (("--engine=skypilot", "--submit"), "sky", "odd", "flags of SkyPilot"),
  ],
)
def test_a_submission_that_fails_quotes_the_tool(
  tmp_path, capsys, tools, words, tool, said, fix
):
  tools(tool, f"sys.exit({said!r})")
  assert _call(*ONE, *words, out=tmp_path / "sweep") == 2
  error = capsys.readouterr().err
  assert error.startswith(f"error: `{tool} ")
  assert f"{tool} ended with 1: {said}" in error
  assert fix in error.rpartition("; ")[2]
  assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
  ("words", "tool"),
  [
    (("--engine=slurm",), "sbatch"),
    (KUBERNETES, "kubectl"),
    (("--engine=skypilot",), "sky"),
  ],
)
def test_a_tool_that_is_missing_is_named(tmp_path, capsys, tools, words, tool):
  out = tmp_path / "sweep"
  assert _call(*ONE, *words, "--submit", out=out) == 2
  error = capsys.readouterr().err
  assert f"there is no {tool} here; install {tool}, or run it where" in error
  assert _call(*ONE, *words, "--nosubmit", out=out) == 0
  assert f"start it with: {tool} " in capsys.readouterr().out


def test_what_an_engine_refuses_leaves_nothing_behind(tmp_path, tools):
  words = (*KUBERNETES, "--engine_option=namespce=lab")
  assert _call(*ONE, *words, out=tmp_path / "sweep") == 2
  assert not (tmp_path / "sweep").exists()


def test_slurm_s_arrays_are_as_long_as_the_cluster_says(
  tmp_path, capsys, tools
):
  tools("scontrol", "print('MaxArraySize            = 3')")
  words = (*ONE[:2], "--folds=0", "--seeds=0,1,2,3,4", "--engine=slurm")
  dry = ("--workers=2", "--dry_run")
  assert _call(*words, *dry, out=tmp_path / "sweep") == 0
  shown = capsys.readouterr().out
  assert shown.count("id=$(sbatch --parsable") == 2
  assert shown.count("#!/bin/bash") == 2
  assert _call(*words, "--workers=2", out=tmp_path / "sweep") == 0
  said = capsys.readouterr().out
  assert "id=$(sbatch --parsable --dependency=afterany:" in said
  first, second = sorted((tmp_path / "sweep").glob("*.sbatch"))
  assert "#SBATCH --array=0-2%2\n" in first.read_text()
  assert "#SBATCH --array=0-1%2\n" in second.read_text()
  assert '--index="$((SLURM_ARRAY_TASK_ID + 3))"' in second.read_text()


def test_help_names_the_flags_of_engines():
  shown = flags.FLAGS.module_help(__main__)
  for flag in ("--engine_option:", "--[no]submit:", "--partition:", "--out:"):
    assert flag in shown
