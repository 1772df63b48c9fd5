"""Reader of BVH motion capture files, plain or gzip-compressed.

The format is the Biovision hierarchy: a tree of joints with offsets and
channels, then one line of channel values per frame. Rotations are applied in
the order in which the CHANNELS line lists them. Position channels replace the
joint's offset, as in MotionBuilder's six-channel exports, unless they are zero
throughout.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.poses import frame_times
from bgm2pose_jax.poses.bvh_hierarchy import (
  LARGEST,
  broken,
  finite_number,
  read_hierarchy,
)
from bgm2pose_jax.poses.bvh_oddities import DecimalPoints, with_offsets_kept
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
    warnings: what a person should know of how the file was read, a sentence
      each.
  """

  nodes: tuple[Node, ...]
  channels: np.ndarray
  rate_hz: float
  warnings: tuple[str, ...] = ()

  @property
  def parents(self) -> tuple[int, ...]:
    """Index of each node's parent, -1 for the root."""
    return tuple(node.parent for node in self.nodes)

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

  def first_positions(self) -> np.ndarray:
    """`positions` of all nodes in the first frame, float64 [1, node, 3]."""
    return node_positions(self.nodes, self.channels[:1])


def read_bvh(
  path: str | pathlib.Path, rate_hz: float | None = None
) -> BvhMotion:
  """Reads a BVH file, plain text or gzip.

  Lines of `#` or `//` are comments. Other than as many frames as announced are
  read, decimal commas too, and position channels of a joint that are zero
  throughout give way to its offset; each with a warning.

  Args:
    path: the file.
    rate_hz: the true frame rate, where it is known; the `Frame Time` of the
      file then plays no part.

  Returns:
    The hierarchy and the motion, see `BvhMotion`.

  Raises:
    InputError: anything but a BVH file: broken hierarchy, more than MAX_NODES
      nodes or MAX_DEPTH levels, wrong number of values in a frame, a frame
      time that cannot be, values that are not finite, or text beyond the
      limits of `text_source`. The message names file and line.
  """
  data = text_file.read_bytes(path)
  rows = DecimalPoints(path, _without_comments(text_file.lines(data, path)))
  nodes = read_hierarchy(path, rows)
  num_channels = sum(len(node.channels) for node in nodes)
  frames, found_hz = _read_motion_header(path, rows, rate_hz)
  channels = _read_frames(path, rows, frames, num_channels, len(data))
  warnings = list(rows.warnings)
  if len(channels) != frames:
    warnings.append(
      f"Frames: {frames} announced, {len(channels)} lines of frames there:"
      f" {len(channels)} are read"
      + ("; copy the file again" if len(channels) < frames else "")
    )
  nodes, kept = with_offsets_kept(nodes, channels)
  return BvhMotion(nodes, channels, found_hz, (*warnings, *kept))


def _without_comments(
  rows: Iterator[tuple[int, bytes]],
) -> Iterator[tuple[int, bytes]]:
  for line, row in rows:
    if not row.lstrip().startswith((b"#", b"//")):
      yield line, row


def _read_motion_header(path, rows, rate_hz: float | None) -> tuple[int, float]:
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
  if rate_hz is not None:
    return int(frames), rate_hz
  if not 1e-4 <= frame_s <= 1.0:
    low, high = frame_times.RATE_RANGE_HZ
    guess = ""
    if low <= frame_s <= high:
      guess = f" (to {1 / frame_s:.6g} if that is the rate)"
    raise InputError(
      f"{path} line {line}",
      f"a frame time of {frame_s:g} s",
      f"correct it{guess}, or give fps_true for the file in clips.csv",
    )
  found_hz = 1.0 / frame_s
  # A frame time of .008333 means 120 Hz; 29.97 Hz stays what it is.
  if abs(found_hz - round(found_hz)) < 1e-4 * found_hz:
    found_hz = float(round(found_hz))
  return int(frames), found_hz


def _read_frames(path, rows, frames, num_channels, size) -> np.ndarray:
  """Reads all frames there are; float64 [time, channel]."""
  if num_channels == 0:
    raise InputError(path, "a hierarchy without CHANNELS", "export it again")
  # A number and its blank take two bytes: a false count claims no memory.
  most = size // (2 * num_channels) + 1
  if frames > most:
    raise InputError(
      path,
      f"{frames} frames of {num_channels} values announced in {size} bytes",
      "the motion block is truncated: export the BVH file again",
    )
  channels = np.empty((frames, num_channels))
  count = 0
  for line, row in rows:
    words = row.split()
    if not words:
      continue
    if len(words) != num_channels:
      raise broken(
        path,
        line,
        f"frame {count} has {len(words)} values, the channels are"
        f" {num_channels}",
      )
    if count == len(channels):
      more = np.empty((min(2 * count, most) - count, num_channels))
      channels = np.concatenate([channels, more])
    try:
      channels[count] = list(map(float, words))
    except ValueError as error:
      text = text_file.clip_text(str(error))
      raise broken(path, line, f"frame {count}: {text}") from error
    if b"_" in row:
      raise broken(path, line, f"frame {count} holds a '_'")
    count += 1
  if not count:
    raise InputError(
      path,
      f"0 of {frames} frames (truncated motion block)",
      "copy or export the BVH file again",
    )
  channels = channels[:count]
  bad = ~(np.abs(channels) < LARGEST).all(axis=1)
  if bad.any():
    raise InputError(
      path,
      f"frame {int(np.argmax(bad))} holds NaN, infinite or absurd values",
      "export the BVH file again",
    )
  return channels
