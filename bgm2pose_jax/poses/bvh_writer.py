"""Writer of BVH motion capture files.

A BVH file has no comments, so what it cannot say stands here:

- Lengths are centimetres, y is up, the floor is where the positions have it.
  The skeleton at rest, the T-pose and what rotations are worth are described
  in `joint_rotations`.
- Bones have one length each, the median over time. Predicted bones vary
  from frame to frame, so joints far from the hips may lie off the predicted
  places; the directions are the predicted ones.
- Angles are degrees in the order Z X Y, R = Rz Rx Ry, without jumps of whole
  turns. The hips have the position before the angles, and offset zero, so
  that readers that add both agree with those that take the position alone.
- Leaf joints (head, hands, toes) have channels that are always zero: Blender
  takes the third line of a joint for its CHANNELS, whatever it says. Their
  End Sites give a length to draw.
- Blender: scale 0.01, forward -Z, up Y (its own choice), and let the file set
  the frame rate. Its frame 1 is the first pose; at rest the person looks
  towards the front view. In 4.5 every joint of a rigid body then lies within
  1 um of where it was. "Zero length bone found: Hips" means the hips' stub,
  for whose end Blender takes the mean of three bones; nothing moves by it.
"""

from __future__ import annotations

import os

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import whole_file
from bgm2pose_jax.poses import joint_rotations
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.joint_rotations import CHILDREN, TURNING

# Top of the head, end of the fingers, end of the toes: centimetres, for an
# adult, along the bone at rest.
_END_CM = {"Head": 18.0, "Hand": 18.0, "ToeBase": 6.0}
_BLOCK = 4096
# Readers refuse what no person can be (see `bvh_hierarchy.LARGEST`).
_LARGEST_CM = 1e6


def write_bvh(
  path: str | os.PathLike[str],
  positions: np.ndarray,
  rate_hz: float,
  *,
  unit_m: float = 1.0,
) -> None:
  """Writes joint positions as a BVH file, whole or not at all.

  Args:
    path: the file.
    positions: [time, joint=21, 3] in the order of `BODY21.joints`,
      right-handed, y up. Rotations are fitted 4,096 frames at a time.
    rate_hz: frames per second.
    unit_m: metres per unit of `positions`.

  Raises:
    InputError: wrong shape, no frames, values that are not finite or absurd,
      a rate or unit that cannot be, or a file that cannot be written.
  """
  positions = np.asarray(positions)
  if positions.ndim != 3 or not len(positions):
    raise InputError(
      path, f"positions of shape {positions.shape}", "give [time, 21, 3]"
    )
  BODY21.check_axes(positions, str(path))
  if not 1.0 <= rate_hz <= 10_000.0:
    raise InputError(path, f"{rate_hz} frames a second", "give 1 to 10,000")
  unit_cm = 100.0 * unit_m
  if not 0 < unit_cm < _LARGEST_CM:
    raise InputError(path, f"a unit of {unit_m} m", "give metres per unit")
  for start in range(0, len(positions), _BLOCK):
    part = positions[start : start + _BLOCK]
    if not (np.abs(part) < _LARGEST_CM / unit_cm).all():
      raise InputError(
        path,
        f"frames {start} to {start + len(part) - 1} hold a position that is"
        " not finite or absurd",
        "give finite positions and their unit",
      )
  offsets = joint_rotations.rest_offsets(positions)
  with whole_file.writing(path) as file:
    lines = ["HIERARCHY", *_joint_lines(0, offsets * unit_cm, "")]
    lines += ["MOTION", f"Frames: {len(positions)}"]
    lines += [f"Frame Time: {1 / rate_hz:.10f}"]
    file.write(("\n".join(lines) + "\n").encode("ascii"))
    angles = None
    for start in range(0, len(positions), _BLOCK):
      part = positions[start : start + _BLOCK]
      turns = joint_rotations.orientations(part, offsets)
      turns = joint_rotations.local_rotations(turns)
      last = None if angles is None else angles[-1]
      angles = joint_rotations.euler_zxy(turns, last)
      file.write(_frame_lines(part[:, 0] * unit_cm, angles))


def _joint_lines(joint: int, offsets_cm: np.ndarray, pad: str) -> list[str]:
  """The hierarchy from one joint on; Blender counts on this order of lines."""
  name = BODY21.joints[joint]
  root = BODY21.parents[joint] < 0
  moves = "6 Xposition Yposition Zposition" if root else "3"
  lines = [
    f"{pad}{'ROOT' if root else 'JOINT'} {name}",
    pad + "{",
    f"{pad}  {_offset(offsets_cm[joint])}",
    f"{pad}  CHANNELS {moves} Zrotation Xrotation Yrotation",
  ]
  for child in CHILDREN[joint]:
    lines += _joint_lines(child, offsets_cm, pad + "  ")
  if not CHILDREN[joint]:
    part = name.removeprefix("Left").removeprefix("Right")
    end = _END_CM[part] * joint_rotations.rest_directions()[joint]
    lines += [
      f"{pad}  End Site",
      pad + "  {",
      f"{pad}    {_offset(end)}",
      pad + "  }",
    ]
  return [*lines, pad + "}"]


def _offset(offset_cm: np.ndarray) -> str:
  x, y, z = offset_cm + 0.0  # no -0
  return f"OFFSET {x:.6f} {y:.6f} {z:.6f}"


def _frame_lines(hips_cm: np.ndarray, angles: np.ndarray) -> bytes:
  """Lines of the motion block, exact to a micrometre.

  Joints are stored as the hierarchy goes through them, depth first.
  """
  cells = ["%.5f"] * 3
  for joint in range(BODY21.num_joints):
    cells += ["%.5f" if joint in TURNING else "0"] * 3
  line = " ".join(cells) + "\n"
  values = np.concatenate([hips_cm, angles.reshape(len(angles), -1)], axis=1)
  values = np.round(values.astype(np.float64), 5) + 0.0
  text = (line * len(values)) % tuple(values.ravel().tolist())
  return text.encode("ascii")
