"""Joint positions to a skeleton at rest and its rotations.

A bone that is its joint's only child takes the direction that it has at rest
(see `rest_pose`). Where a joint carries several bones, the rest has the
typical angles between them, measured in the body's own axes, so that a rigid
pelvis or chest is matched exactly. Lengths are medians over time.

Positions do not say everything about rotations: a joint with one bone is
turned by the smallest angle that points it, so its twist about the bone is
the parent's. That is a choice, not a measurement.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.rest_pose import REST21, RestPose

# Medians over more frames than this, evenly spread, gain nothing.
_MEDIAN_FRAMES = 50_000
# Turns a fan by what its bones leave open, without moving what they fix.
_TIE = 1e-9
# Degrees beyond which an unwrapped angle starts again within one turn: 32-bit
# readers keep hundredths of a degree, and no file grows without bound.
_MOST_DEG = 1e5


def rest_offsets(positions: np.ndarray, rest: RestPose = REST21) -> np.ndarray:
  """The skeleton at rest: each joint relative to its parent.

  Args:
    positions: [time, joint, 3] in any unit, finite.
    rest: the rest pose of the positions' skeleton.

  Returns:
    float64 [joint, 3] in that unit; zero for the root. A bone's length is its
    median over time (over 50,000 frames of a longer motion).
  """
  offsets = rest.directions()
  parents = rest.skeleton.parents
  step = -(-len(positions) // _MEDIAN_FRAMES)
  points = np.asarray(positions[::step], np.float64)
  for children in rest.children:
    if not children:
      continue
    members = list(children)
    joint = parents[members[0]]
    bones = points[:, members] - points[:, [joint]]
    if len(members) > 1:
      fan = rest.fans[rest.skeleton.joints[joint]]
      offsets[members] = _fan_directions(bones, offsets[members], fan)
    lengths = np.median(np.linalg.norm(bones, axis=-1), axis=0)
    offsets[members] *= lengths[:, None]
  return offsets


def _fan_directions(
  bones: np.ndarray,
  usual: np.ndarray,
  weights: tuple[tuple[float, ...], tuple[float, ...]],
) -> np.ndarray:
  """Typical directions of the bones of a joint, in the body's axes.

  Args:
    bones: [time, bone, 3].
    usual: unit vectors [bone, 3] to take where the bones give no axes.
    weights: the weights from `RestPose.fans`.

  Returns:
    Unit vectors [bone, 3]: x from right to left, up in the xy plane.
  """
  across, up = (np.einsum("b,tbd->td", each, bones) for each in weights)
  forward = np.cross(across, up)
  size = np.linalg.norm(forward, axis=-1)
  clear = size > 1e-3 * np.median(np.linalg.norm(bones, axis=-1)) ** 2
  if not clear.any():
    return usual
  x = across[clear]
  x /= np.linalg.norm(x, axis=-1, keepdims=True)
  z = forward[clear] / size[clear, None]
  axes = np.stack([x, np.cross(z, x), z], axis=1)
  fan = np.median(np.einsum("tad,tbd->tba", axes, bones[clear]), axis=0)
  length = np.linalg.norm(fan, axis=1, keepdims=True)
  return np.where(length > 0, fan / np.where(length > 0, length, 1), usual)


def orientations(
  positions: np.ndarray, offsets: np.ndarray, rest: RestPose = REST21
) -> np.ndarray:
  """How each joint is turned from rest, in the frame of the positions.

  Args:
    positions: [time, joint, 3].
    offsets: [joint, 3] of `rest_offsets`, same unit.
    rest: the rest pose of the positions' skeleton.

  Returns:
    Rotation matrices float64 [time, joint, 3, 3]; a leaf's is its parent's.
  """
  points = np.asarray(positions, np.float64)
  directions, parents = rest.directions(), rest.skeleton.parents
  turns = np.empty((len(points), rest.skeleton.num_joints, 3, 3))
  for joint, children in enumerate(rest.children):
    if parents[joint] < 0:
      before = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    else:
      before = turns[:, parents[joint]]
    members = list(children)
    bones = points[:, members] - points[:, [joint]]
    if not children:
      turns[:, joint] = before
    elif len(children) == 1:
      # A row vector times a matrix: the bone in the parent's frame.
      bone = (bones @ before)[:, 0]
      turns[:, joint] = before @ _shortest_turn(directions[members[0]], bone)
    else:
      turns[:, joint] = _best_fit(offsets[members], bones, before)
  return turns


def local_rotations(turns: np.ndarray, rest: RestPose = REST21) -> np.ndarray:
  """Rotations of the joints of `rest.turning` relative to their parents.

  Args:
    turns: [time, joint, 3, 3] of `orientations`.
    rest: the rest pose of the skeleton.

  Returns:
    float64 [time, len(rest.turning), 3, 3].
  """
  own = turns[:, list(rest.turning)].copy()
  parents = [rest.skeleton.parents[joint] for joint in rest.turning[1:]]
  own[:, 1:] = np.swapaxes(turns[:, parents], -1, -2) @ own[:, 1:]
  return own


def _shortest_turn(rest: np.ndarray, bones: np.ndarray) -> np.ndarray:
  """Matrices [time, 3, 3] turning a unit vector [3] along vectors [time, 3].

  The smallest rotation is two half-turns, about the start and about the
  middle between start and end: exactly orthogonal, also near 180 degrees.
  """
  length = np.linalg.norm(bones, axis=1, keepdims=True)
  # A bone without length points nowhere: no turn.
  aim = np.where(length > 0, bones / np.where(length > 0, length, 1), rest)
  middle = aim + rest
  size = np.linalg.norm(middle, axis=1, keepdims=True)
  # Straight back: through the front, or upwards for what points there.
  side = np.eye(3)[2 if abs(rest[2]) < 0.5 else 1]
  side = side - rest * (side @ rest)
  side /= np.linalg.norm(side)
  middle = np.where(size > 1e-8, middle / np.where(size > 0, size, 1), side)
  first = 2 * np.outer(rest, rest) - np.eye(3)
  return 2 * middle[:, :, None] * (middle @ first)[:, None, :] - first


def _best_fit(
  offsets: np.ndarray, bones: np.ndarray, before: np.ndarray
) -> np.ndarray:
  """Rotations with the least squared distance of offsets to bones.

  Wahba's problem by singular values (Markley, J. Astronaut. Sci. 36, 1988).
  What the bones do not fix (all on one line, or of no length) is as `before`.

  Args:
    offsets: [bone, 3] at rest.
    bones: [time, bone, 3].
    before: [time, 3, 3] orientation of the parent.

  Returns:
    float64 [time, 3, 3].
  """
  scale = float((offsets**2).sum()) or 1.0
  pull = np.swapaxes(bones, 1, 2) @ offsets + _TIE * scale * before
  left, _, right = np.linalg.svd(pull)
  # A reflection may fit better; the weakest axis is turned over instead.
  left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
  return left @ right


def euler_zxy(
  turns: np.ndarray, previous: np.ndarray | None = None
) -> np.ndarray:
  """Angles of R = Rz Rx Ry in degrees, continuous in time.

  Each rotation has two such triples, (z, x, y) and (z+180, 180-x, y+180), each
  up to whole turns; the one nearer to the frame before is taken. Where x is
  90 degrees only the sum or difference of z and y is defined: y then stays.

  Args:
    turns: rotation matrices [time, joint, 3, 3].
    previous: [joint, 3], the answer's last row for the frames before these.

  Returns:
    float64 [time, joint, (z, x, y)]. Without `previous` the first row has x
    within 90 and z, y within 180 degrees. Angles grow with whole turns, up to
    100,000 degrees at the start of a call.
  """
  level = np.hypot(turns[..., 0, 1], turns[..., 1, 1])
  x = np.arctan2(turns[..., 2, 1], level)
  y = np.arctan2(-turns[..., 2, 0], turns[..., 2, 2])
  start = np.zeros((1, y.shape[1]))
  if previous is not None:
    start[0] = np.radians(previous[:, 2])
  clear = np.where(level > 1e-7, np.arange(1, len(y) + 1)[:, None], 0)
  latest = np.maximum.accumulate(clear, axis=0)
  y = np.take_along_axis(np.concatenate([start, y]), latest, axis=0)
  # R Ry(-y) = Rz Rx has (cos z, sin z, 0) in its first column, for any x.
  cos, sin = np.cos(y), np.sin(y)
  z = np.arctan2(
    turns[..., 1, 0] * cos + turns[..., 1, 2] * sin,
    turns[..., 0, 0] * cos + turns[..., 0, 2] * sin,
  )
  angles = np.degrees(np.stack([z, x, y], axis=-1))
  if previous is not None:
    far = np.abs(previous) > _MOST_DEG
    previous = np.where(far, np.remainder(previous, 360.0), previous)
    angles = np.concatenate([previous[None], angles])
  # Two frames lie as far apart in the second form of both as in the first, so
  # where the form changes does not depend on which one is in use.
  other = angles * (1, -1, 1) + 180.0
  changes = np.zeros(angles.shape[:2], bool)
  changes[1:] = _apart(angles[:-1], other[1:]) < _apart(angles[:-1], angles[1:])
  second = np.logical_xor.accumulate(changes, axis=0)
  angles = np.where(second[..., None], other, angles)
  angles = np.unwrap(angles, period=360.0, axis=0)
  return angles if previous is None else angles[1:]


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  return np.abs((b - a + 180.0) % 360.0 - 180.0).sum(axis=-1)
