"""PoseKernelLifter trains, is read from folders, evaluates and exports."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import stand_in_samples
from released_echoes_fixture import Form, write
from stand_in_samples import StandIn

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.inference import export, trained_model
from bgm2pose_jax.inference.export import run_exported
from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.systems.posekernel import source
from bgm2pose_jax.systems.posekernel.config import RELEASED, SIMULATED
from bgm2pose_jax.systems.posekernel.system import SYSTEM, make_config
from bgm2pose_jax.training import loop
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.run import run_all

EPOCHS, STEPS = 2, 2
SMALL = {
  "encoding.grid": [7, 7, 7],
  "encoding.voxel_m": 0.4,
  "loss.sigma_m": 0.4,
  "batch.size": 4,
  "optim.epochs": EPOCHS,
  "optim.steps_per_epoch": STEPS,
  "run.log_every_steps": 1,
}
NETWORK = {
  "network.width": 8,
  "network.sound_width": 4,
  "network.stages": 1,
  "network.depth": 1,
  "network.groups": 2,
}
SAMPLES, MOVED = 20, 4


def _open(config):
  """Made-up rooms in place of simulated ones."""
  if config.data.dataset == SIMULATED:
    moved = MOVED if config.data.simulate.moved_walls else 0
    return source.SampleSource(SIMULATED, StandIn(3, SAMPLES, moved))
  return source.source_of(config)


STOOD_IN = dataclasses.replace(SYSTEM, open_source=_open)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
  """Nothing of the user's cache is read or written."""
  folder = tmp_path_factory.mktemp("posekernel")
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(folder / "user"))
    yield folder


def _configs(*changes, model="posekernel"):
  small = SMALL | (NETWORK if model == "posekernel" else {})
  base = schema.overlay(make_config("demo", model, "none"), small)
  return [schema.overlay(base, change) for change in changes or ({},)]


def _train(home, name, *changes, model="posekernel", **options):
  chosen = {"workdir": str(home / name), "data_dir": str(home / "cache")}
  configs = _configs(*changes, model=model)
  return run_all(STOOD_IN, configs, Options(**chosen, **options))


@pytest.fixture(scope="module")
def alone(home, quick_compiling):
  """A run that nobody disturbed: its folder and results."""
  (results,) = _train(home, "alone", {"data.simulate.moved_walls": True})
  return home / "alone", results


def _mpjpe_cm(predicted, target):
  off = predicted.astype(np.float64) - target
  return 100 * np.sqrt((off**2).sum(axis=-1)).mean()


@pytest.mark.slow
def test_results_hold_the_figures_of_the_predictions(alone):
  folder, results = alone
  with np.load(folder / "predictions.npz") as arrays:
    pred, target = arrays["pred"], arrays["target"]
    walls, person, pairs = arrays["walls"], arrays["person"], arrays["pairs"]
    assert set(arrays["environment"]) == {"room1"}
  assert pred.shape == (SAMPLES, 15, 3)
  assert pairs.shape == (SAMPLES, 4, 3)
  assert results["windows"] == SAMPLES
  assert results["simulated"] is True
  assert results["keypoints"].startswith("oracle 2D")
  assert results["mpjpe_cm"] == pytest.approx(_mpjpe_cm(pred, target), 1e-6)
  for key, names in (("per_walls", walls), ("per_person", person)):
    assert list(results[key]) == sorted(set(names))
    for name, row in results[key].items():
      chosen = names == name
      assert row["windows"] == chosen.sum()
      assert row["mpjpe_cm"] == pytest.approx(
        _mpjpe_cm(pred[chosen], target[chosen]), 1e-6
      )
  assert results["per_walls"]["moved"]["windows"] == MOVED
  assert results["per_environment"]["room1"]["windows"] == SAMPLES
  # Two recordings of 16 and 4 samples.
  assert results["interval_95"]["blocks"] == 2
  grid = results["time_of_arrival"]["grid"]
  assert grid["read_out"] == "ray"
  assert grid["floor_cm"] == pytest.approx(0.48 * 40, rel=0.25)
  assert results["test"] == {"environment": ["room1"]}
  # Flat people of one shape: the image alone says how far they are.
  assert results["fixed_height"]["mpjpe_cm"] < 0.1


@pytest.mark.slow
def test_the_page_and_the_table_say_what_was_found(alone):
  folder, results = alone
  text = SYSTEM.report.text(results)
  first, second, third, *_ = text.splitlines()
  assert first.startswith(
    "SIMULATED DATA (posekernel/simulated): split by environment, fold 0"
  )
  assert second.startswith("oracle 2D")
  assert third.startswith("read-out ray; voxels of 40 cm, whose hard arg max")
  for key in SYSTEM.figures.baselines:
    assert f"{results[key]['mpjpe_cm']:.1f}" in text
  assert "By walls" in text
  assert "By environment" not in text  # there is one
  page = (folder / "report.html").read_text()
  assert re.findall("<h2>(.*?)</h2>", page)[:6] == [
    "Verdict",
    "Watch",
    "In time",
    "Worst moments",
    "From above",
    "Results",
  ]
  assert f"<td>{results['mpjpe_cm']:.1f}</td>" in page
  assert page.count("<title>pair ") == 4
  assert page.count("<title>true mid-hip, ") == SAMPLES


@pytest.mark.slow
@pytest.mark.long
def test_a_stopped_run_ends_in_the_same_bytes(home, alone, monkeypatch):
  folder, _ = alone
  advance, calls = loop.Trainer._advance, []

  def counted(*arguments):
    calls.append(1)
    if len(calls) == STEPS + 1:
      os.kill(os.getpid(), signal.SIGTERM)
    return advance(*arguments)

  change = {"data.simulate.moved_walls": True}
  with monkeypatch.context() as patch:
    patch.setattr(loop.Trainer, "_advance", counted)
    with pytest.raises(stop_signal.Stopped), stop_signal.listening():
      _train(home, "stopped", change)
  assert not (home / "stopped" / "results.json").exists()
  _train(home, "stopped", change)
  for name in ("metrics.jsonl", "results.json", "report.html"):
    found = (home / "stopped" / name).read_bytes()
    assert found == (folder / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("model", SYSTEM.closed_form)
def test_models_without_training_are_baselines(home, alone, model):
  _, results = alone
  (found,) = _train(
    home, model, {"data.simulate.moved_walls": True}, model=model
  )
  assert found["mpjpe_cm"] == results[model]["mpjpe_cm"]
  assert found["per_joint"] == results[model]["per_joint"]
  assert found["steps"] == 0
  assert SYSTEM.report.text(found).count(" cm off on average.") == 1


@pytest.mark.slow
@pytest.mark.long
def test_blocks_are_left_out_of_every_room(home, alone):
  (found,) = _train(
    home, "block", {"split_by": "block", "fold": 4}, model="ground_plane"
  )
  assert found["windows"] == 3 * SAMPLES // 5
  assert list(found["per_environment"]) == ["room1", "room2", "room3"]
  assert set(found["ground_plane"]["plane_of"].values()) == {
    "its own training ankles"
  }
  assert "By environment" in SYSTEM.report.text(found)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("inputs", ["visual", "audio"])
def test_inputs_can_be_taken_away(home, alone, inputs):
  given = {"data.inputs": inputs, "data.pairs": 2}
  (found,) = _train(home, inputs, SYSTEM.settle(given))
  assert found["time_of_arrival"]["pairs"] == 2
  page = (home / inputs / "report.html").read_text()
  assert page.count("<title>pair ") == 2
  assert np.isfinite(found["mpjpe_cm"])


@pytest.mark.slow
def test_a_released_folder_is_built_trained_on_and_evaluated(home, alone):
  wanted = write(home / "release", Form(scale=(1000.0, 1.0)), samples=SAMPLES)
  given = SYSTEM.settle({"data.posekernel_dir": str(home / "release")})
  assert given["data.dataset"] == RELEASED
  (found,) = _train(home, "released", given | {"fold": 1})
  assert found["dataset"] == RELEASED
  assert found["simulated"] is False
  assert found["keypoints"].startswith("oracle 2D")
  assert found["test"] == {"environment": ["environment2"]}
  assert found["windows"] == SAMPLES
  assert list(found["per_person"]) == ["unknown"]
  with np.load(home / "released" / "predictions.npz") as arrays:
    np.testing.assert_allclose(
      arrays["target"],
      [one.pose_m for one in wanted["environment2"]],
      atol=1e-5,
    )
  # People of one shape again, but keypoints with a detector's errors.
  assert 0.1 < found["fixed_height"]["mpjpe_cm"] < 15
  assert SYSTEM.report.text(found).startswith(
    "RECORDED DATA (posekernel/released)"
  )


@pytest.mark.slow
@pytest.mark.long
def test_export_is_written_and_brought_back(home, alone):
  folder, _ = alone
  out, back = home / "export", home / "back"
  model = trained_model.load(str(folder), _find)
  export.write(model, out)
  rng = np.random.default_rng(0)
  made = [stand_in_samples.sample("room1", i, rng) for i in range(2)]
  given = {
    "kernels": np.stack([one.kernels for one in made]),
    "pairs": np.stack([one.pairs_m for one in made]),
    "keypoints": np.stack([one.keypoints for one in made]),
    "camera": np.stack([one.camera.as_array() for one in made]),
    "grid_centre": np.stack([one.grid_centre_m for one in made]),
  }
  wanted = model.run(given)
  (found,) = run_exported.predict(given, out).values()
  np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
  described = json.loads((out / "config.json").read_text())
  assert described["voxel_m"] == 0.4
  assert described["joints"][8] == "MidHip"
  export.restore(export.read(out), back, _find)
  again = trained_model.load(str(back), _find)
  np.testing.assert_array_equal(again.run(given), wanted)


def _find(model):
  assert model in SYSTEM.models
  return SYSTEM


@pytest.mark.slow
@pytest.mark.long
def test_the_command_simulates_trains_and_evaluates(home):
  settings = {
    **{key: json.dumps(value) for key, value in (SMALL | NETWORK).items()},
    "data.simulate.environments": 2,
    "data.simulate.samples": 10,
  }
  done = subprocess.run(
    [
      *(sys.executable, "-m", "bgm2pose_jax.main", "--model=posekernel"),
      *("--split_by=block", "--pairs=3", "--moved_walls"),
      *(f"--set={key}={value}" for key, value in settings.items()),
      *(f"--workdir={home / 'command'}", f"--data_dir={home / 'made'}"),
    ],
    capture_output=True,
    text=True,
    check=False,
    env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
  )
  assert done.returncode == 0, done.stdout + done.stderr
  assert done.stdout.startswith("SIMULATED DATA (posekernel/simulated): split")
  found = json.loads((home / "command" / "results.json").read_text())
  assert found["windows"] == 4
  assert found["time_of_arrival"]["pairs"] == 3
  assert list(found["per_environment"]) == ["room01", "room02"]
  assert found["steps"] == EPOCHS * STEPS


def test_flags_that_exclude_each_other_are_refused(tmp_path):
  folder = {"data.posekernel_dir": str(tmp_path)}
  for given, message in (
    ({"data.dataset": RELEASED}, "add --posekernel_dir"),
    ({"data.dataset": SIMULATED, **folder}, "drop one"),
    ({"data.simulate.moved_walls": True, **folder}, "--moved_walls: is for"),
  ):
    with pytest.raises(InputError, match=message):
      SYSTEM.settle(given)
  assert SYSTEM.settle({"seed": 3}) == {"seed": 3}
  assert SYSTEM.settle({"data.inputs": "audio"})["read_out"] == "soft"


def test_presets_are_what_they_say():
  configs = [make_config(name, "posekernel", "none") for name in SYSTEM.presets]
  demo, short, paper, sgd = configs
  for config, name in zip(configs, SYSTEM.presets):
    assert config.preset == name
    SYSTEM.check(config)
    assert type(config).from_dict(schema.to_dict(config)) == config
  steps = [c.optim.epochs * c.optim.steps_per_epoch for c in (demo, short)]
  assert (steps, short.batch.size) == ([700, 300], 2)
  assert short.network == demo.network
  assert short.augment == demo.augment
  assert paper.encoding.grid == (70, 70, 50)
  assert paper.encoding.voxel_m == 0.05
  assert paper.network["stages"] == 6
  optim = paper.optim
  assert (optim.optimizer, optim.schedule) == ("adam", "cosine")
  assert (optim.learning_rate, optim.learning_rate_min) == (1e-3, 1e-5)
  assert (optim.epochs, paper.batch.size) == (70, 4)
  assert (sgd.optim.optimizer, sgd.optim.learning_rate) == ("sgd", 1.0)
  assert sgd.encoding == paper.encoding
  assert not make_config("paper", "fixed_height", "none").network


def test_fields_of_other_models_are_refused():
  config = make_config("demo", "fixed_height", "none")
  with pytest.raises(InputError, match="no field of fixed_height"):
    SYSTEM.check(dataclasses.replace(config, network={"width": 8}))
  config = make_config("demo", "posekernel", "none")
  with pytest.raises(InputError, match="layers"):
    SYSTEM.check(dataclasses.replace(config, network={"layers": 8}))
  with pytest.raises(InputError, match=r"data\.pairs: is 5"):
    schema.overlay(config, {"data.pairs": 5})
