"""What belongs to a player's clips on one axis of time, as a panel."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.report import document, images
from bgm2pose_jax.report.page import Panel

# Steps of colour: finer than an eye tells apart, and half the bytes of 256.
_LEVELS = 64
_RANGE_DB = 70.0
_START = """if (player) makeTimeline(document.getElementById("time"), player);
"""


def panels(
  pictures: Sequence[Mapping[str, Any]] = (),
  lines: Sequence[Mapping[str, Any]] = (),
  *,
  per_column: int = 1,
  has_truth: bool = False,
  caption: str = "",
) -> list[Panel]:
  """The timeline's panel; none where there is nothing to draw.

  It stands behind the panel of a player that starts.

  Args:
    pictures: images from `image`.
    lines: lines, as timeline.js takes them.
    per_column: stored frames in one column of an image or point of a line.
    has_truth: the player has ground truth; errors are drawn then.
    caption: plain text below it.
  """
  names = [str(each["title"]) for each in (*pictures, *lines)]
  if has_truth:
    names.insert(0, "error of each joint")
  if not names:
    return []
  fields = {
    "spoken": html.escape(f"Against time: {', '.join(names)}."),
    "cap": html.escape(caption),
  }
  data = {
    "images": list(pictures),
    "lines": list(lines),
    "per_column": per_column,
    "ramp": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in images.ramp(12).tolist()],
  }
  made = Panel(
    "In time",
    document.fill(document.asset("timeline.html"), fields),
    name="time",
    styles=(document.asset("timeline.css"),),
    scripts=(
      document.asset("timeline_rows.js"),
      document.asset("timeline.js"),
      _START,
    ),
    data={"timeline": data},
  )
  return [made]


def image(
  title: str,
  values: np.ndarray,
  limits: tuple[float, float],
  texts: tuple[str, str],
  ticks: Sequence[tuple[float, str]] = (),
) -> dict[str, Any]:
  """One image, JSON-ready; its highest band is drawn on top.

  Args:
    title: what is drawn, with its unit.
    values: [columns, bands], finite.
    limits: values at the low and the high end of the colours.
    texts: what stands at these ends.
    ticks: (band, text) at the left; the band may be fractional.
  """
  low, high = limits
  steps = np.rint((values - low) / (high - low) * (_LEVELS - 1))
  steps = np.clip(steps, 0, _LEVELS - 1).astype(np.uint8)
  return {
    "high_text": texts[1],
    "low_text": texts[0],
    "rows": values.shape[1],
    "ticks": [list(tick) for tick in ticks],
    "title": title,
    "uri": images.data_uri(images.png(steps.T[::-1], images.ramp(_LEVELS))),
  }


def level_image(
  title: str,
  level_db: np.ndarray,
  ticks: Sequence[tuple[float, str]] = (),
) -> dict[str, Any]:
  """An image of levels: the loudest 70 dB of them.

  Args:
    title: what is drawn, with its unit.
    level_db: [columns, bands] dB, finite.
    ticks: as `image` takes them.
  """
  high = 5 * math.ceil(float(np.percentile(level_db, 99.9)) / 5)
  low = 5 * math.floor(float(level_db.min()) / 5)
  low = min(max(low, high - _RANGE_DB), high - 5)
  texts = (f"{low:g}", f"{high:g}")
  return image(title, level_db, (low, high), texts, ticks)
