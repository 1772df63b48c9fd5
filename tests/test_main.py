"""The main command as a user types it, in processes of its own."""

from __future__ import annotations

import glob
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import raw_fixture
import soundfile

from bgm2pose_jax.systems.bgm2pose import features, trained
from bgm2pose_jax.systems.bgm2pose.features import normalisation
from bgm2pose_jax.systems.bgm2pose.predict import predictor
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair

CONTRACT = {
  "setting", "fold", "seed", "model", "preset", "dataset", "simulated",
  "test_tracks", "test_subjects", "windows", "rmse", "mae", "pckh50",
  "mean_pose", "ridge", "music_only", "per_part", "per_joint", "per_track",
}  # fmt: skip
TINY = (
  "--set=network.width=0.03125",
  "--set=network.stem_pool=8",
  # The most to compile, and in every other test of training.
  "--set=network.frequency_attention=false",
  "--set=batch.size=8",
  "--set=optim.epochs=4",
  "--set=optim.steps_per_epoch=3",
  "--set=run.log_every_steps=2",
)


def _command(folder: pathlib.Path, *flags: str) -> list[str]:
  return [
    sys.executable,
    "-m",
    "bgm2pose_jax.main",
    f"--data_dir={folder / 'cache'}",
    *TINY,
    *flags,
  ]


def _environment(folder: pathlib.Path) -> dict[str, str]:
  return os.environ | {
    # Nothing of the user's cache is read or written.
    "XDG_CACHE_HOME": str(folder / "user"),
    # Compiles in a third of the time; other tests run optimised programs.
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
  }


def _run(folder: pathlib.Path, *flags: str, code: int = 0):
  done = subprocess.run(
    _command(folder, *flags),
    capture_output=True,
    text=True,
    check=False,
    env=_environment(folder),
  )
  assert done.returncode == code, done.stdout + done.stderr
  return done


def _stop_after_a_save(
  folder: pathlib.Path, *flags: str, how: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
  """Stops a run after a saved epoch, in the middle of what follows."""
  (work,) = (
    pathlib.Path(f.partition("=")[2]) for f in flags if "--workdir" in f
  )
  process = subprocess.Popen(
    _command(folder, *flags),
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
    env=_environment(folder),
  )
  before = _saved(work)
  deadline = time.monotonic() + 300
  while _saved(work) <= before:
    assert process.poll() is None, "ended before it could be killed"
    assert time.monotonic() < deadline
    time.sleep(0.02)
  os.kill(process.pid, how)
  _, said = process.communicate()
  return process.returncode, said


def _saved(work: pathlib.Path) -> set[pathlib.Path]:
  # Not Path.glob: it raises when a folder is renamed while it looks inside.
  found = glob.glob(f"{work}/**/checkpoints/[0-9]*/seal.json", recursive=True)
  return {pathlib.Path(path) for path in found}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
  """AMPL's file names, three people, one finished run.

  Two of them train: every person left out is another nine fits of ridge.
  """
  folder = tmp_path_factory.mktemp("main")
  raw_fixture.make_raw_folder(folder / "raw", seconds=9.6)
  data = folder / "raw" / "data"
  music, _ = soundfile.read(data / "sound_cut" / "arnor_input.WAV")
  bare = "subject_11_arnor_wo_mocap"
  raw_fixture.write_recording(data, bare, music, (9,), 9.6)
  (data / "poses_synchronized" / f"{bare}_position.csv").unlink()
  flags = (f"--ampl_dir={folder / 'raw'}", "--setting=single", "--fold=1")
  done = _run(folder, *flags, f"--workdir={folder / 'alone'}")
  return folder, flags, done


@pytest.mark.slow
def test_raw_folder_goes_from_build_to_page(raw):
  folder, _, done = raw
  work = folder / "alone"
  results = json.loads((work / "results.json").read_text())
  assert results.keys() >= CONTRACT
  assert results["simulated"] is False
  assert results["ridge"]["per_recording"] is True
  assert results["dataset"] == "ampl/raw"
  assert results["test_subjects"] == ["6"]
  assert results["test_tracks"] == ["arnor"]
  for row in ("mean_pose", "ridge", "music_only"):
    assert results[row].keys() >= {"rmse", "mae", "pckh50"}
  assert "mean pose" in done.stdout
  page = (work / "report.html").read_text()
  assert "<html" in page
  assert "http://" not in page.replace("http://www.w3.org", "")
  with np.load(work / "predictions.npz") as arrays:
    assert arrays["pred"].shape == arrays["target"].shape
    assert arrays["pred"].shape[1:] == (12, 21, 3)
    assert len(arrays["pred"]) == results["windows"]
    error = arrays["pred"].astype(np.float64) - arrays["target"]
  assert results["rmse"] == pytest.approx(np.sqrt((error**2).mean()), 1e-6)
  assert results["mae"] == pytest.approx(np.abs(error).mean(), 1e-6)
  config = json.loads((work / "config.json").read_text())
  assert config["config"]["batch"]["size"] == 8
  assert len(config["dataset"]["fingerprint"]) == 64
  text = (work / "metrics.jsonl").read_text()
  for word in ("_per_s", "seconds", "host", "time"):
    assert word not in text


@pytest.mark.slow
def test_sound_gives_the_poses_of_the_evaluation(raw):
  # From files through another path: no windows on disk, no table.
  folder, _, _ = raw
  sound = folder / "raw" / "data" / "sound_cut"
  recording, _ = soundfile.read(
    sound / "subject_6_arnor_cut.wav", dtype="float32"
  )
  music, _ = soundfile.read(sound / "arnor_input.WAV", dtype="float32")
  model = trained.load(str(folder / "alone"))
  assert model.train_tracks == ("arnor",)
  assert not model.simulated
  with np.load(folder / "alone" / "predictions.npz") as arrays:
    wanted, places = arrays["pred"], arrays["window_index"]
  frames = features.extract_long(recording.T, music.T)
  windows = frames.reshape(-1, 12, *frames.shape[1:])
  # A table holds the statistics of annotated windows alone.
  own = normalisation.OwnStatistics(model.spec, model.layout)
  own.add(windows[places].reshape(-1, *frames.shape[1:]))
  rows = {k: np.stack([v] * len(places)) for k, v in own.row().items()}
  got = model.predict(windows[places], rows)
  np.testing.assert_allclose(got, wanted, atol=2e-4)

  # And the whole sound through the command's predictor.
  own.add(np.delete(windows, places, 0).reshape(-1, *frames.shape[1:]))
  rows = {k: np.stack([v] * len(windows)) for k, v in own.row().items()}
  pair = SoundPair(recording.T, music.T)
  options = predictor.Options(hop_ms=600, blend=1)
  found = predictor.predict([model], pair, options).track
  np.testing.assert_allclose(
    found.pose.reshape(-1, 12, 21, 3),
    model.predict(windows, rows),
    atol=2e-4,
  )


@pytest.mark.slow
def test_finished_run_answers_at_once_and_other_config_is_refused(raw):
  folder, flags, _ = raw
  work = f"--workdir={folder / 'alone'}"
  before = (folder / "alone" / "results.json").read_bytes()
  again = _run(folder, *flags, work)
  assert "finished before" in again.stdout
  assert (folder / "alone" / "results.json").read_bytes() == before
  refused = _run(folder, *flags, work, "--seed=5", code=2)
  assert "seed" in refused.stderr
  assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_killed_and_stopped_run_ends_in_the_same_bytes(raw):
  folder, flags, _ = raw
  work = folder / "killed"
  _stop_after_a_save(folder, *flags, f"--workdir={work}")
  assert not (work / "results.json").exists()
  code, said = _stop_after_a_save(
    folder, *flags, f"--workdir={work}", how=signal.SIGTERM
  )
  assert code == 75, said
  assert said.splitlines()[-1].startswith("stopped by SIGTERM")
  assert not (work / "results.json").exists()
  _run(folder, *flags, f"--workdir={work}")
  for name in ("results.json", "metrics.jsonl", "predictions.npz"):
    assert (work / name).read_bytes() == (
      folder / "alone" / name
    ).read_bytes(), name
  starts = [
    line
    for line in (work / "timing.jsonl").read_text().splitlines()
    if json.loads(line).get("event") == "start"
  ]
  assert len(starts) == 3


@pytest.mark.long
def test_runs_asked_for_together_are_those_of_separate_commands(raw):
  folder, flags, _ = raw
  many = folder / "many"
  done = _run(folder, *flags, "--seeds=0,3", f"--workdir={many}")
  assert "2 runs: separate (short runs on CPU" in done.stderr
  runs = {run.name.split("-")[3]: run for run in many.iterdir()}
  assert runs.keys() == {"seed0", "seed3"}
  for name in ("results.json", "metrics.jsonl", "predictions.npz"):
    alone = (folder / "alone" / name).read_bytes()
    assert (runs["seed0"] / name).read_bytes() == alone, name
    assert (runs["seed3"] / name).read_bytes() != alone, name


@pytest.mark.long
def test_replicas_killed_in_one_program_go_on_in_it(raw):
  folder, flags, _ = raw
  flags = (*flags[:2], "--folds=1,2", f"--workdir={folder / 'joined'}")
  _stop_after_a_save(folder, *flags, "--replicas=vmap")
  # As it began: nothing needs to be said again.
  done = _run(folder, *flags)
  assert "vmap (as they began)" in done.stderr
  (ours,) = (folder / "joined").glob("*fold1*")
  other = json.loads((ours / "results.json").read_text())
  assert other["test_subjects"] == ["6"]
  # The same run as apart, but for the rounding of another program.
  first = [
    json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    for run in (folder / "alone", ours)
  ]
  assert first[0]["step"] == first[1]["step"]
  assert first[0]["loss"] == pytest.approx(first[1]["loss"], rel=1e-2)


@pytest.mark.long
def test_mode_train_then_evaluate_with_weights_of_another_run(raw):
  folder, flags, _ = raw
  flags = (*flags, f"--init_from={folder / 'alone'}")
  work = f"--workdir={folder / 'tuned'}"
  _run(folder, *flags, work, "--mode=train")
  assert not (folder / "tuned" / "results.json").exists()
  _run(folder, *flags, work, "--mode=evaluate")
  results = json.loads((folder / "tuned" / "results.json").read_text())
  assert np.isfinite(results["rmse"])


def test_a_model_fitted_at_once_leaves_the_same_folder(raw):
  folder, flags, _ = raw
  work = folder / "still"
  done = subprocess.run(
    [
      *(sys.executable, "-m", "bgm2pose_jax.main", "--model=mean_pose"),
      f"--data_dir={folder / 'cache'}",
      *flags,
      f"--workdir={work}",
    ],
    capture_output=True,
    text=True,
    check=False,
    env=_environment(folder),
  )
  assert done.returncode == 0, done.stderr
  results = json.loads((work / "results.json").read_text())
  other = json.loads((folder / "alone" / "results.json").read_text())
  assert results["rmse"] == results["mean_pose"]["rmse"]
  assert results["ridge"] == other["ridge"]
  assert (results["parameters"], results["steps"]) == (63, 0)
  assert "<html" in (work / "report.html").read_text()


@pytest.mark.long
def test_plain_clothes_gives_predictions_and_a_page(raw):
  folder, flags, _ = raw
  work = folder / "plain"
  done = _run(folder, flags[0], "--setting=plain_clothes", f"--workdir={work}")
  assert "No ground truth" in done.stdout
  results = json.loads((work / "results.json").read_text())
  assert results["rmse"] is None
  assert results["test_subjects"] == ["11"]
  with np.load(work / "predictions.npz") as arrays:
    assert "target" not in arrays
    assert len(arrays["pred"]) == results["windows"] > 0
  assert "<html" in (work / "report.html").read_text()


WRONG = [
  (("--ampl_dir=nowhere",), "no such folder"),
  (("--dataset=ampl/raw",), "add --ampl_dir"),
  (("--set=batch.siez=1",), "no such field"),
  (("--test_track=polka",), "choose one of haze"),
  (("--fold=70",), "give 0 to"),
  (("--mocap_dir=nowhere",), "nowhere"),
  (("--joint_map=nowhere",), "without --mocap_dir"),
  (("--ampl_dir=.", "--joint_map=nowhere"), "drop one"),
  (("--model=wavenet",), "unknown model"),
  (("--set=network.width=0",), "network.width"),
  (("--init_from=nowhere",), "no such folder"),
  (("--mode=evaluate",), "train first"),
  (("--seed=4294967296",), "seed"),
  (("--model=ridge",), "network.width: no such field"),
  (("--set=data.inputs=all",), "choose one of difference"),
  (("--seeds=0,x",), "write --seeds=0,1,2"),
  (("--seeds=1,1",), "named twice"),
  (("--folds=0,1", "--test_subject=2"), "drop one"),
  (("--workdir=gs://bucket/run",), "mount the bucket"),
]
# Imports once what the command does; then each has a process of its own.
ONE_AFTER_ANOTHER = """
import json, os, sys
from bgm2pose_jax import main
from bgm2pose_jax.training import run

ends = []
for i, flags in enumerate(json.loads(sys.argv[2])):
  child = os.fork()
  if not child:
    os.dup2(os.open(f"{sys.argv[1]}/{i}", os.O_CREAT | os.O_WRONLY), 2)
    sys.argv = ["main", *flags]
    main.run()
  ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
  """For each of `WRONG` the exit code and what was said."""
  folder = tmp_path_factory.mktemp("wrong")
  asked = [_command(folder, *flags)[3:] for flags, _ in WRONG]
  done = subprocess.run(
    [sys.executable, "-c", ONE_AFTER_ANOTHER, str(folder), json.dumps(asked)],
    capture_output=True,
    text=True,
    check=False,
    env=_environment(folder),
  )
  assert done.returncode == 0, done.stderr
  ends = json.loads(done.stdout.splitlines()[-1])
  return {
    flags: (ends[i], (folder / str(i)).read_text())
    for i, (flags, _) in enumerate(WRONG)
  }


@pytest.mark.parametrize(("flags", "words"), WRONG)
def test_wrong_flags_are_one_line(refusals, flags, words):
  code, said = refusals[flags]
  assert code == 2, said
  assert words in said
  assert "Traceback" not in said
  assert [line for line in said.splitlines() if line.startswith("error: ")] == [
    said.splitlines()[-1]
  ]
