"""The worst moments of the clips that a page plays."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.report.page import Panel

_COUNT = 6
# Errors are averaged over this long, so that no single frame stands out.
_SMOOTH_S = 0.5
_APART_S = 3.0


@dataclasses.dataclass(frozen=True)
class Moment:
  """A moment with a large error.

  Attributes:
    clip: number of its clip, 0 the first.
    frame: frame of that clip.
    error: mean joint distance around it, in the poses' unit.
    joint: number of the joint that is furthest from the truth there.
    joint_error: that joint's distance.
  """

  clip: int
  frame: int
  error: float
  joint: int
  joint_error: float


def worst(
  distance: np.ndarray,
  lengths: Sequence[int],
  rate_hz: float,
  count: int = _COUNT,
) -> list[Moment]:
  """Finds the moments with the largest mean error, the largest first.

  Args:
    distance: [frame, joint] distance to the truth, clips one behind the other.
    lengths: frames of each clip.
    rate_hz: frames a second.
    count: moments at most; two of one clip lie at least three seconds apart.
  """
  width = max(1, round(_SMOOTH_S * rate_hz))
  apart = max(1, round(_APART_S * rate_hz))
  found: list[Moment] = []
  start = 0
  for clip, length in enumerate(lengths):
    part = distance[start : start + length].astype(np.float64)
    start += length
    size = min(width, length)
    kernel = np.ones(size) / size
    smooth = np.convolve(part.mean(axis=1), kernel, "valid")
    free = np.ones(len(smooth), bool)
    while free.any() and count:
      first = int(np.where(free, smooth, -np.inf).argmax())
      # The frame in the middle of what was averaged.
      around = part[first : first + size].mean(axis=0)
      joint = int(around.argmax())
      found.append(
        Moment(
          clip, first + size // 2, float(smooth[first]), joint,
          float(around[joint]),
        )
      )  # fmt: skip
      free[max(0, first - apart + 1) : first + apart] = False
  found.sort(key=lambda moment: -moment.error)
  return found[:count]


def panels(data: Mapping[str, Any], found: Sequence[Moment]) -> list[Panel]:
  """The list of the worst moments, each a link; none without moments.

  Args:
    data: the player's data.
    found: what `worst` returned for it.
  """
  items = []
  for moment in found:
    clip = data["clips"][moment.clip]
    place = moment.frame / data["rate_hz"]
    time_s = clip.get("first_s", 0.0) + place
    said = f"{time_s:.1f} s"
    if data.get("counted"):
      said = f"{data['counted']} {moment.frame + 1}"
    if len(data["clips"]) > 1:
      said += f" of clip {moment.clip + 1}"
    joint = data["joints"][moment.joint]
    text = (
      f": mean joint distance {moment.error:.2f} {data['lengths']};"
      f" {joint} is furthest off, {moment.joint_error:.2f}"
    )
    address = f"#clip={moment.clip + 1}&t={time_s:.3f}"
    items.append(
      f'<li><a href="{html.escape(address)}">{html.escape(said)}</a>'
      f"{html.escape(text)}</li>"
    )
  panel = Panel("Worst moments", f'<ol class="moments">{"".join(items)}</ol>')
  return [panel] if items else []
