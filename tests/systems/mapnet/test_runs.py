"""MAPnet trains, resumes, replicates, evaluates and exports."""

from __future__ import annotations

import json
import os
import re
import signal

import numpy as np
import pytest
import soundfile
import telmi_fixture
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.files import array_file
from bgm2pose_jax.inference import export, trained_model
from bgm2pose_jax.inference.export import run_exported
from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.systems.mapnet import noise
from bgm2pose_jax.systems.mapnet.refine import __main__ as refine
from bgm2pose_jax.systems.mapnet.refine import binding
from bgm2pose_jax.systems.mapnet.system import SYSTEM, make_config
from bgm2pose_jax.systems.mapnet.task import RefinePoses
from bgm2pose_jax.training import loop
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.run import run_all

EPOCHS, STEPS = 2, 3
SMALL = {
  "data.simulate.players": 2,
  "data.simulate.takes": 5,
  "data.simulate.take_s": 6.0,
  "data.variants": 3,
  "batch.size": 8,
  "optim.epochs": EPOCHS,
  "optim.steps_per_epoch": STEPS,
  "run.log_every_steps": 1,
}
NETWORK = {
  "network.width": 16,
  "network.heads": 2,
  "network.mlp": 16,
  "network.branch_layers": 1,
  "network.fusion_layers": 1,
}
# Of each of two players one take of five, four windows, three variants.
TEST_WINDOWS = 2 * 4 * 3


@pytest.fixture(scope="module")
def home(tmp_path_factory):
  """Nothing of the user's cache is read or written."""
  folder = tmp_path_factory.mktemp("mapnet")
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(folder / "user"))
    yield folder


def _configs(*changes, model="mapnet", ablation="none"):
  small = SMALL | (NETWORK if model == "mapnet" else {})
  if model == "pot":
    small |= {k: v for k, v in NETWORK.items() if "fusion" not in k}
  base = make_config("demo", model, "none")
  if ablation != "none":
    base = schema.overlay(base, NETWORK)
    base = make_config_of(base, ablation)
  base = schema.overlay(base, small if ablation == "none" else SMALL)
  return [schema.overlay(base, change) for change in changes or ({},)]


def make_config_of(base, ablation):
  from bgm2pose_jax.systems.mapnet.presets import ablations

  return ablations.apply(base, ablation)


def _train(home, name, *changes, model="mapnet", ablation="none", **options):
  chosen = {"workdir": str(home / name), "data_dir": str(home / "cache")}
  configs = _configs(*changes, model=model, ablation=ablation)
  return run_all(SYSTEM, configs, Options(**chosen, **options))


def _lines(folder):
  text = (folder / "metrics.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def alone(home, quick_compiling):
  """A run that nobody disturbed: its folder and results."""
  (results,) = _train(home, "alone")
  return home / "alone", results


def _mpjpe_mm(predicted, target):
  off = predicted.astype(np.float64) - target
  return 1000 * np.sqrt((off**2).sum(axis=-1)).mean()


@pytest.mark.slow
def test_results_hold_the_figures_of_the_predictions(alone):
  folder, results = alone
  with np.load(folder / "predictions.npz") as arrays:
    pred, target = arrays["pred"], arrays["target"]
    player, variant = arrays["player"], arrays["variant"]
  assert pred.shape == (TEST_WINDOWS, 150, 13, 3)
  assert results["windows"] == TEST_WINDOWS
  assert results["simulated"] is True
  assert results["targets_in_training"] is None
  assert results["mpjpe_mm"] == pytest.approx(_mpjpe_mm(pred, target), 1e-6)
  jerk = np.diff(pred.astype(np.float64) - target, n=2, axis=1)
  assert results["mpjae_mm_per_frame2"] == pytest.approx(
    1000 * np.linalg.norm(jerk, axis=-1).mean(), 1e-5
  )
  for name, row in results["per_player"].items():
    chosen = player == name
    assert row["windows"] == chosen.sum() == TEST_WINDOWS // 2
    assert row["mpjpe_mm"] == pytest.approx(
      _mpjpe_mm(pred[chosen], target[chosen]), 1e-6
    )
  assert set(variant) == {"0", "1", "2"}
  # The jitter's mean length, and joints in other joints' places.
  assert results["raw"]["mpjpe_mm"] > 0.9 * 1000 * 0.3 * np.sqrt(8 / np.pi) / 2
  assert results["sma"]["mpjpe_mm"] < results["raw"]["mpjpe_mm"]
  assert results["interval_95"]["blocks"] == 2


@pytest.mark.slow
def test_the_page_and_the_table_say_what_was_found(alone):
  folder, results = alone
  text = SYSTEM.report.text(results)
  assert text.startswith("SIMULATED DATA (mapdat/simulated): split by take")
  for key in ("raw", "sma", "nearest_take"):
    assert f"{results[key]['mpjpe_mm']:.1f}" in text
  page = (folder / "report.html").read_text()
  heads = re.findall("<h2>(.*?)</h2>", page)
  assert heads[:6] == [
    "Verdict",
    "Watch",
    "In time",
    "Worst moments",
    "Results",
    "MPJPE of each joint, mm",
  ]
  assert f"<td>{results['mpjpe_mm']:.1f}</td>" in page


@pytest.mark.slow
def test_a_stopped_run_ends_in_the_same_bytes(home, alone, monkeypatch):
  folder, _ = alone
  advance, calls = loop.Trainer._advance, []

  def counted(*arguments):
    calls.append(1)
    if len(calls) == STEPS + 2:
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


@pytest.mark.long
def test_two_seeds_train_in_one_program(home, alone):
  folder, results = alone
  first, second = _train(
    home, "seeds/s{seed}", {"seed": 0}, {"seed": 1}, replicas="unrolled"
  )
  for ours, wanted in zip(_lines(home / "seeds" / "s0"), _lines(folder)):
    assert ours == pytest.approx(wanted, rel=1e-3)
  assert first["mpjpe_mm"] == pytest.approx(results["mpjpe_mm"], rel=1e-4)
  assert second["mpjpe_mm"] != first["mpjpe_mm"]


@pytest.mark.slow
def test_variants_and_players_can_be_left_out(home, alone):
  (found,) = _train(
    home, "variant", {"split_by": "random_variant", "fold": 1}, model="sma"
  )
  assert found["test"] == {"variant": ["1"]}
  assert "clean target" in found["targets_in_training"]
  # The training set holds the very windows, with other noise.
  assert found["nearest_take"]["mpjpe_mm"] < 0.5 * found["mpjpe_mm"]
  assert "NOTE: split_by=random_variant" in SYSTEM.report.text(found)
  (found,) = _train(
    home, "player", {"split_by": "player"}, model="nearest_take"
  )
  assert found["test"] == {"player": ["P01"]}
  assert found["train"] == {"player": ["P02"]}
  assert found["mpjpe_mm"] == found["nearest_take"]["mpjpe_mm"]


@pytest.mark.slow
@pytest.mark.parametrize(
  "ablation",
  [pytest.param("no_audio", marks=pytest.mark.long), "shuffled_audio"],
)
def test_what_is_heard_can_be_taken_away(home, alone, ablation):
  _, results = alone
  (found,) = _train(home, ablation, ablation=ablation)
  assert found["ablation"] == ablation
  assert found["mpjpe_mm"] != results["mpjpe_mm"]
  assert found["raw"] == results["raw"]


@pytest.mark.slow
def test_datapacks_are_read_trained_on_and_refined(home, alone):
  _, results = alone
  (config,) = _configs()
  takes = SYSTEM.open_source(config).takes
  packs = telmi_fixture.write_takes(
    home / "packs",
    [
      takes.make(name) for player in takes.players().values() for name in player
    ],
  )
  assert len(list(packs.glob("*.zip"))) == 10
  given = SYSTEM.settle({"data.mapdat_dir": str(packs)})
  (found,) = _train(home, "telmi", given)
  assert found["dataset"] == "mapdat/telmi"
  assert found["simulated"] is False
  assert SYSTEM.report.text(found).startswith("RECORDED DATA (mapdat/telmi)")
  # The same takes, windows and noise, but for rounding in the files.
  assert found["windows"] == results["windows"]
  for name in ("raw", "sma", "nearest_take"):
    ours, wanted = found[name]["mpjpe_mm"], results[name]["mpjpe_mm"]
    assert ours == pytest.approx(wanted, rel=1e-3), name
  refiner = binding.load(str(home / "telmi"))
  assert refiner.simulated is False
  with np.load(home / "telmi" / "predictions.npz") as arrays:
    shape = arrays["pred"][:1, ::3].shape
  pose = refiner.refine(
    np.zeros(shape, np.float32), np.zeros((1, 150, 35), np.float32)
  )
  assert np.isfinite(pose).all()


def test_a_network_without_sound_refines_alike_whatever_is_heard():
  (config,) = _configs({"data.audio": "none"})
  task = RefinePoses(config)
  state = task.init_state(0, {"pose_mean": np.zeros((13, 3), np.float32)})
  poses = np.ones((1, 50, 13, 3), np.float32)
  silent, loud = (
    task.refine(state, poses, np.full((1, 150, 35), level, np.float32))
    for level in (0, 1)
  )
  np.testing.assert_array_equal(silent, loud)
  (config,) = _configs({"data.audio_scale": "take"})
  heard = RefinePoses(config).refine(
    state, poses, np.ones((1, 150, 35), np.float32)
  )
  assert not np.array_equal(heard, loud)


def test_ablations_change_depths_and_refuse_other_models():
  deep = {"network.branch_layers": 12, "network.fusion_layers": 2}
  base = schema.overlay(make_config("demo", "mapnet", "none"), deep)
  for ablation, depths in (
    ("early_fusion", (2, 12)),
    ("balanced_fusion", (7, 7)),
    ("none", (12, 2)),
  ):
    network = make_config_of(base, ablation).network
    found = network["branch_layers"], network["fusion_layers"]
    assert found == depths
  assert make_config_of(base, "no_rebalancing").network["rebalance"] is False
  with pytest.raises(InputError, match="takes a part out of mapnet, not of"):
    make_config("demo", "pot", "early_fusion")
  with pytest.raises(InputError, match="demo fuses early as it is"):
    make_config("demo", "mapnet", "early_fusion")
  for preset, layers in (("demo", 3), ("paper", 12)):
    assert make_config(preset, "pot", "none").network["branch_layers"] == layers
  with pytest.raises(InputError, match="no such fold"):
    SYSTEM.resolve(schema.overlay(base, {"fold": 5}), SYSTEM.open_source(base))


@pytest.mark.slow
def test_export_is_written_and_brought_back(home, alone):
  folder, _ = alone
  out, back = home / "export", home / "back"
  model = trained_model.load(str(folder), _find)
  export.write(model, out)
  rng = np.random.default_rng(0)
  poses = rng.normal(size=(2, 50, 13, 3)).astype(np.float32)
  audio = rng.normal(size=(2, 150, 35)).astype(np.float32)
  wanted = model.task.refine(model.state, poses, audio)
  given = {"poses": poses, "audio": audio}
  (found,) = run_exported.predict(given, out).values()
  np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
  export.restore(export.read(out), back, _find)
  again = trained_model.load(str(back), _find)
  np.testing.assert_array_equal(
    again.task.refine(again.state, poses, audio), wanted
  )


@pytest.fixture(scope="module")
def poor_take(home, alone):
  """A test take's second variant as files, and the windows' predictions."""
  folder, _ = alone
  out = home / "poor"
  out.mkdir()
  with np.load(folder / "predictions.npz") as arrays:
    name = str(arrays["take"][0])
    chosen = (arrays["take"] == name) & (arrays["variant"] == "1")
    order = np.argsort(arrays["window_index"][chosen])
    pred = arrays["pred"][chosen][order]
  (config,) = _configs()
  take = SYSTEM.open_source(config).takes.make(name)
  frames, seed = len(take.pose_m), config.data.noise_seed
  events = noise.draw_events(seed, name, 1, frames)
  key = noise.noise_key(seed, name, 1)
  swapped = noise.apply_events(
    take.pose_m[None], noise.window_events(events, 0, frames)[None]
  )
  jitter = noise.fixed_jitter(np.array([key]), np.array([0]), frames)
  poor = np.asarray(swapped + jitter)[0]
  rate = {"rate_hz": np.float64(50)}
  array_file.write(out / "poor.npz", {"pose_m": poor} | rate)
  turn = np.array([[0.6, 0, -0.8], [0, 1, 0], [0.8, 0, 0.6]])
  array_file.write(
    out / "moved.npz", {"pose_m": poor @ turn + [2.0, 0.3, -1.0]} | rate
  )
  array_file.write(out / "truth.npz", {"pose_m": take.pose_m} | rate)
  soundfile.write(
    out / "a.wav", take.sound, take.sample_rate_hz, subtype="FLOAT"
  )
  return out, pred, take.pose_m, turn


@pytest.fixture(scope="module")
def refiner(home, alone):
  """The run as the command loads it, once."""
  return binding.load(str(home / "alone"))


def _refined(refiner, folder, *more, poses="poor"):
  values = flags.FlagValues()
  refine.define_flags(values)
  files = {
    "checkpoint": "run",
    "poses": folder / f"{poses}.npz",
    "audio": folder / "a.wav",
    "out": folder / "out",
  }
  values(["refine", *(f"--{k}={v}" for k, v in files.items()), *more])
  said = refine.run(values, lambda _: refiner)
  with np.load(folder / "out" / "poses.npz") as found:
    return found["pose_m"], "\n".join(said)


@pytest.mark.slow
def test_refining_a_test_take_gives_the_evaluations_poses(refiner, poor_take):
  folder, pred, truth, _ = poor_take
  pose, said = _refined(
    refiner, folder, "--align=none", f"--truth={folder / 'truth.npz'}"
  )
  total, held = np.zeros(truth.shape), np.zeros((len(truth), 1, 1))
  for number, window in enumerate(pred):
    total[50 * number : 50 * number + 150] += window
    held[50 * number : 50 * number + 150] += 1
  assert held.min() == 1
  np.testing.assert_allclose(pose, total / held, atol=2e-4)
  figures = json.loads((folder / "out" / "metrics.json").read_text())
  assert figures["result"]["mpjpe_mm"] == pytest.approx(
    _mpjpe_mm(total / held, truth), rel=1e-4
  )
  assert "the network takes 16.67" in said
  last, _ = _refined(refiner, folder, "--align=none", "--overlap=last")
  np.testing.assert_allclose(last[:50], pred[0][:50], atol=2e-4)
  np.testing.assert_allclose(last[-150:], pred[-1], atol=2e-4)


@pytest.mark.slow
def test_a_take_seen_from_elsewhere_is_refined_alike(refiner, poor_take):
  folder, _, _, turn = poor_take
  straight, _ = _refined(refiner, folder)
  moved, _ = _refined(refiner, folder, poses="moved")
  wanted = straight.astype(np.float64) @ turn + [2.0, 0.3, -1.0]
  # The median pose of turned poses is not the median pose turned.
  assert np.abs(moved - wanted).max() < 0.1


def _find(model):
  assert model in SYSTEM.models
  return SYSTEM
