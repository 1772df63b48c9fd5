"""Reader of BVH motion capture files, plain or gzip-compressed.

The format is the Biovision hierarchy: a tree of joints with offsets and
channels, then one line of channel values per frame. Rotations are applied in
the order in which the CHANNELS line lists them. Position channels replace the
joint's offset, as in MotionBuilder's six-channel exports.
"""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.poses.bvh_hierarchy import (
  LARGEST,
  broken,
  finite_number,
  read_hierarchy,
)
from bgm2pose_jax.poses.kinematics import Node, node_positions


@dataclasses.dataclass(frozen=True)
class BvhMotion:
  """A parsed BVH file.

  Attributes:
    nodes: joints and End Sites, each parent before its children. An End Site
      is named `<joint> End Site` (`<joint> End Site 2` for a second one).
    channels: float64 [time, channel], positions in file units, angles in
      degrees.
    rate_hz: 1 / `Frame Time`, rounded where it is within 1e-4 of a whole
      number.
  """

  nodes: tuple[Node, ...]
  channels: np.ndarray
  rate_hz: float

  @property
  def names(self) -> tuple[str, ...]:
    """Name of each node, in the order of `nodes`."""
    return tuple(node.name for node in self.nodes)

  def positions(self, wanted: list[int] | None = None) -> np.ndarray:
    """Forward kinematics: float64 [time, node, 3] in file units.

    Args:
      wanted: node indices to return, in that order; all nodes by default.
    """
    return node_positions(self.nodes, self.channels, wanted)


def read_bvh(path: str | pathlib.Path) -> BvhMotion:
  """Reads a BVH file, plain text or gzip.

  Args:
    path: the file.

  Returns:
    The hierarchy and the motion, see `BvhMotion`.

  Raises:
    InputError: anything but a complete BVH file: broken hierarchy, more than
      MAX_NODES nodes or MAX_DEPTH levels, wrong number of values in a frame,
      fewer or more frames than announced, values that are not finite, or text
      beyond the limits of `text_source`. The message names file and line.
  """
  data = text_file.read_bytes(path)
  rows = text_file.lines(data, path)
  nodes = read_hierarchy(path, rows)
  num_channels = sum(len(node.channels) for node in nodes)
  frames, rate_hz = _read_motion_header(path, rows)
  channels = _read_frames(path, rows, frames, num_channels, len(data))
  return BvhMotion(nodes, channels, rate_hz)


def _read_motion_header(path, rows) -> tuple[int, float]:
  """Reads `Frames: n` and `Frame Time: s`; returns (frames, rate_hz)."""
  line, found = 0, {}
  for line, row in rows:
    text = row.decode("utf-8", "replace").strip()
    if not text:
      continue
    label, _, value = text.partition(":")
    label = " ".join(label.lower().split())
    if label not in ("frames", "frame time") or label in found:
      raise broken(
        path, line, f"'{text_file.clip_text(text)}' for the motion's header"
      )
    found[label] = finite_number(path, line, value.strip())
    if len(found) == 2:
      break
  if len(found) < 2:
    raise broken(path, line, "the file ends inside the motion's header")
  frames, frame_s = found["frames"], found["frame time"]
  if frames < 1 or frames != int(frames):
    raise broken(path, line, f"a frame count of {frames:g}")
  if not 1e-4 <= frame_s <= 1.0:
    raise broken(path, line, f"a frame time of {frame_s:g} s")
  rate_hz = 1.0 / frame_s
  # A frame time of .008333 means 120 Hz; 29.97 Hz stays what it is.
  if abs(rate_hz - round(rate_hz)) < 1e-4 * rate_hz:
    rate_hz = float(round(rate_hz))
  return int(frames), rate_hz


def _read_frames(path, rows, frames, num_channels, size) -> np.ndarray:
  if num_channels == 0:
    raise InputError(path, "a hierarchy without CHANNELS", "export it again")
  # A number and its blank take two bytes: a false count claims no memory.
  if 2 * frames * num_channels > size:
    raise InputError(
      path,
      f"{frames} frames of {num_channels} values announced in {size} bytes",
      "the motion block is truncated: export the BVH file again",
    )
  channels = np.empty((frames, num_channels))
  count, line = 0, 0
  for line, row in rows:
    words = row.split()
    if not words:
      continue
    if count == frames:
      raise broken(path, line, f"more than the {frames} frames announced")
    if len(words) != num_channels:
      raise broken(
        path,
        line,
        f"frame {count} has {len(words)} values, the channels are"
        f" {num_channels}",
      )
    try:
      channels[count] = list(map(float, words))
    except ValueError as error:
      text = text_file.clip_text(str(error))
      raise broken(path, line, f"frame {count}: {text}") from error
    if b"_" in row:
      raise broken(path, line, f"frame {count} holds a '_'")
    count += 1
  if count < frames:
    raise InputError(
      path,
      f"{count} of {frames} frames (truncated motion block)",
      "copy or export the BVH file again",
    )
  bad = ~(np.abs(channels) < LARGEST).all(axis=1)
  if bad.any():
    raise InputError(
      path,
      f"frame {int(np.argmax(bad))} holds NaN, infinite or absurd values",
      "export the BVH file again",
    )
  return channels
