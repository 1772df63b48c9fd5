"""The HIERARCHY part of a BVH file: joints, offsets, channels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.poses.kinematics import Node

MAX_DEPTH = 100
MAX_NODES = 1000
# In no unit of length or angle is more a person; it also keeps sums finite.
LARGEST = 1e6
_MAX_LINES = 20_000
_CHANNELS = {
  f"{axis}{kind}": (kind, "xyz".index(axis))
  for axis in "xyz"
  for kind in ("position", "rotation")
}


def broken(path: object, line: int, found: str) -> InputError:
  """The error for a BVH file that breaks the format at a line."""
  return InputError(f"{path} line {line}", found, "export the BVH file again")


def finite_number(path: object, line: int, word: str) -> float:
  """Parses a number; NaN, infinity and Python's `1_0` are refused.

  Raises:
    InputError: as said.
  """
  try:
    value = math.nan if "_" in word else float(word)
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise broken(path, line, f"'{clip_text(word)}' is not a finite number")
  return value


def read_hierarchy(
  path: object, rows: Iterator[tuple[int, bytes]]
) -> tuple[Node, ...]:
  """Reads lines up to and including MOTION.

  Args:
    path: the file, for messages.
    rows: (line number, line); left behind the MOTION line.

  Returns:
    The nodes, each parent before its children; End Sites as
    `<joint> End Site`, a second one of a joint as `<joint> End Site 2`.

  Raises:
    InputError: a broken hierarchy, more than MAX_NODES or MAX_DEPTH, or
      numbers that are not finite.
  """
  tree = _Tree(path)
  started, line = False, 0
  for line, row in rows:
    words = row.decode("utf-8", "replace").split()
    if not words:
      continue
    if line > _MAX_LINES:
      raise broken(path, line, "no MOTION block so far")
    key = words[0].upper()
    if not started:
      if key != "HIERARCHY":
        raise broken(path, line, "does not start with HIERARCHY (not BVH)")
      started = True
    elif key == "MOTION":
      return tree.finished(line)
    else:
      tree.take(line, key, words)
  raise broken(path, line, "the file ends before its MOTION block")


class _Tree:
  """Nodes read so far. An explicit stack, so depth costs no recursion."""

  def __init__(self, path: object):
    self.path = path
    self.nodes: list[Node] = []
    self.ends: set[int] = set()
    self.stack: list[int] = []
    self.pending: Node | None = None
    self.num_channels = 0

  def finished(self, line: int) -> tuple[Node, ...]:
    if self.pending is not None or self.stack or not self.nodes:
      raise broken(self.path, line, "MOTION before the hierarchy is closed")
    return tuple(self.nodes)

  def take(self, line: int, key: str, words: list[str]) -> None:
    """Takes one line that is neither HIERARCHY nor MOTION."""
    inside = bool(self.stack) and self.pending is None
    if key in ("ROOT", "JOINT", "END"):
      self._announce(line, key, words)
      if len(words) > 2 and words[-1] == "{":
        self._open(line)
    elif key == "{":
      self._open(line)
    elif key == "}" and inside:
      self.stack.pop()
    elif key == "OFFSET" and inside:
      if len(words) != 4:
        raise broken(self.path, line, "an OFFSET without three numbers")
      x, y, z = (finite_number(self.path, line, word) for word in words[1:])
      if max(abs(x), abs(y), abs(z)) >= LARGEST:
        raise broken(self.path, line, f"a bone beyond {LARGEST:g} units")
      self._update(offset=(x, y, z))
    elif key == "CHANNELS" and inside:
      self._channels(line, words)
    else:
      found = f"unexpected '{clip_text(words[0])}' in the hierarchy"
      raise broken(self.path, line, found)

  def _announce(self, line: int, key: str, words: list[str]) -> None:
    parent = self.stack[-1] if self.stack else -1
    if key == "ROOT" and self.nodes:
      raise InputError(
        f"{self.path} line {line}",
        "a second ROOT or a ROOT inside the tree",
        "export one person per file",
      )
    if (
      self.pending is not None
      or (key == "ROOT") != (parent < 0)
      or parent in self.ends
    ):
      raise broken(self.path, line, f"a misplaced {words[0]}")
    if len(self.nodes) >= MAX_NODES:
      raise broken(self.path, line, f"more than {MAX_NODES} joints")
    if len(self.stack) >= MAX_DEPTH:
      raise broken(self.path, line, f"joints nested deeper than {MAX_DEPTH}")
    if key == "END":
      if len(words) < 2 or words[1].upper() != "SITE":
        raise broken(self.path, line, "'End' without 'Site'")
      number = 1 + sum(self.nodes[end].parent == parent for end in self.ends)
      name = f"{self.nodes[parent].name} End Site"
      name += f" {number}" if number > 1 else ""
      self.ends.add(len(self.nodes))
    else:
      name = " ".join(word for word in words[1:] if word != "{")
      if not name or len(name) > 200:
        raise broken(self.path, line, f"a {words[0]} without a usable name")
    self.pending = Node(clip_text(name, 220), parent)

  def _open(self, line: int) -> None:
    if self.pending is None:
      raise broken(self.path, line, "an opening brace without a joint")
    self.nodes.append(self.pending)
    self.stack.append(len(self.nodes) - 1)
    self.pending = None

  def _channels(self, line: int, words: list[str]) -> None:
    node = self.nodes[self.stack[-1]]
    if node.channels or self.stack[-1] in self.ends:
      found = f"CHANNELS where '{node.name}' can have none"
      raise broken(self.path, line, found)
    names = words[2:]
    if not names or words[1] != str(len(names)):
      found = "a CHANNELS line whose count does not fit its names"
      raise broken(self.path, line, found)
    kinds = [_CHANNELS.get(name.lower()) for name in names]
    known = tuple(kind for kind in kinds if kind is not None)
    if len(set(known)) != len(kinds):
      found = f"unknown or repeated channels '{clip_text(' '.join(names))}'"
      raise broken(self.path, line, found)
    self._update(channels=known, first_channel=self.num_channels)
    self.num_channels += len(known)

  def _update(self, **fields) -> None:
    index = self.stack[-1]
    self.nodes[index] = dataclasses.replace(self.nodes[index], **fields)
