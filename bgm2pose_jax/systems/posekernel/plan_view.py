"""An environment from above: camera, pairs, people and where they were put.

Axes are the camera's x (right) and z (forward, drawn upwards), both in the same
scale. A line leads from each true mid-hip to the predicted one.
"""

from __future__ import annotations

import html
import math

import numpy as np

from bgm2pose_jax.report import axes
from bgm2pose_jax.systems.posekernel.metrics import ROOT

_WIDTH_PX = 560.0
_MARGINS_PX = (46, 12, 10, 26)
_PAD_M = 0.3
# More would be a cloud.
_MAX_PEOPLE = 120


def chart(
  title: str, predicted: np.ndarray, target: np.ndarray, pairs: np.ndarray
) -> str:
  """A plan view.

  Args:
    title: the environment's name.
    predicted: [n, joint, 3], metres, camera frame.
    target: the same shape, ground truth.
    pairs: [pair, 3], metres, camera frame.

  Returns:
    A `<figure>`.
  """
  spread = np.linspace(0, len(target) - 1, min(len(target), _MAX_PEOPLE))
  rows = np.unique(spread.round().astype(int))
  true, found = target[rows, ROOT], predicted[rows, ROOT]
  everything = np.concatenate([true, found, pairs, np.zeros((1, 3))])
  low = everything.min(axis=0) - _PAD_M
  high = everything.max(axis=0) + _PAD_M
  left, right, top, bottom = _MARGINS_PX
  pixels_per_m = (_WIDTH_PX - left - right) / (high[0] - low[0])
  tall = pixels_per_m * (high[2] - low[2]) + top + bottom
  area = axes.Area(
    (_WIDTH_PX, round(float(tall), 1)),
    _MARGINS_PX,
    (float(low[0]), float(high[0])),
    (float(low[2]), float(high[2])),
  )
  ticks = [float(z) for z in range(math.ceil(low[2]), math.floor(high[2]) + 1)]
  parts = area.grid(ticks)
  for a, b in zip(true.tolist(), found.tolist()):
    parts.append(
      f'<path class="curve c2" d="M{area.x(a[0]):.1f} {area.y(a[2]):.1f}'
      f'L{area.x(b[0]):.1f} {area.y(b[2]):.1f}"/>'
    )
  off = 100 * np.linalg.norm(found - true, axis=-1)
  for a, error in zip(true.tolist(), off.tolist()):
    parts.append(_dot("c1", 2.8, area, a, f"true mid-hip, {error:.0f} cm off"))
  for b, error in zip(found.tolist(), off.tolist()):
    parts.append(_dot("c0", 2.4, area, b, f"predicted, {error:.0f} cm off"))
  for number, pair in enumerate(pairs.tolist()):
    x, y = area.x(pair[0]), area.y(pair[2])
    parts.append(
      f'<path class="curve c3" d="M{x - 5:.1f} {y - 5:.1f}h10v10h-10z">'
      f"<title>pair {number}, {-pair[1]:.1f} m above the camera</title></path>"
    )
  x, y = area.x(0.0), area.y(0.0)
  parts.append(
    f'<path class="curve c4" d="M{x:.1f} {y:.1f}l-7 -12h14z"><title>camera'
    "</title></path>"
  )
  caption = (
    f"<b>{html.escape(title)}</b><span>"
    + axes.legend(("predicted", "true mid-hip", "error", "pair", "camera"))
    + "</span>"
  )
  return axes.figure(f"{title} from above, metres", area.size, parts, caption)


def _dot(
  kind: str, radius: float, area: axes.Area, place: list[float], hint: str
) -> str:
  return (
    f'<circle class="dot {kind}" r="{radius}" cx="{area.x(place[0]):.1f}" '
    f'cy="{area.y(place[2]):.1f}"><title>{html.escape(hint)}</title></circle>'
  )
