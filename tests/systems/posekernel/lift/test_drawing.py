"""Drawings are to scale and have up where it is; echoes name their joints."""

import re

import numpy as np
import pytest

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.lift import drawing, page
from bgm2pose_jax.systems.posekernel.lift.result import LiftedPoses
from bgm2pose_jax.systems.posekernel.lift.shells import Shell
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S, Camera, Rig
from bgm2pose_jax.systems.posekernel.rig_file import RigFile

PAIRS_M = np.array([[-2.0, 0.75, 0.5], [2.0, -0.5, 4.0]])
HIP_M = np.array([0.5, 0.25, 2.5])
CAMERA = Camera((600.0, 500.0), (640.0, 300.0), (1280, 720))


def _found(kernels=None):
  pose = np.random.default_rng(0).uniform(-0.8, 0.8, (15, 3)) + HIP_M
  pose[drawing.ROOT] = HIP_M
  keypoints = np.zeros((1, 15, 3))
  keypoints[0, 0] = 320, 180, 0.5
  return LiftedPoses(
    names=("s",),
    pose_m=pose[None].astype(np.float32),
    keypoints=keypoints,
    kernels=np.zeros((1, 2, 3072), np.float32) if kernels is None else kernels,
    rig_file=RigFile(Rig(CAMERA, PAIRS_M), ("a", "b"), HIP_M),
    simulated=True,
  )


def _bones(figure):
  """The path's ends [bone, (parent, child), (x, y)]."""
  (path,) = re.findall(r'class="bone" d="([^"]*)"', figure)
  return np.array(re.findall(r"[\d.-]+", path), float).reshape(-1, 2, 2)


def _circles(figure, kind):
  found = re.findall(
    rf'class="[^"]*{kind}[^"]*" cx="([\d.-]+)" cy="([\d.-]+)" r="([\d.-]+)"',
    figure,
  )
  return np.array(found, float)


@pytest.mark.parametrize(
  ("number", "axes", "through"),
  # From above: right is +x, up is +z. From the side: right is +z, up is -y.
  [(0, ([1, 0, 0], [0, 0, 1]), 1), (1, ([0, 0, 1], [0, -1, 0]), 0)],
)
def test_rooms_are_to_scale(number, axes, through):
  found = _found()
  view = drawing.views(found)[number]
  echoes = [[Shell(2.6, 1.0), Shell(0.2, 0.5)], []]
  figure = drawing.room(found, 0, view, echoes)
  pairs = _circles(figure, "dot")[:, :2]
  turn = np.array(axes, float).T
  flat_m = PAIRS_M @ turn
  # Units of the drawing for a metre, the same along both axes; y goes down.
  scale = (pairs[1] - pairs[0]) / (flat_m[1] - flat_m[0])
  assert scale[0] > 50
  assert scale[1] == pytest.approx(-scale[0], rel=2e-3)
  joints = (found.pose_m[0] @ turn - flat_m[0]) * scale + pairs[0]
  wanted = joints[np.array(BODY15.bones)]
  np.testing.assert_allclose(_bones(figure), wanted, atol=0.6)
  # The sphere of 2.6 m, cut by the plane through the hips; that of 20 cm does
  # not reach it.
  (ring,) = _circles(figure, "shell")
  away = PAIRS_M[0, through] - HIP_M[through]
  np.testing.assert_allclose(ring[:2], pairs[0])
  assert ring[2] / scale[0] == pytest.approx(
    np.sqrt(2.6**2 - away**2), rel=3e-3
  )


def test_pictures_show_keypoints_and_the_result_projected():
  found = _found()
  figure = drawing.picture(found, 0)
  scale = float(re.search(r'viewBox="0 0 ([\d.]+)', figure)[1]) / 1280
  (point,) = _circles(figure, "point")
  np.testing.assert_allclose(point[:2] / scale, [320, 180], atol=0.3)
  x, y, z = found.pose_m[0].T
  places = np.stack([600 * x / z + 640, 500 * y / z + 300], axis=1)
  wanted = places[np.array(BODY15.bones)]
  np.testing.assert_allclose(_bones(figure) / scale, wanted, atol=0.3)
  behind = _found()
  behind.pose_m[0, 3, 2] = -1
  assert 'class="bone"' not in drawing.picture(behind, 0)


def test_echoes_name_the_joint_that_they_come_from(tmp_path):
  found = _found()
  wanted = []
  for pair, joint in ((0, "LKnee"), (1, "RWrist")):
    place = found.pose_m[0, BODY15.index(joint)]
    far_m = float(np.linalg.norm(place - PAIRS_M[pair]))
    tap = round(2 * far_m / SOUND_SPEED_M_S * 96_000)
    found.kernels[0, pair, tap] = 1.0
    wanted.append(f"{far_m:.2f} m ({joint}, 0 cm off)")
  page.write_page(tmp_path / "p.html", found, title="t", figures=None)
  text = (tmp_path / "p.html").read_text()
  assert re.findall(r"<td>([\d.]+ m \([^<]*)</td>", text) == wanted
  assert "Truth" not in text


def test_many_samples_are_thinned_and_said(tmp_path):
  one = _found()
  found = LiftedPoses(
    names=tuple(f"n{i}" for i in range(9)),
    pose_m=np.repeat(one.pose_m, 9, axis=0),
    keypoints=np.repeat(one.keypoints, 9, axis=0),
    kernels=np.repeat(one.kernels, 9, axis=0),
    rig_file=one.rig_file,
    simulated=False,
  )
  page.write_page(
    tmp_path / "p.html", found, title="t", figures=None, max_samples=3
  )
  text = (tmp_path / "p.html").read_text()
  assert re.findall(r'data-name="(\w+)"', text) == ["n0", "n4", "n8"]
  assert "draws 3 of 9 samples" in text
  assert "TRAINED ON RECORDED DATA" in text
