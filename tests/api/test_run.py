"""Runs of all three systems from Python, on networks of drawn weights."""

from __future__ import annotations

import doctest
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import trained_fixture
import violinist_fixture as violinist
from absl import flags

import bgm2pose_jax as b2p
from bgm2pose_jax.api import run as api_run
from bgm2pose_jax.config import schema
from bgm2pose_jax.files import json_file
from bgm2pose_jax.poses import read_bvh
from bgm2pose_jax.report import poses as poses_lib
from bgm2pose_jax.simulate import one_recording
from bgm2pose_jax.systems.bgm2pose.predict import __main__ as predict
from bgm2pose_jax.systems.mapnet.system import SYSTEM as MAPNET
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.rig import Camera, Rig
from bgm2pose_jax.systems.posekernel.system import SYSTEM as POSEKERNEL

RATE_HZ = 48_000
PAIRS_M = np.array([[-2, 0.7, 0.1], [2, -0.4, 0.2], [2, 0.6, 4], [-2, -0.6, 4]])


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory, quick_compiling):
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield


@pytest.fixture(scope="module")
def heard():
  """Two seconds of a simulated room."""
  return b2p.simulate("haze", seconds=2.0, seed=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  return b2p.load(trained_fixture.make_run(folder, model="wipose"))


@pytest.fixture(scope="module")
def poses(run, heard):
  return run.predict(heard.recording, heard.music, offset_ms=0, hop_ms=600)


def test_arrays_give_the_poses_of_the_command_on_files(
  run, heard, poses, tmp_path
):
  values = flags.FlagValues()
  predict.define_flags(values)
  argv = ["predict", f"--checkpoint={run.folder}", f"--out={tmp_path / 'out'}"]
  for name in ("recording", "music"):
    samples, rate_hz = getattr(heard, name)
    path = tmp_path / f"{name}.wav"
    soundfile.write(path, samples.T, rate_hz, subtype="FLOAT")
    argv.append(f"--{name}={path}")
  values([*argv, "--offset_ms=0", "--hop_ms=600", "--formats=npz"])
  predict.run(values)
  with np.load(tmp_path / "out" / "poses.npz") as found:
    np.testing.assert_array_equal(found["pose_m"], poses.positions_m)
    np.testing.assert_array_equal(found["time_s"], poses.time_s)
    assert tuple(found["joints"]) == poses.joints
  assert poses.simulated
  assert list(tmp_path.glob("*_poses")) == []


def test_a_run_says_what_it_is(run):
  assert (run.system, run.model, run.simulated) == ("bgm2pose", "wipose", True)
  assert run.inputs == ("recording", "music")
  assert "hop_ms" in run.options
  assert not {"out", "checkpoint", "formats", "music"} & set(run.options)
  assert run.config["network.width"] == 1 / 16
  assert run.results is None


def test_poses_become_a_motion_file_a_plot_and_a_page(poses, tmp_path):
  motion = read_bvh(poses.to_bvh(tmp_path / "p.bvh"))
  assert motion.rate_hz == pytest.approx(20)
  assert len(motion.positions()) == len(poses) == 40
  figure = poses.plot(3)
  shown = [axis.get_title() for axis in figure.axes]
  assert shown == [f"{poses.time_s[i]:.2f} s" for i in (0, 20, 39)]
  lines = figure.axes[0].get_lines()
  assert len(lines) == len(poses.skeleton.bones)
  page = poses.show("Mine")
  assert "<iframe" in page._repr_html_()
  assert "<title>Mine</title>" in page.save(tmp_path / "p.html").read_text()


@pytest.mark.parametrize(
  ("inputs", "options", "message"),
  [
    ((), {"music": "m.wav"}, "lacks recording"),
    (("r.wav", "m.wav", "x"), {}, "got 3 inputs"),
    (("r.wav", "m.wav"), {"hop": 200}, "did you mean hop_ms"),
    (("r.wav", "m.wav"), {"hop_ms": "often"}, "hop_ms"),
    (("r.wav", "m.wav"), {"out": "there"}, "no option"),
    (("r.wav", "m.wav"), {"music": "m.wav"}, "given twice"),
    ((np.zeros((4, 9)), "m.wav"), {}, "rate in Hz"),
    (((np.zeros((4, 9), "u1"), 48_000), "m.wav"), {}, "uint8"),
    ((("r", 48_000), "m.wav"), {}, "rate in Hz"),
    (((np.zeros((9000, 4)), 48_000), "m.wav"), {}, r"\(9000, 4\)"),
    (((np.ones((2, 99)), 48_000), "m.wav"), {}, "^recording.wav: .*2 channels"),
    (((np.ones((4, 99)), 48_000), "no.wav"), {}, "^no.wav: is missing"),
  ],
)
def test_what_cannot_be_used_is_named(run, inputs, options, message):
  with pytest.raises(b2p.InputError, match=message):
    run.predict(*inputs, **options)


@pytest.mark.parametrize(
  "module", [b2p, api_run, poses_lib, one_recording], ids=lambda m: m.__name__
)
def test_examples_in_docstrings(run, module, tmp_path, monkeypatch):
  (tmp_path / "runs").mkdir()
  shutil.copytree(run.folder, tmp_path / "runs" / "RUN")
  heard = b2p.simulate("haze", seconds=1.0)
  for name, sound in (
    ("recording.wav", heard.recording),
    ("music.flac", heard.music),
  ):
    soundfile.write(tmp_path / name, sound[0].T, sound[1])
  monkeypatch.chdir(tmp_path)
  found = doctest.testmod(module)
  assert (found.failed, found.attempted > 2) == (0, True)


def test_whole_numbers_are_parts_of_full_scale(run, heard, poses):
  samples, rate_hz = heard.recording
  whole = np.round(samples * 2**31).clip(-(2**31), 2**31 - 1).astype(np.int32)
  again = run.predict((whole, rate_hz), heard.music, offset_ms=0, hop_ms=600)
  np.testing.assert_allclose(again.positions_m, poses.positions_m, atol=1e-3)


def _written_m(poses, folder):
  """Positions that the motion file holds, in the poses' order of joints."""
  motion = read_bvh(poses.to_bvh(folder / "p.bvh"))
  order = [motion.names.index(joint) for joint in poses.joints]
  return motion.positions()[:, order] / 100


def test_poses_of_a_violinist(tmp_path):
  config = MAPNET.make_config("demo", "lstm_pose_audio", "none")
  statistics = {
    "pose_mean": violinist.MEAN_M.astype(np.float32),
    "audio_mean": np.zeros(35, np.float32),
    "audio_std": np.ones(35, np.float32),
  }
  facts = {"simulated": True, "spec": {}}
  folder = trained_fixture.draw_run(
    tmp_path / "run", MAPNET, config, facts, statistics
  )
  run = b2p.load(folder)
  assert run.inputs == ("poses", "audio")
  violinist.write_sound(tmp_path / "a.wav", 4.0)
  time_s = np.arange(100) / 25
  poor = violinist.bowing_m(time_s)
  poses = run.predict((poor, 25), tmp_path / "a.wav", align="none")
  assert poses.positions_m.shape == (len(poses), 13, 3)
  assert poses.rate_hz == 50
  assert len(poses) in range(195, 201)
  # Every joint lies where it was found.
  np.testing.assert_allclose(
    _written_m(poses, tmp_path), poses.positions_m, atol=1e-4
  )


def test_poses_of_echoes(tmp_path):
  config = POSEKERNEL.make_config("demo", "posekernel", "none")
  small = {
    "encoding.grid": (9, 9, 7),
    "encoding.voxel_m": 0.4,
    "read_out": "soft",
    "network.stages": 1,
    "network.depth": 1,
  }
  spec = {"pairs": 4, "taps": 3072, "rate_hz": 96_000}
  folder = trained_fixture.draw_run(
    tmp_path / "run",
    POSEKERNEL,
    schema.overlay(config, small),
    {"simulated": True, "spec": spec},
    {},
  )
  run = b2p.load(folder)
  assert run.inputs == ("keypoints", "kernels", "rig")
  rng = np.random.default_rng(1)
  keypoints = rng.uniform(200, 500, (3, 15, 3))
  keypoints[..., 2] = 0.9
  kernels = rng.normal(size=(3, 4, 3072)).astype(np.float32)
  rig_file.write_rig(
    tmp_path / "rig.json", Rig(Camera(), PAIRS_M), grid_centre_m=[0, 0.2, 2.4]
  )
  rig = json_file.read(tmp_path / "rig.json", "")
  poses = run.predict(keypoints, (kernels, 96_000), rig, fps=5)
  assert poses.positions_m.shape == (3, 15, 3)
  np.testing.assert_array_equal(poses.time_s, [0, 0.2, 0.4])
  assert "y down" in poses.frame
  np.testing.assert_allclose(
    _written_m(poses, tmp_path), poses.positions_m * [1, -1, -1], atol=1e-4
  )


def test_a_simulated_room_is_the_same_each_time(heard):
  again = b2p.simulate("haze", seconds=2.0, seed=3)
  np.testing.assert_array_equal(again.recording[0], heard.recording[0])
  other = b2p.simulate("haze", seconds=2.0, seed=4)
  assert not np.array_equal(other.recording[0], heard.recording[0])
  assert heard.recording[0].shape == (4, 2 * RATE_HZ)
  assert heard.music[0].shape == (2, 2 * RATE_HZ)
  assert heard.positions_m.shape == (240, 21, 3)
  still = b2p.simulate(
    "haze",
    seconds=2.0,
    seed=3,
    positions_m=np.repeat(heard.positions_m[:1], 240, axis=0),
  )
  assert not np.array_equal(still.recording[0], heard.recording[0])


def test_music_that_is_not_there(tmp_path):
  with pytest.raises(b2p.InputError, match=r"'nothing'.*haze, drift"):
    b2p.simulate("nothing")
  with pytest.raises(b2p.InputError, match=r"load\('/nosuch'\): is no folder"):
    b2p.load("/nosuch")


def test_importing_the_package_loads_nothing_and_names_everything():
  code = (
    "import sys, bgm2pose_jax as b2p\n"
    "heavy = {'jax', 'numpy', 'absl', 'flax', 'matplotlib'}\n"
    "print(sorted(heavy & set(sys.modules)))\n"
    "assert set(b2p.__all__) <= set(dir(b2p))\n"
    "import bgm2pose_jax.simulate.room\n"
    "assert b2p.simulate is sys.modules['bgm2pose_jax.simulate']\n"
    "print(b2p.__version__)\n"
  )
  said = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  ).stdout.split("\n")
  assert said[0] == "[]"
  assert said[1].count(".") == 2
  with pytest.raises(AttributeError, match="no attribute 'lode'"):
    _ = b2p.lode
