"""A run that was trained, on its own test takes: the evaluation's poses."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.mapnet import noise
from bgm2pose_jax.systems.mapnet.metrics import METRICS
from bgm2pose_jax.systems.mapnet.refine import __main__ as command
from bgm2pose_jax.systems.mapnet.refine import binding
from bgm2pose_jax.systems.mapnet.system import SYSTEM, make_config
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.run import run_all

pytestmark = pytest.mark.slow

SMALL = {
  "data.simulate.players": 2,
  "data.simulate.takes": 5,
  "data.simulate.take_s": 6.0,
  "data.variants": 2,
  "batch.size": 8,
  "optim.epochs": 1,
  "optim.steps_per_epoch": 2,
  "network.width": 16,
  "network.heads": 2,
  "network.mlp": 16,
  "network.branch_layers": 1,
  "network.fusion_layers": 1,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, quick_compiling):
  """A run, and of a take that it was tested on poor poses, truth and sound."""
  folder = tmp_path_factory.mktemp("trained")
  config = schema.overlay(make_config("demo", "mapnet", "none"), SMALL)
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(folder / "user"))
    run_all(
      SYSTEM,
      [config],
      Options(workdir=str(folder / "run"), data_dir=str(folder / "cache")),
    )
  with np.load(folder / "run" / "predictions.npz") as arrays:
    name = str(arrays["take"][0])
    chosen = (arrays["take"] == name) & (arrays["variant"] == "1")
    order = np.argsort(arrays["window_index"][chosen])
    windows = {k: arrays[k][chosen][order] for k in ("pred", "target")}
  take = SYSTEM.open_source(config).takes.make(name)
  frames = len(take.pose_m)
  seed = config.data.noise_seed
  events = noise.draw_events(seed, name, 1, frames)
  key = noise.noise_key(seed, name, 1)
  poor = noise.apply_events(
    jnp.asarray(take.pose_m)[None],
    jnp.asarray(noise.window_events(events, 0, frames))[None],
  ) + noise.fixed_jitter(jnp.array([key]), jnp.array([0]), frames)
  rate = {"rate_hz": np.float64(50)}
  array_file.write(folder / "poor.npz", {"pose_m": np.asarray(poor)[0]} | rate)
  array_file.write(folder / "truth.npz", {"pose_m": take.pose_m} | rate)
  soundfile.write(
    folder / "a.wav", take.sound, take.sample_rate_hz, subtype="FLOAT"
  )
  return folder, windows


def _run(folder, *more):
  values = flags.FlagValues()
  command.define_flags(values)
  values(
    [
      "refine",
      f"--checkpoint={folder / 'run'}",
      f"--poses={folder / 'poor.npz'}",
      f"--truth={folder / 'truth.npz'}",
      f"--audio={folder / 'a.wav'}",
      f"--out={folder / 'out'}",
      *more,
    ]
  )
  return command.run(values)


def test_poses_and_figures_are_those_of_the_evaluation(place):
  folder, windows = place
  said = "\n".join(_run(folder, "--align=none"))
  with np.load(folder / "out" / "poses.npz") as found:
    pose, truth = found["pose_m"], found["truth_m"]
    assert found["simulated"]
  count = len(windows["pred"])
  assert len(pose) == 300
  assert count == 4
  # The windows' own predictions, averaged where they overlap.
  total, held = np.zeros((300, 13, 3)), np.zeros((300, 1, 1))
  for number, window in enumerate(windows["pred"]):
    total[50 * number : 50 * number + 150] += window
    held[50 * number : 50 * number + 150] += 1
  assert held.min() == 1
  np.testing.assert_allclose(pose, total / held, atol=1e-4)
  figures = json.loads((folder / "out" / "metrics.json").read_text())
  sums = METRICS.sums((total / held)[None], truth[None].astype(np.float64))
  wanted = METRICS.finish({k: v.sum(axis=0) for k, v in sums.items()})
  assert figures["result"]["mpjpe_mm"] == pytest.approx(
    wanted["mpjpe_mm"], rel=1e-4
  )
  np.testing.assert_allclose(truth[:150], windows["target"][0], atol=1e-6)
  assert "the network takes 16.67" in said
  assert (folder / "out" / "report.html").exists()


def test_the_first_window_alone_is_the_evaluations(place):
  folder, windows = place
  _run(folder, "--align=none", "--overlap=last")
  with np.load(folder / "out" / "poses.npz") as found:
    pose = found["pose_m"]
  np.testing.assert_allclose(pose[:50], windows["pred"][0][:50], atol=1e-4)
  np.testing.assert_allclose(pose[150:], windows["pred"][3], atol=1e-4)


def test_turning_the_take_turns_the_result(place):
  folder, _ = place
  _run(folder, "--align=yaw")
  with np.load(folder / "out" / "poses.npz") as found:
    straight = found["pose_m"]
  with np.load(folder / "poor.npz") as found:
    poor = found["pose_m"]
  turn = np.array([[0.6, 0, -0.8], [0, 1, 0], [0.8, 0, 0.6]])
  moved = poor.astype(np.float64) @ turn + [2.0, 0.3, -1.0]
  array_file.write(
    folder / "moved.npz", {"pose_m": moved, "rate_hz": np.float64(50)}
  )
  _run(folder, f"--poses={folder / 'moved.npz'}")
  with np.load(folder / "out" / "poses.npz") as found:
    wanted = straight.astype(np.float64) @ turn + [2.0, 0.3, -1.0]
    # Medians of a turned person are not those of a person turned.
    assert np.abs(found["pose_m"] - wanted).max() < 0.05


def test_a_run_of_another_kind_is_refused(place, tmp_path):
  folder, _ = place
  with pytest.raises(InputError, match="config.model: is 'ridge'"):
    binding._find("ridge")
  with pytest.raises(InputError, match="no finished checkpoint"):
    binding.load(str(tmp_path))
