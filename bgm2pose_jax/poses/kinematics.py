"""Forward kinematics of a joint tree, vectorised over frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Node:
  """A joint or end point.

  Attributes:
    name: the name, as in the file.
    parent: index of the parent, -1 for the root.
    offset: position in the parent's frame, file units.
    channels: (kind, axis) in file order; kind `position`, `rotation`, or
      `unused` for one that moves nothing; axis 0, 1, 2 for x, y, z.
    first_channel: column of the first of them in the motion block.
  """

  name: str
  parent: int
  offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
  channels: tuple[tuple[str, int], ...] = ()
  first_channel: int = 0


def node_positions(
  nodes: Sequence[Node],
  channels: np.ndarray,
  wanted: Sequence[int] | None = None,
) -> np.ndarray:
  """Positions of the nodes in the root's frame of reference.

  R_node = R_parent E_1 E_2 ... with E_i the elementary rotations in channel
  order, p_node = p_parent + R_parent (offset or position channels).

  Args:
    nodes: the tree, each parent before its children.
    channels: [time, channel] file units and degrees.
    wanted: node indices to return, in that order; all by default. Branches
      that lead to none of them (fingers, eyes) cost nothing.

  Returns:
    float64 [time, len(wanted), 3].
  """
  wanted = range(len(nodes)) if wanted is None else wanted
  needed = set()
  for index in wanted:
    while index >= 0 and index not in needed:
      needed.add(index)
      index = nodes[index].parent
  carries_child = {nodes[index].parent for index in needed}
  frames = len(channels)
  points: dict[int, np.ndarray] = {}
  # Matrices as [row, column, time]: a rotation about one axis on the right
  # then only mixes two contiguous columns, with no small matrix products.
  turns: dict[int, np.ndarray] = {}
  for index in sorted(needed):
    node = nodes[index]
    shift = np.repeat(np.array(node.offset)[:, None], frames, axis=1)
    for k, (kind, axis) in enumerate(node.channels):
      if kind == "position":
        shift[axis] = channels[:, node.first_channel + k]
    if node.parent < 0:
      points[index] = shift
    else:
      turn = turns[node.parent]
      points[index] = points[node.parent] + (
        turn[:, 0] * shift[0] + turn[:, 1] * shift[1] + turn[:, 2] * shift[2]
      )
    if index in carries_child:
      turns[index] = _turned(node, channels, turns.get(node.parent))
  out = np.empty((frames, len(wanted), 3))
  for column, index in enumerate(wanted):
    out[:, column] = points[index].T
  return out


def _turned(
  node: Node, channels: np.ndarray, parent: np.ndarray | None
) -> np.ndarray:
  """Orientation [3, 3, time] of a node, given its parent's."""
  if parent is None:
    turn = np.repeat(np.eye(3)[:, :, None], len(channels), axis=2)
  else:
    turn = parent.copy()
  for k, (kind, axis) in enumerate(node.channels):
    if kind != "rotation":
      continue
    angle = np.radians(channels[:, node.first_channel + k])
    cos, sin = np.cos(angle), np.sin(angle)
    j, m = (axis + 1) % 3, (axis + 2) % 3
    first, second = turn[:, j].copy(), turn[:, m]
    turn[:, j] = cos * first + sin * second
    turn[:, m] = cos * second - sin * first
  return turn
