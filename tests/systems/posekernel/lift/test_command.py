"""The command: keypoints and kernels to files that open again, or one line."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses import position_csv, read_bvh
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.lift import __main__ as command
from bgm2pose_jax.systems.posekernel.lift.lifter import Lifter
from bgm2pose_jax.systems.posekernel.rig import Camera, Rig

CAMERA = Camera()
PAIRS_M = np.array([[-2, 0.7, 0.1], [2, -0.4, 0.2], [2, 0.6, 4], [-2, -0.6, 4]])
NAMES = ("s0", "s1", "s2", "s3", "s4", "s5")
# A person of 1.7 m in a T-pose who faces the camera, camera frame.
T_POSE_M = np.array(
  [
    [0, -0.65, -0.1], [0, -0.45, 0], [-0.18, -0.43, 0], [-0.45, -0.43, 0],
    [-0.7, -0.43, 0], [0.18, -0.43, 0], [0.45, -0.43, 0], [0.7, -0.43, 0],
    [0, 0.05, 0], [-0.1, 0.06, 0], [-0.1, 0.48, 0], [-0.1, 0.9, 0],
    [0.1, 0.06, 0], [0.1, 0.48, 0], [0.1, 0.9, 0],
  ]
)  # fmt: skip


def _truth():
  """float32 [sample, joint, 3]: the person walks about."""
  steps = np.arange(6.0)[:, None] * [0.1, 0, -0.08] + [-0.3, 0.2, 2.6]
  return (T_POSE_M + steps[:, None]).astype(np.float32)


def _pixels(pose_m):
  rays = pose_m[..., :2].astype(float) / pose_m[..., 2:]
  return rays * CAMERA.focal_px + np.array(CAMERA.centre_px)


def _kernels(pose_m):
  """float32 [sample, pair, tap]: an impulse from each joint."""
  out = np.zeros((len(pose_m), 4, 3072), np.float32)
  for sample, pose in enumerate(pose_m):
    for pair, position in enumerate(PAIRS_M):
      away_m = np.linalg.norm(pose - position, axis=1)
      taps = np.rint(2 * away_m / 343 * 96_000).astype(int)
      np.add.at(out[sample, pair], taps, 1 / away_m**2)
  return out


def _lift(batch):
  """Back along each joint's ray, to the depth where the loudest echo is.

  A stand-in that needs every column: rays by keypoints and camera, the depth
  by kernels and pairs.
  """
  focal, centre = batch["camera"][:, None, :2], batch["camera"][:, None, 2:4]
  rays = (batch["keypoints"][..., :2] - centre) / focal
  rays = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=2)
  depth = np.linspace(1, 4.5, 701)
  out = []
  for row in range(len(rays)):
    at = depth[:, None] * rays[row, 8]
    heard = 0.0
    for pair, kernel in zip(batch["pairs"][row], batch["kernels"][row]):
      loud = np.convolve(kernel**2, np.hanning(121), "same")
      away = np.linalg.norm(at - pair, axis=1)
      taps = np.rint(2 * away / 343 * 96_000).astype(int)
      heard = heard + np.log(loud[np.minimum(taps, 3071)] + 1e-6)
    out.append(depth[np.argmax(heard)] * rays[row])
  return np.array(out, np.float32)


def _lifter(**changes):
  return Lifter(
    **{
      "lift": _lift,
      "grid": Grid(),
      "pairs": 0,
      "trained_pairs": 4,
      "inputs": "both",
      "simulated": True,
      "facts": {"model": "stand-in"},
    }
    | changes
  )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Keypoints in two formats, kernels, rig and truth."""
  folder = tmp_path_factory.mktemp("lift")
  pose_m = _truth()
  keypoints = np.concatenate(
    [_pixels(pose_m), np.full((6, 15, 1), 0.9)], axis=2
  )
  keypoints[2, 4] = 0
  array_file.write(folder / "k.npz", {"keypoints": keypoints})
  (folder / "pictures").mkdir()
  for number, each in enumerate(keypoints):
    body = np.concatenate([each, np.zeros((10, 3))]).ravel().tolist()
    # Names in another order than the kernels'.
    (folder / "pictures" / f"{NAMES[number]}_keypoints.json").write_text(
      json.dumps({"people": [{"pose_keypoints_2d": body}]})
    )
  array_file.write(
    folder / "kernels.npz",
    {
      "kernels": _kernels(pose_m),
      "rate_hz": np.float64(96_000),
      "names": np.array(NAMES),
    },
  )
  turned = np.array([3, 1, 0, 5, 4, 2])
  array_file.write(
    folder / "turned.npz",
    {
      "kernels": _kernels(pose_m)[turned],
      "rate_hz": np.float64(96_000),
      "names": np.array(NAMES)[turned],
    },
  )
  array_file.write(
    folder / "truth.npz", {"pose_m": pose_m, "names": np.array(NAMES)}
  )
  rig_file.write_rig(
    folder / "rig.json",
    Rig(CAMERA, PAIRS_M),
    names=["a", "b", "<c>", "d"],
    grid_centre_m=np.array([0, 0.2, 2.3]),
  )
  return folder


def _run(folder, *more, lifter=None):
  values = flags.FlagValues()
  command.define_flags(values)
  values(
    [
      "lift",
      "--checkpoint=run",
      f"--keypoints={folder / 'k.npz'}",
      f"--kernels={folder / 'kernels.npz'}",
      f"--rig={folder / 'rig.json'}",
      f"--out={folder / 'out'}",
      *more,
    ]
  )
  return command.run(values, lambda name: lifter or _lifter())


def test_all_files_hold_the_same_poses_and_open_again(place):
  said = "\n".join(_run(place, f"--truth={place / 'truth.npz'}"))
  assert re.search(r"6 poses in .* s\n", said)
  with np.load(place / "out" / "poses.npz") as found:
    pose = found["pose_m"]
    # The arms reach beyond the hips' depth; the person is found.
    hips = np.linalg.norm(pose[:, 8] - _truth()[:, 8], axis=1)
    assert hips.max() < 0.12
    assert found["names"].tolist() == list(NAMES)
    assert tuple(found["joints"]) == BODY15.joints
    np.testing.assert_array_equal(found["truth_m"], _truth())
    np.testing.assert_allclose(found["pairs_m"], PAIRS_M, rtol=1e-6)
    np.testing.assert_array_equal(found["camera"], CAMERA.as_array())
    assert json.loads(str(found["facts"]))["model"] == "stand-in"
    assert bool(found["simulated"])
  table = position_csv.read_position_points(place / "out" / "poses.csv")
  assert table.names == BODY15.joints
  np.testing.assert_allclose(table.positions, pose, atol=1e-6)
  first = (place / "out" / "poses.csv").read_text().splitlines()[1]
  assert first.startswith("s0,")
  motion = read_bvh(place / "out" / "poses.bvh")
  columns = [motion.names.index(joint) for joint in BODY15.joints]
  upright = motion.positions(columns) / 100
  np.testing.assert_allclose(upright, pose * [1, -1, -1], atol=1e-5)
  assert motion.rate_hz == pytest.approx(10)


def test_rest_pose_turns_no_bone_of_a_person_in_it(place):
  """A T-pose faces the camera: y up and +z to the front, nothing mirrored."""
  _run(place)
  text = (place / "out" / "poses.bvh").read_text()
  offsets = re.findall(r"(?:ROOT|JOINT) (\w+)\s*{\s*OFFSET (.*)", text)
  rest = {name: np.array(list(map(float, v.split()))) for name, v in offsets}
  assert rest["LShoulder"][0] > 10
  assert rest["RElbow"][0] < -10
  assert rest["LKnee"][1] < -10
  row = text.splitlines()[-1].split()
  # Root: positions, then its angles z, x, y.
  assert abs(float(row[4])) < 60


def test_the_same_input_gives_the_same_bytes(place):
  names = ("poses.csv", "poses.bvh", "poses.npz", "lift.json", "report.html")
  _run(place)
  first = [(place / "out" / name).read_bytes() for name in names]
  _run(place)
  assert [(place / "out" / name).read_bytes() for name in names] == first


def test_figures_are_those_of_the_poses_written(place):
  said = _run(place, f"--truth={place / 'truth.npz'}")
  about = json.loads((place / "out" / "lift.json").read_text())
  with np.load(place / "out" / "poses.npz") as found:
    away = np.linalg.norm(found["pose_m"] - _truth(), axis=2)
  errors = about["errors"]
  assert errors["mpjpe_cm"] == pytest.approx(100 * away.mean(), rel=1e-5)
  assert errors["root_cm"] == pytest.approx(100 * away[:, 8].mean(), rel=1e-5)
  assert any("mean distance to the truth" in line for line in said)
  assert about["missing_joints"]["RWrist"] == 1
  assert sum(about["missing_joints"].values()) == 1
  assert about["samples_without_keypoints"] == 0
  assert about["simulated"] is True


def test_truth_is_read_from_the_commands_own_table(place):
  _run(place)
  table = place / "own.csv"
  head, *rows = (place / "out" / "poses.csv").read_text().splitlines()
  table.write_text("\n".join([head, *rows[::-1]]))
  _run(place, f"--truth={table}")
  about = json.loads((place / "out" / "lift.json").read_text())
  assert about["errors"]["mpjpe_cm"] < 1e-3
  assert "Truth and kernels are matched by their names." in about["notes"]


def test_frames_find_their_kernels_by_name(place):
  _run(place)
  with np.load(place / "out" / "poses.npz") as found:
    wanted = dict(zip(found["names"].tolist(), found["pose_m"]))
  said = _run(
    place,
    f"--keypoints={place / 'pictures'}",
    f"--kernels={place / 'turned.npz'}",
  )
  assert "Keypoints and kernels are matched by their names." in said
  with np.load(place / "out" / "poses.npz") as found:
    assert found["names"].tolist() == ["s3", "s1", "s0", "s5", "s4", "s2"]
    for name, pose in zip(found["names"].tolist(), found["pose_m"]):
      np.testing.assert_allclose(pose, wanted[name], atol=1e-5)


def test_batches_are_of_one_size(place):
  sizes = []

  def lift(batch):
    sizes.append({name: len(column) for name, column in batch.items()})
    return batch["keypoints"] * [0, 0, 1] + [0, 0, 2]

  _run(place, lifter=_lifter(lift=lift))
  columns = ("kernels", "keypoints", "pairs", "camera", "grid_centre")
  assert sizes == [dict.fromkeys(columns, 4)] * 2


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"inputs": "visual"}, "kernels are not heard"),
    ({"inputs": "audio"}, "keypoints are not seen"),
    ({"trained_pairs": 2}, "trained with 2 pairs and hears 4"),
    ({"pairs": 2, "lift": lambda b: _checked(b, 2)}, "<c>, d are not heard"),
    ({"lift": lambda b: np.full((4, 15, 3), 9.0)}, "6 of 6 poses touch"),
  ],
)  # fmt: skip
def test_what_a_network_does_not_use_is_said(place, changes, said):
  lines = _run(place, lifter=_lifter(**changes))
  assert any(line.startswith("warning: ") and said in line for line in lines)


def _checked(batch, pairs):
  assert batch["kernels"].shape[1] == batch["pairs"].shape[1] == pairs
  return _lift(batch)


@pytest.mark.parametrize(
  ("flag", "said"),
  [
    ("--keypoints=none.json", "none.json: no such file"),
    ("--kernels=none.npz", "none.npz: no such file"),
    ("--rig=none.json", "none.json: no such file"),
    ("--truth=none.npz", "none.npz: no such file"),
    ("--rig=", "--rig: is missing"),
    ("--out=gs://bucket/x", "no path of a file system"),
    ("--person=-1", "--person=-1"),
  ],
)
def test_what_is_missing_is_one_line(place, flag, said):
  with pytest.raises(InputError, match=re.escape(said)):
    _run(place, flag)


def test_counts_that_differ_are_refused(place):
  rig = Rig(CAMERA, PAIRS_M[:3])
  rig_file.write_rig(place / "three.json", rig)
  with pytest.raises(InputError, match=r"three.json.*3 pairs.*4 kernels"):
    _run(place, f"--rig={place / 'three.json'}")
  few = {"keypoints": np.ones((5, 15, 3)) * [99, 99, 1]}
  array_file.write(place / "few.npz", few)
  with pytest.raises(InputError, match=r"few.npz.*5 frames for 6 kernels"):
    _run(place, f"--keypoints={place / 'few.npz'}")
  array_file.write(place / "mm.npz", {"pose_m": 1000 * _truth()})
  with pytest.raises(InputError, match=r"mm.npz.*no metres"):
    _run(place, f"--truth={place / 'mm.npz'}")


def test_a_network_that_gives_something_else(place):
  net = _lifter(lift=lambda batch: np.zeros((4, 16, 3)))
  with pytest.raises(InputError, match=r"\(4, 16, 3\)"):
    _run(place, lifter=net)


def test_page_draws_every_sample_and_escapes_names(place):
  _run(place, f"--truth={place / 'truth.npz'}")
  text = (place / "out" / "report.html").read_text()
  assert text.count('class="sample"') == 6
  assert "TRAINED ON SIMULATED DATA" in text
  assert "&lt;c&gt;" in text
  assert "<c>" not in text
  # Echoes of the hips: the circle from above is the sphere cut at their level.
  assert "strongest echoes" in text
  radii = re.findall(r"a: echo from ([\d.]+) m", text)
  near = np.linalg.norm(_truth()[0] - PAIRS_M[0], axis=1)
  assert np.abs(near - float(radii[0])).min() < 0.05


@pytest.mark.slow
def test_help_shows_the_rig():
  done = subprocess.run(
    [sys.executable, "-m", "bgm2pose_jax.lift", "--help"],
    capture_output=True,
    text=True,
    check=False,
  )
  for text in ("--keypoints", "--rig", "x_right_y_down_z_forward", "grid_cen"):
    assert text in done.stdout
