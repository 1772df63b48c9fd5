"""Writer of BVH motion capture files.

A BVH file has no comments, so what it cannot say stands here:

- Lengths are centimetres, y is up, the floor is where the positions have it.
  The skeleton at rest is described in `rest_pose`, what rotations are worth
  in `joint_rotations`.
- Bones have one length each, the median over time. Predicted bones vary
  from frame to frame, so joints far from the root may lie off the predicted
  places; the directions are the predicted ones. With `exact` every joint has
  a position as well, relative to its parent, and lies where it was predicted
  for readers that use it; others see the same angles.
- Angles are degrees in the order Z X Y, R = Rz Rx Ry, without jumps of whole
  turns. The root has the position before the angles, and offset zero, so
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
from bgm2pose_jax.poses.rest_pose import REST21, RestPose

_BLOCK = 4096
# Readers refuse what no person can be (see `bvh_hierarchy.LARGEST`).
_LARGEST_CM = 1e6


def write_bvh(
  path: str | os.PathLike[str],
  positions: np.ndarray,
  rate_hz: float,
  *,
  unit_m: float = 1.0,
  rest: RestPose = REST21,
  exact: bool = False,
) -> None:
  """Writes joint positions as a BVH file, whole or not at all.

  Args:
    path: the file.
    positions: [time, joint, 3] in the order of `rest.skeleton.joints`,
      right-handed, y up. Rotations are fitted 4,096 frames at a time.
    rate_hz: frames per second.
    unit_m: metres per unit of `positions`.
    rest: the skeleton at rest.
    exact: whether joints have positions too, which keep bones' varying
      lengths.

  Raises:
    InputError: wrong shape, no frames, values that are not finite or absurd,
      a rate or unit that cannot be, or a file that cannot be written.
  """
  positions = np.asarray(positions)
  if positions.ndim != 3 or not len(positions):
    raise InputError(
      path,
      f"positions of shape {positions.shape}",
      f"give [time, {rest.skeleton.num_joints}, 3]",
    )
  rest.skeleton.check_axes(positions, str(path))
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
  offsets = joint_rotations.rest_offsets(positions, rest)
  hierarchy = _Hierarchy(rest, exact, offsets * unit_cm)
  with whole_file.writing(path) as file:
    lines = ["HIERARCHY", *hierarchy.lines(rest.depth_first[0], "")]
    lines += ["MOTION", f"Frames: {len(positions)}"]
    lines += [f"Frame Time: {1 / rate_hz:.10f}"]
    file.write(("\n".join(lines) + "\n").encode("ascii"))
    angles = None
    for start in range(0, len(positions), _BLOCK):
      part = positions[start : start + _BLOCK]
      turns = joint_rotations.orientations(part, offsets, rest)
      last = None if angles is None else angles[-1]
      angles = joint_rotations.euler_zxy(
        joint_rotations.local_rotations(turns, rest), last
      )
      file.write(hierarchy.frame_lines(part * unit_cm, turns, angles))


class _Hierarchy:
  """The joints as the file has them, depth first."""

  def __init__(self, rest: RestPose, exact: bool, offsets_cm: np.ndarray):
    self._rest, self._exact, self._offsets_cm = rest, exact, offsets_cm

  def lines(self, joint: int, pad: str) -> list[str]:
    """The hierarchy from one joint on; Blender counts on this order of lines.

    Args:
      joint: index.
      pad: blanks before each line.
    """
    rest = self._rest
    name = rest.skeleton.joints[joint]
    root = rest.skeleton.parents[joint] < 0
    moves = "3"
    if self._has_position(joint):
      moves = "6 Xposition Yposition Zposition"
    lines = [
      f"{pad}{'ROOT' if root else 'JOINT'} {name}",
      pad + "{",
      f"{pad}  {_offset(self._offsets_cm[joint])}",
      f"{pad}  CHANNELS {moves} Zrotation Xrotation Yrotation",
    ]
    for child in rest.children[joint]:
      lines += self.lines(child, pad + "  ")
    if not rest.children[joint]:
      end = rest.ends_cm[name] * rest.directions()[joint]
      lines += [
        f"{pad}  End Site",
        pad + "  {",
        f"{pad}    {_offset(end)}",
        pad + "  }",
      ]
    return [*lines, pad + "}"]

  def frame_lines(
    self, positions_cm: np.ndarray, turns: np.ndarray, angles: np.ndarray
  ) -> bytes:
    """Lines of the motion block, exact to a micrometre.

    Args:
      positions_cm: [time, joint, 3].
      turns: [time, joint, 3, 3] of `orientations`.
      angles: degrees [time, turning joint, (z, x, y)].
    """
    rest, cells, values = self._rest, [], []
    for joint in rest.depth_first:
      parent = rest.skeleton.parents[joint]
      if self._has_position(joint):
        place = positions_cm[:, joint]
        if parent >= 0:
          bone = place - positions_cm[:, parent]
          # A row vector times a matrix: the bone in the parent's frame.
          place = (bone[:, None] @ turns[:, parent])[:, 0]
        cells += ["%.5f"] * 3
        values.append(place)
      if joint in rest.turning:
        cells += ["%.5f"] * 3
        values.append(angles[:, rest.turning.index(joint)])
      else:
        cells += ["0"] * 3
    line = " ".join(cells) + "\n"
    table = np.concatenate(values, axis=1).astype(np.float64)
    table = np.round(table, 5) + 0.0  # no -0
    text = (line * len(table)) % tuple(table.ravel().tolist())
    return text.encode("ascii")

  def _has_position(self, joint: int) -> bool:
    return self._exact or self._rest.skeleton.parents[joint] < 0


def _offset(offset_cm: np.ndarray) -> str:
  x, y, z = offset_cm + 0.0  # no -0
  return f"OFFSET {x:.6f} {y:.6f} {z:.6f}"
