"""What BVH files in the wild do that the format does not say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.poses.kinematics import Node

# A number with a decimal comma and no point, as the whole of a word.
_COMMA_NUMBER = re.compile(rb"[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
# As part of a bone: what rounding and filters leave of a zero. No bone shrinks
# to a fiftieth.
_ZERO_PART = 0.02


class DecimalPoints:
  """Lines of a BVH file with decimal points where it has decimal commas.

  Blanks part numbers, so `0,5` can only be a half, unless the file writes
  decimal points too or leaves the blanks out.

  Attributes:
    warnings: says so once a comma was read.
  """

  def __init__(self, path: object, rows: Iterator[tuple[int, bytes]]):
    self.path = path
    self.warnings: tuple[str, ...] = ()
    self._rows = rows

  def __iter__(self) -> Iterator[tuple[int, bytes]]:
    return self

  def __next__(self) -> tuple[int, bytes]:
    line, row = next(self._rows)
    if b"," not in row:
      return line, row
    words = row.split()
    if words[0].upper() in (b"ROOT", b"JOINT"):
      return line, row
    unclear = [
      word
      for word in words
      if b"," in word and not _COMMA_NUMBER.fullmatch(word)
    ]
    pointed = [w for w in words if b"." in w and _is_number(w)]
    if unclear or pointed:
      shown = clip_text((unclear or words)[0].decode("utf-8", "replace"))
      found = f"'{shown}': a decimal comma, or a comma between numbers"
      raise InputError(
        f"{self.path} line {line}",
        found,
        "export it with decimal points and blanks between numbers (an English"
        " locale), or replace the commas",
      )
    if not self.warnings:
      self.warnings = (
        f"numbers with a decimal comma from line {line} on: '0,5' is read as"
        " 0.5",
      )
    return line, row.replace(b",", b".")


def _is_number(word: bytes) -> bool:
  try:
    float(word)
  except ValueError:
    return False
  return True


def with_offsets_kept(
  nodes: Sequence[Node], channels: np.ndarray
) -> tuple[tuple[Node, ...], tuple[str, ...]]:
  """Drops position channels that say zero where a bone has a length.

  Some exporters write six channels for every joint and fill in rotations
  alone. Taken at their word the joints would all lie in their parents.

  Args:
    nodes: the hierarchy.
    channels: [time, channel] file units and degrees.

  Returns:
    The nodes, and warnings: at most one.
  """
  kept, names = [], []
  for node in nodes:
    columns = [
      node.first_channel + k
      for k, (kind, _) in enumerate(node.channels)
      if kind == "position"
    ]
    length = float(np.linalg.norm(node.offset))
    if (
      node.parent >= 0
      and len(columns) == 3
      and length > 0
      and np.abs(channels[:, columns]).max() <= _ZERO_PART * length
    ):
      names.append(node.name)
      # A rotation's column is first_channel + its place: places must stay.
      node = dataclasses.replace(
        node,
        channels=tuple(
          ("unused", axis) if kind == "position" else (kind, axis)
          for kind, axis in node.channels
        ),
      )
    kept.append(node)
  if not names:
    return tuple(nodes), ()
  shown = ", ".join(clip_text(name, 40) for name in names[:3])
  more = ", ..." if len(names) > 3 else ""
  return tuple(kept), (
    f"position channels of {len(names)} joints are 0 throughout"
    f" ({shown}{more}): their OFFSETs are kept",
  )
