"""The command: poses and a sound to files that open again, or one line."""

import json

import numpy as np
import pytest
import violinist_fixture as violinist
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses import position_csv
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.refine import __main__ as command
from bgm2pose_jax.systems.mapnet.refine import reading
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner


def _smoothed(poses, audio):
  """Each joint's mean over the window: no jitter, and little of the bow."""
  del audio
  mean = poses.mean(axis=1, keepdims=True)
  return np.repeat(mean, 150, axis=1)


def _refiner(refine):
  return Refiner(
    refine=refine,
    input_place=np.arange(150.0),
    mean_pose_m=violinist.MEAN_M,
    simulated=True,
    facts={"model": "stand-in"},
  )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """5 s of noisy poses in several formats, the truth, and sound."""
  folder = tmp_path_factory.mktemp("refine")
  rng = np.random.default_rng(0)
  time_s = np.arange(125) / 25
  clean = violinist.bowing_m(time_s)
  noisy = clean + 0.03 * rng.normal(size=clean.shape)
  array_file.write(
    folder / "noisy.npz", {"pose_m": noisy, "rate_hz": np.float64(25)}
  )
  fine_s = np.arange(250) / 50
  position_csv.write_points_csv(
    folder / "truth.csv", BODY13, violinist.bowing_m(fine_s), fine_s
  )
  seen = np.ones((125, 33))
  seen[30:60, 16] = 0.1
  turned = violinist.landmarks(noisy) @ [[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]
  violinist.write_json(folder / "noisy.json", turned, seen, fps=25)
  violinist.write_sound(folder / "a.wav", 5.0)
  return folder


def _run(folder, refine, *more, poses="noisy.npz"):
  values = flags.FlagValues()
  command.define_flags(values)
  values(
    [
      "refine",
      "--checkpoint=run",
      f"--poses={folder / poses}",
      f"--audio={folder / 'a.wav'}",
      f"--out={folder / 'out'}",
      *more,
    ]
  )
  return command.run(values, lambda name: _refiner(refine), violinist.features)


def _identity(poses, audio):
  return poses


def test_all_files_hold_the_same_poses_and_open_again(place):
  said = "\n".join(_run(place, _identity, f"--truth={place / 'truth.csv'}"))
  assert "250 poses, 5.00 s" in said
  with np.load(place / "out" / "poses.npz") as found:
    pose = found["pose_m"]
    np.testing.assert_allclose(pose, found["input_m"], atol=1e-6)
    np.testing.assert_array_equal(found["time_s"], np.arange(250) / 50)
    assert found["truth_m"].shape == (250, 13, 3)
    assert json.loads(str(found["facts"]))["model"] == "stand-in"
  for name, limit in (("csv", 1e-6), ("npz", 1e-7), ("bvh", 1e-5)):
    again = reading.read(place / "out" / f"poses.{name}")
    np.testing.assert_allclose(again.position_m, pose, atol=limit)
    np.testing.assert_allclose(again.time_s, np.arange(250) / 50, atol=1e-6)


def test_the_same_input_gives_the_same_bytes(place):
  names = ("poses.csv", "poses.bvh", "poses.npz", "metrics.json", "report.html")
  _run(place, _smoothed)
  first = [(place / "out" / name).read_bytes() for name in names]
  _run(place, _smoothed)
  assert [(place / "out" / name).read_bytes() for name in names] == first


def test_figures_are_those_of_the_poses_written(place):
  said = _run(
    place, _smoothed, f"--truth={place / 'truth.csv'}", "--align=none"
  )
  figures = json.loads((place / "out" / "metrics.json").read_text())
  with np.load(place / "out" / "poses.npz") as found:
    pose, noisy, truth = (
      found[n].astype(float) for n in ("pose_m", "input_m", "truth_m")
    )
  np.testing.assert_allclose(
    truth, violinist.bowing_m(np.arange(250) / 50), atol=1e-6
  )
  for name, each in (("result", pose), ("input", noisy)):
    got = figures[name]
    away = np.sqrt(((each - truth) ** 2).sum(-1))
    assert got["mpjpe_mm"] == pytest.approx(1000 * away.mean())
    assert got["per_joint"]["RMWR"]["mpjpe_mm"] == pytest.approx(
      1000 * away[:, 5].mean()
    )
    hips = (each[:, 7:9] - truth[:, 7:9]).mean(1)
    rooted = np.sqrt(((each - truth - hips[:, None]) ** 2).sum(-1)).mean()
    assert got["mpjpe_root_mm"] == pytest.approx(1000 * rooted)
    second = each[2:] - 2 * each[1:-1] + each[:-2]
    size = np.sqrt((second**2).sum(-1)).mean() * 2500
    assert got["acceleration_m_per_s2"] == pytest.approx(size)
    second -= truth[2:] - 2 * truth[1:-1] + truth[:-2]
    away = 1000 * np.sqrt((second**2).sum(-1)).mean()
    assert got["mpjae_mm_per_frame2"] == pytest.approx(away)
  assert any("nearer to the truth" in line for line in said)


def test_landmarks_beside_a_truth_in_another_frame(place):
  """A camera's yaw and the hips as origin are found and turned back."""
  said = "\n".join(
    _run(place, _identity, f"--truth={place / 'truth.csv'}", poses="noisy.json")
  )
  assert "RMWR in 30 poses; the longest gap is 1.20 s" in said
  assert "no frame in common" in said
  figures = json.loads((place / "out" / "metrics.json").read_text())
  # 3 cm of noise per axis are 4.8 cm, and interpolation takes some off.
  assert 30 < figures["result"]["mpjpe_mm"] < 75
  assert figures["facts"]["bridged"] == {"RMWR": 30}
  assert figures["facts"]["yaw_deg"] == pytest.approx(-90, abs=4)
  with np.load(place / "out" / "poses.npz") as found:
    assert found["bridged"].sum() == 60
    assert found["bridged"][:, 5].sum() == 60


def test_an_offset_moves_the_sound_not_the_poses(place):
  starts = []

  def refine(poses, audio):
    starts.append(audio[0, 0, 0])
    return poses

  said = "\n".join(_run(place, refine, "--audio_offset_ms=-400"))
  assert starts[0] == 20
  assert "400 ms before" in said
  with np.load(place / "out" / "poses.npz") as found:
    assert len(found["pose_m"]) == 230
    assert found["time_s"][0] == 0
  _run(place, refine, "--audio_offset_ms=400")
  assert starts[-1] == 0
  with np.load(place / "out" / "poses.npz") as found:
    assert found["time_s"][0] == pytest.approx(0.4)
    wanted = reading.read(place / "noisy.npz").at(np.array([0.4]))
    np.testing.assert_allclose(found["pose_m"][:1], wanted, atol=1e-6)


@pytest.mark.parametrize(("overlap", "wanted"), [("mean", 50), ("last", 100)])
def test_windows_overlap_as_asked(place, overlap, wanted):
  def refine(poses, audio):
    return np.zeros((len(poses), 150, 13, 3)) + audio[:, :1, :1, None]

  _run(place, refine, "--align=none", f"--overlap={overlap}")
  with np.load(place / "out" / "poses.npz") as found:
    # Windows begin at 0, 50 and 100; all hold this frame.
    np.testing.assert_allclose(found["pose_m"][120], wanted)


def test_truth_that_ends_early_is_said(place):
  rows = (place / "truth.csv").read_text().splitlines()
  (place / "half.csv").write_text("\n".join(rows[:126]))
  said = "\n".join(_run(place, _identity, f"--truth={place / 'half.csv'}"))
  assert "truth reaches over 50 % of the take" in said
  figures = json.loads((place / "out" / "metrics.json").read_text())
  assert figures["truth"]["frames"] == 125


@pytest.mark.parametrize(
  ("flag", "said"),
  [
    ("--poses=none.csv", "none.csv"),
    ("--audio=none.wav", "none.wav"),
    ("--truth=none.csv", "none.csv"),
    ("--poses=", "--poses: is missing"),
    ("--audio_offset_ms=nan", "audio_offset_ms"),
    ("--audio_offset_ms=9000", "too little in common"),
    ("--fps=60", "--fps=60"),
  ],
)
def test_what_cannot_be_used_is_named(place, flag, said):
  with pytest.raises(InputError, match=said):
    _run(place, _identity, flag)
