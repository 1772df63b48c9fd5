"""The command on a run's folder, as training leaves it, of a tiny network."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import trained_fixture
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.lift import __main__ as command
from bgm2pose_jax.systems.posekernel.lift import binding
from bgm2pose_jax.systems.posekernel.rig import Camera, Rig
from bgm2pose_jax.systems.posekernel.system import SYSTEM

PAIRS_M = np.array([[-2, 0.7, 0.1], [2, -0.4, 0.2], [2, 0.6, 4], [-2, -0.6, 4]])
# Joints put on their rays may leave the grid.
_SMALL = {
  "encoding.grid": (9, 9, 7),
  "encoding.voxel_m": 0.4,
  "read_out": "soft",
}


def _make_run(folder):
  config = SYSTEM.make_config("demo", "posekernel", "none")
  config = dataclasses.replace(
    schema.overlay(config, _SMALL), network={"stages": 1, "depth": 1}
  )
  spec = {"pairs": 4, "taps": 3072, "rate_hz": 96_000}
  facts = {"simulated": True, "spec": spec}
  return trained_fixture.draw_run(folder, SYSTEM, config, facts, {})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  return _make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  folder = tmp_path_factory.mktemp("inputs")
  rng = np.random.default_rng(1)
  kernels = rng.normal(size=(5, 4, 3072)).astype(np.float32)
  keypoints = rng.uniform(200, 500, (5, 15, 3))
  keypoints[..., 2] = 0.9
  array_file.write(
    folder / "kernels.npz", {"kernels": kernels, "rate_hz": np.array(96_000)}
  )
  array_file.write(folder / "k.npz", {"keypoints": keypoints})
  rig_file.write_rig(
    folder / "rig.json", Rig(Camera(), PAIRS_M), grid_centre_m=[0, 0.2, 2.4]
  )
  return folder


def _lift(run, place, out, load=None):
  values = flags.FlagValues()
  command.define_flags(values)
  values(
    [
      "lift",
      f"--checkpoint={run}",
      f"--keypoints={place / 'k.npz'}",
      f"--kernels={place / 'kernels.npz'}",
      f"--rig={place / 'rig.json'}",
      f"--out={out}",
    ]
  )
  return command.run(values, load)


@pytest.mark.slow
def test_a_run_is_loaded_and_lifts_as_its_task_predicts(
  run, place, tmp_path, quick_compiling
):
  nets = []

  def load(folder):
    nets.append(binding.load(folder))
    return nets[0]

  assert "5 poses in" in _lift(run, place, tmp_path / "out", load)[0]
  with np.load(tmp_path / "out" / "poses.npz") as found:
    pose_m = found["pose_m"]
  # Within the voxels, in the camera's axes: 9, 7 and 9 of them of 0.4 m.
  away = np.abs(pose_m - [0, 0.2, 2.4]).max(axis=(0, 1))
  assert (away <= [1.81, 1.41, 1.81]).all()
  (net,) = nets
  assert (net.simulated, net.trained_pairs, net.facts["step"]) == (True, 4, 5)
  assert net.grid.shape == (9, 9, 7)
  with (
    np.load(place / "kernels.npz") as kernels,
    np.load(place / "k.npz") as points,
  ):
    batch = {
      "kernels": kernels["kernels"][1:],
      "keypoints": points["keypoints"][1:].astype(np.float32),
    }
  for name, value in (
    ("pairs", PAIRS_M),
    ("camera", Camera().as_array()),
    ("grid_centre", [0, 0.2, 2.4]),
  ):
    batch[name] = np.repeat(np.asarray(value, np.float32)[None], 4, axis=0)
  np.testing.assert_allclose(net.lift(batch), pose_m[1:], atol=1e-4)


def test_a_folder_that_is_no_run(place, tmp_path):
  with pytest.raises(InputError, match="none"):
    _lift(tmp_path / "none", place, tmp_path / "out")


def test_another_systems_run_is_refused(run, place, tmp_path):
  other = tmp_path / "run"
  shutil.copytree(run, other)
  config = json.loads((other / run_folder.CONFIG).read_text())
  config["config"]["model"] = "wipose"
  (other / run_folder.CONFIG).write_text(json.dumps(config))
  with pytest.raises(InputError, match="'wipose', none of posekernel"):
    _lift(other, place, tmp_path / "out")
