"""A small standing figure and a writer of BVH files, shared by these tests."""

from __future__ import annotations

import gzip
import pathlib

import numpy as np
import pytest

from bgm2pose_jax.poses.body21 import BODY21

# Metres; arms hang down, so a turn of +-90 degrees about z gives a T-pose.
OFFSETS_M = {
  "Hips": (0.0, 0.0, 0.0),
  "Spine": (0.0, 0.1, 0.0),
  "Spine1": (0.0, 0.25, 0.0),
  "Neck": (0.0, 0.2, 0.0),
  "Head": (0.0, 0.1, 0.02),
  "Shoulder": (0.08, 0.15, 0.0),
  "Arm": (0.1, 0.0, 0.0),
  "ForeArm": (0.0, -0.3, 0.0),
  "Hand": (0.0, -0.25, 0.0),
  "UpLeg": (0.1, -0.02, 0.0),
  "Leg": (0.0, -0.42, 0.0),
  "Foot": (0.0, -0.40, 0.0),
  "ToeBase": (0.0, -0.06, 0.12),
}
# Hip, knee and ankle lie on a line: .82 m of leg.
STATURE_M = 0.82 / 0.491
TOE_BELOW_HIPS_M = 0.90


def offset_m(joint):
  part = joint.removeprefix("Left").removeprefix("Right")
  x, y, z = OFFSETS_M[part]
  return np.array([-x if joint.startswith("Right") else x, y, z])


def standing_m():
  """Positions [21, 3] of the figure with its hips at the origin."""
  points = np.zeros((21, 3))
  for i, joint in enumerate(BODY21.joints):
    if BODY21.parents[i] >= 0:
      points[i] = points[BODY21.parents[i]] + offset_m(joint)
  return points


def bvh_text(
  root_m, *, unit_m=0.01, frame_s=1 / 120, t_pose=0, rename=None, turns=None
):
  """BVH of the figure: [time, 3] root positions, all else at rest.

  `t_pose` first frames hold the arms out; `turns` maps a joint to [time, 3]
  angles in degrees about z, y, x.
  """
  rename = rename or {}
  turns = dict(turns or {})
  root_m = np.asarray(root_m, dtype=float)
  if t_pose:
    for side, sign in (("Left", 1), ("Right", -1)):
      angles = np.zeros((len(root_m), 3))
      angles[:t_pose, 0] = 90.0 * sign
      turns[f"{side}Arm"] = angles
  lines, columns = ["HIERARCHY"], []

  def add(index, depth):
    joint = BODY21.joints[index]
    pad = "  " * depth
    kind = "JOINT" if depth else "ROOT"
    lines.append(f"{pad}{kind} {rename.get(joint, joint)}")
    lines.append(pad + "{")
    x, y, z = offset_m(joint) / unit_m
    lines.append(f"{pad}  OFFSET {x:.6f} {y:.6f} {z:.6f}")
    turn = "Zrotation Yrotation Xrotation"
    if depth:
      lines.append(f"{pad}  CHANNELS 3 {turn}")
    else:
      move = "Xposition Yposition Zposition"
      lines.append(f"{pad}  CHANNELS 6 {move} {turn}")
      columns.append(root_m / unit_m)
    columns.append(turns.get(joint, np.zeros((len(root_m), 3))))
    children = [i for i, parent in enumerate(BODY21.parents) if parent == index]
    for child in children:
      add(child, depth + 1)
    if not children:
      lines.append(f"{pad}  End Site")
      lines.append(pad + "  {")
      lines.append(f"{pad}    OFFSET 0 {0.05 / unit_m:.6f} 0")
      lines.append(pad + "  }")
    lines.append(pad + "}")

  add(0, 0)
  lines += ["MOTION", f"Frames: {len(root_m)}", f"Frame Time: {frame_s:.7f}"]
  lines += [
    " ".join(f"{value:.6f}" for value in row)
    for row in np.concatenate(columns, axis=1)
  ]
  return "\n".join(lines) + "\n"


@pytest.fixture
def figure():
  """The functions and constants above, as one namespace."""

  class Figure:
    stature_m = STATURE_M
    toe_below_hips_m = TOE_BELOW_HIPS_M
    standing_m = staticmethod(standing_m)
    bvh_text = staticmethod(bvh_text)

    @staticmethod
    def root_m(frames, speed_m_s=0.5, height_m=1.0, rate_hz=120.0):
      """A root that glides along z."""
      out = np.zeros((frames, 3))
      out[:, 1] = height_m
      out[:, 2] = np.arange(frames) * speed_m_s / rate_hz
      return out

    @staticmethod
    def write(path, text):
      path = pathlib.Path(path)
      path.parent.mkdir(parents=True, exist_ok=True)
      data = text.encode()
      path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
      return path

  return Figure
