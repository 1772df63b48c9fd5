"""A system of another domain lives in one folder, from data to export."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import test_layers
import toy_system
from toy_system.system import SYSTEM, make_config
from toy_system.takes import NAMES

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.inference import export, trained_model
from bgm2pose_jax.inference.export import run_exported
from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.training import loop
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.run import run_all

FOLDER = pathlib.Path(toy_system.__file__).parent
EPOCHS, STEPS = 3, 13
# Formatted to 80 columns, each takes about two lines.
MOST_STATEMENTS = 150


def _find(model):
  assert model in SYSTEM.models
  return SYSTEM


@pytest.fixture(scope="module")
def home(tmp_path_factory):
  """Nothing of the user's cache is read or written."""
  folder = tmp_path_factory.mktemp("toy")
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(folder / "user"))
    # All runs have the same programs.
    patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    patch.setenv("BGM2POSE_SYSTEMS", "toy_system.system")
    path = (str(FOLDER.parent), os.environ.get("PYTHONPATH", ""))
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    yield folder


def _train(home, name, *changes, model="toy", **options):
  """Does runs of `changes` to the configuration; their results."""
  base = make_config("small", model, "none")
  configs = [schema.overlay(base, change) for change in changes or ({},)]
  chosen = {"workdir": str(home / name), "data_dir": str(home / "cache")}
  return run_all(SYSTEM, configs, Options(**chosen, **options))


def _command(home, module, *arguments, code=0):
  """Runs a command as a user types it; what it printed."""
  done = subprocess.run(
    [sys.executable, "-m", module, *map(str, arguments)],
    capture_output=True,
    text=True,
    check=False,
    cwd=test_layers.ROOT,
  )
  assert done.returncode == code, done.stdout + done.stderr
  return done.stdout if code == 0 else done.stderr


def _lines(folder):
  text = (folder / "metrics.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def alone(home, quick_compiling):
  """A run that nobody disturbed: its folder and results."""
  (results,) = _train(home, "alone")
  return home / "alone", results


def test_it_trains_by_its_own_schedule(alone):
  folder, results = alone
  lines = _lines(folder)
  steps = [line for line in lines if "loss" in line]
  assert steps[-1]["step"] == EPOCHS * STEPS
  assert steps[-1]["loss"] < 0.1 * steps[0]["loss"]
  # A line has the mean rate of its steps, one for each epoch's last.
  for line, first in ((steps[0], 0), (steps[-1], EPOCHS * STEPS - 1)):
    wanted = [0.03 * 0.99**step for step in range(first, line["step"])]
    assert line["learning_rate"] == pytest.approx(np.mean(wanted), 1e-5)
  hits = [line["validation_hit"] for line in lines if "loss" not in line]
  # The first of the epochs with the highest figure.
  assert results["steps"] == STEPS * (1 + int(np.argmax(hits)))


def test_a_stopped_run_ends_in_the_same_bytes(home, alone, monkeypatch):
  folder, _ = alone
  advance, calls = loop.Trainer._advance, []

  def counted(*arguments):
    calls.append(1)
    if len(calls) == STEPS + 5:
      os.kill(os.getpid(), signal.SIGTERM)
    return advance(*arguments)

  with monkeypatch.context() as patch:
    patch.setattr(loop.Trainer, "_advance", counted)
    with pytest.raises(stop_signal.Stopped), stop_signal.listening():
      _train(home, "stopped")
  assert not (home / "stopped" / "results.json").exists()
  _train(home, "stopped")
  for name in ("metrics.jsonl", "results.json", "report.html"):
    found = (home / "stopped" / name).read_bytes()
    assert found == (folder / name).read_bytes(), name


def test_two_seeds_train_in_one_program(home, alone, capsys):
  folder, results = alone
  first, second = _train(
    home, "seeds/s{seed}", {"seed": 0}, {"seed": 1}, replicas="unrolled"
  )
  form = json.loads((home / "seeds" / "s1" / "replicas.json").read_text())
  assert form == {"form": "unrolled", "runs": ["s0", "s1"]}
  for ours, wanted in zip(_lines(home / "seeds" / "s0"), _lines(folder)):
    assert ours == pytest.approx(wanted, rel=1e-3)
  assert first["gap"] == pytest.approx(results["gap"], rel=1e-3)
  assert second["gap"] != first["gap"]
  last = capsys.readouterr().out.splitlines()[-1]
  assert last.startswith(f"fold 0, seed 1: Gap (m) {second['gap']:.3f}, Hits ")


def test_results_hold_its_figures_and_groups(alone):
  folder, results = alone
  assert json.loads((folder / "results.json").read_text()) == results
  with np.load(folder / "predictions.npz") as arrays:
    gap = np.linalg.norm(arrays["pred"] - arrays["target"], axis=1)
    environment, player = arrays["environment"], arrays["player"]
  assert set(player) == {"ann"}
  assert results["gap"] == pytest.approx(gap.mean(), 1e-5)
  assert results["hit"] == pytest.approx((gap < 0.3).mean())
  assert results["gap"] < 0.5 * results["mean"]["gap"]
  gain = 100 * (1 - results["gap"] / results["mean"]["gap"])
  assert results["improvement_pct"] == {"gap": pytest.approx(gain)}
  assert results["per_environment"].keys() == set(NAMES["environment"])
  for name, group in results["per_environment"].items():
    rows = environment == name
    assert group["windows"] == rows.sum()
    assert group["gap"] == pytest.approx(gap[rows].mean(), 1e-5)
  assert results["per_player"].keys() == {"ann"}
  for key in ("gap", "hit"):
    low, high = results["interval_95"][key]
    assert low <= results[key] <= high
  assert results["test"] == {"player": ["ann"]}
  for word in ("track", "subject", "joint", "pose", "rmse"):
    assert word not in (folder / "results.json").read_text()


def test_its_report_has_its_table_and_panels(alone):
  folder, results = alone
  assert SYSTEM.report.text(results).splitlines()[-1].split() == [
    *("toy", f"{results['gap']:.3f}", f"{results['hit']:.2f}")
  ]
  page = (folder / "report.html").read_text()
  assert re.findall("<h2>(.*?)</h2>", page) == ["Figures", "Training"]
  assert f"<td>{results['gap']:.3f}</td>" in page
  assert f"<td>{results['mean']['gap']:.3f}</td>" in page
  assert "<svg" in page
  assert "validation Hits" in page


@pytest.mark.parametrize("key", NAMES)
def test_folds_leave_out_one_of_a_key(home, alone, key):
  _, results = alone
  changes = {"split_by": key, "fold": 1}
  (found,) = _train(home, f"mean-{key}", changes, model="mean")
  assert (found["test"], found["steps"]) == ({key: [NAMES[key][1]]}, 0)
  assert found["gap"] == found["mean"]["gap"] > results["gap"]
  with pytest.raises(InputError, match=f"--fold=3: there is no such {key}"):
    _train(home, "none", {"split_by": key, "fold": 3}, model="mean")


@pytest.mark.slow
def test_flags_choose_the_system(home):
  """One process parses the command line of each case anew."""
  script = """
import json, sys
from absl import flags
from bgm2pose_jax import main
for case in json.loads(sys.argv[1]):
  flags.FLAGS.unparse_flags()
  for name in main.flag_names():
    flags.FLAGS[name].unparse()
  flags.FLAGS(["main", *case])
  try:
    main.main(["main"])
  except SystemExit as error:
    print(error.code, file=sys.stderr)
"""
  refused = {
    ("--model=toy", "--setting=single"): "--setting: is no flag of toy",
    ("--model=mean", "--noise_snr_db=3"): "--noise_snr_db: is no flag of toy",
    ("--split_by=take",): "--split_by: is no flag of bgm2pose",
    ("--model=toy", "--preset=paper"): "--preset=paper: is no preset of toy",
    ("--model=toy", "--ablation=no_fa"): "--ablation=no_fa: is no ablation of",
    ("--ablation=narrow",): "--ablation=narrow: is no ablation of bgm2pose",
    ("--model=toy", "--fold=7"): "--fold=7: there is no such player",
    ("--model=ball",): "--model=ball: unknown model",
  }
  done = subprocess.run(
    [sys.executable, "-c", script, json.dumps(list(refused))],
    capture_output=True,
    text=True,
    check=True,
    cwd=test_layers.ROOT,
  )
  said = [line for line in done.stderr.splitlines() if line[0] in "e2"]
  assert len(said) == 2 * len(refused)
  for line, code, wanted in zip(said[::2], said[1::2], refused.values()):
    assert line.startswith(f"error: {wanted}")
    assert code == "2"


@pytest.mark.slow
def test_commands_train_and_sweep(home, alone):
  _, results = alone
  data = f"--data_dir={home / 'cache'}"
  said = _command(
    home, "bgm2pose_jax.main", "--model=toy", data, f"--workdir={home / 'own'}"
  )
  assert said.startswith(SYSTEM.report.text(results).splitlines()[0])
  found = json.loads((home / "own" / "results.json").read_text())
  assert found["gap"] == pytest.approx(results["gap"], rel=1e-3)

  out = home / "sweep"
  grid = ("--grid=optim.learning_rate=0.01,0.03", "--models=toy")
  said = _command(
    home, "launch.sweep", *grid, "--seeds=0", "--folds=0", "--workers=1",
    data, f"--out={out}",
  )  # fmt: skip
  assert "tables of the results" in said
  runs = sorted(path.name for path in (out / "runs").iterdir())
  assert runs == [
    f"toy-learning_rate{rate}-fold0-seed0" for rate in ("0.01", "0.03")
  ]
  table = (out / "tables" / "grid.md").read_text()
  assert "| | all runs Gap (m) | all runs Hits |" in table
  assert f"| mean place | {results['mean']['gap']:.3f} |" in table
  assert "| toy, learning\\_rate=0.03 | " in table
  assert "Places compared" in (out / "tables" / "report.html").read_text()


@pytest.mark.slow
def test_export_is_written_and_brought_back(home, alone):
  folder, _ = alone
  out, back = home / "export", home / "back"
  said = _command(
    home, "bgm2pose_jax.export", f"--checkpoint={folder}", f"--out={out}"
  )
  assert "locate: runs without this package" in said
  assert (out / "MODEL_CARD.md").read_text().startswith("# toy\n")
  model = trained_model.load(str(folder), _find)
  echo = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
  wanted = model.run({"echo": echo})
  (found,) = run_exported.predict({"echo": echo}, out).values()
  np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
  export.restore(export.read(out), back, _find)
  again = trained_model.load(str(back), _find)
  np.testing.assert_array_equal(again.run({"echo": echo}), wanted)


def test_its_folder_is_all_there_is_of_it():
  """Shared rooms are enough for it, and none of them knows it."""
  rooms = set(test_layers.FLOOR) - {"datasets", "systems", "main", "launch"}
  size = 0
  for path in FOLDER.glob("*.py"):
    for name in test_layers.imports(path):
      if name.startswith(("bgm2pose_jax", "launch")):
        assert test_layers.room(name) in rooms, name
    # What a docstring says is no statement.
    size += sum(
      isinstance(node, ast.stmt)
      and not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
      )
      for node in ast.walk(ast.parse(path.read_text()))
    )
  assert 0 < size <= MOST_STATEMENTS
  for path in test_layers.modules().values():
    assert not re.search(r"\btoy(_system)?\b", path.read_text()), path
