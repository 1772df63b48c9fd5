"""A sample as drawings: in the picture, from above and from the side."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.report import axes
from bgm2pose_jax.systems.posekernel.lift.result import LiftedPoses
from bgm2pose_jax.systems.posekernel.lift.shells import Shell
from bgm2pose_jax.systems.posekernel.rig import Camera

ROOT = BODY15.index("MidHip")
_WIDTH = 380.0
_TALLEST = 420.0
_PAD_M = 0.35
# Nearer joints have no place in the picture.
_NEAREST_M = 0.05


@dataclasses.dataclass(frozen=True)
class View:
  """A drawing of the room in metres, to scale.

  Attributes:
    title: the title over it.
    right: axis of the camera's frame that goes to the right.
    up: axis that goes upwards.
    turned: whether `up` is turned over, as y is, which points down.
    low, high: corners of what is shown, (right, up), metres.
  """

  title: str
  right: int
  up: int
  turned: bool
  low: tuple[float, float]
  high: tuple[float, float]

  @property
  def scale(self) -> float:
    """Units of the drawing for a metre."""
    wide, tall = (b - a for a, b in zip(self.low, self.high))
    return min(_WIDTH / wide, _TALLEST / tall)

  @property
  def size(self) -> tuple[float, float]:
    """Width and height of the drawing."""
    wide, tall = (b - a for a, b in zip(self.low, self.high))
    return round(wide * self.scale, 1), round(tall * self.scale, 1)

  @property
  def through(self) -> int:
    """Axis that is looked along."""
    return 3 - self.right - self.up

  def place(self, position_m: np.ndarray) -> tuple[float, float]:
    """Where a position [3] is drawn."""
    up = -position_m[self.up] if self.turned else position_m[self.up]
    x = (position_m[self.right] - self.low[0]) * self.scale
    return float(x), float((self.high[1] - up) * self.scale)


def pair_colour(pair: int) -> str:
  """The colour class of a pair; result and truth have the first two."""
  return axes.colour(pair + 2)


def views(found: LiftedPoses) -> tuple[View, View]:
  """The room from above and from the side, the same for all samples.

  Args:
    found: the poses, whose room holds camera, pairs and all joints.
  """
  points = np.concatenate(
    [
      np.zeros((1, 3)),
      found.rig_file.rig.pairs_m,
      *(p.reshape(-1, 3) for p in (found.pose_m, found.truth_m)
        if p is not None),
    ]
  )  # fmt: skip
  low, high = points.min(axis=0) - _PAD_M, points.max(axis=0) + _PAD_M
  return (
    View("From above", 0, 2, False, (low[0], low[2]), (high[0], high[2])),
    View("From the side", 2, 1, True, (low[2], -high[1]), (high[2], -low[1])),
  )


def room(
  found: LiftedPoses,
  number: int,
  view: View,
  echoes: Sequence[Sequence[Shell]],
) -> str:
  """The person, the pairs, and the spheres of their echoes, cut at the hips.

  Args:
    found: the poses.
    number: the sample.
    view: from where.
    echoes: the spheres of each pair's echoes.

  Returns:
    A `<figure>`.
  """
  pose = found.pose_m[number]
  parts = []
  pairs_m, names = found.rig_file.rig.pairs_m, found.rig_file.names
  for pair, (position, name) in enumerate(zip(pairs_m, names)):
    x, y = view.place(position)
    colour = pair_colour(pair)
    away = position[view.through] - pose[ROOT, view.through]
    for shell in echoes[pair]:
      inside = shell.radius_m**2 - away**2
      if inside <= 0:
        continue
      hint = f"{name}: echo from {shell.radius_m:.2f} m"
      parts.append(
        f'<circle class="curve shell {colour}" cx="{x:.1f}" cy="{y:.1f}"'
        f' r="{inside**0.5 * view.scale:.1f}"'
        f' stroke-opacity="{0.25 + 0.6 * shell.share:.2f}">'
        f"<title>{html.escape(hint)}</title></circle>"
      )
    parts.append(
      f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="5">'
      f"<title>{html.escape(name)}</title></circle>"
    )
  x, y = view.place(np.zeros(3))
  parts.append(
    f'<path class="mark" d="M{x - 5:.1f} {y:.1f}h10M{x:.1f} {y - 5:.1f}v10"/>'
    f'<text x="{x + 8:.1f}" y="{y - 6:.1f}">camera</text>'
  )
  if found.truth_m is not None:
    truth = found.truth_m[number]
    parts.append(_bones([view.place(p) for p in truth], "bone truth"))
  parts.append(_bones([view.place(p) for p in pose], "bone"))
  return axes.figure(f"{view.title}, {found.names[number]}", view.size, parts,
                     f"<b>{html.escape(view.title)}</b>")  # fmt: skip


def picture(found: LiftedPoses, number: int) -> str:
  """What the camera sees: the joints found, and the result projected.

  Args:
    found: the poses.
    number: the sample.

  Returns:
    A `<figure>`.
  """
  camera = found.rig_file.rig.camera
  scale = _WIDTH / camera.image_px[0]
  width, height = (round(side * scale, 1) for side in camera.image_px)
  parts = [f'<rect class="frame" width="{width}" height="{height}"/>']
  pose = found.pose_m[number]
  if (pose[:, 2] > _NEAREST_M).all():
    places = _projected(pose, camera) * scale
    parts.append(_bones([(x, y) for x, y in places.tolist()], "bone"))
  for joint, (u, v, sure) in enumerate(found.keypoints[number].tolist()):
    if sure > 0:
      hint = f"{BODY15.joints[joint]}, confidence {sure:.2f}"
      parts.append(
        f'<circle class="point" cx="{u * scale:.1f}" cy="{v * scale:.1f}"'
        f' r="3" fill-opacity="{0.3 + 0.7 * sure:.2f}">'
        f"<title>{hint}</title></circle>"
      )
  return axes.figure(
    f"In the picture, {found.names[number]}",
    (width, height),
    parts,
    "<b>In the picture</b>",
  )


def _projected(pose_m: np.ndarray, camera: Camera) -> np.ndarray:
  """Pixels [joint, 2] of positions [joint, 3] in front of the camera."""
  rays = pose_m[:, :2].astype(np.float64) / pose_m[:, 2:]
  return rays * camera.focal_px + np.array(camera.centre_px)


def _bones(places: list[tuple[float, float]], kind: str) -> str:
  lines = "".join(
    f"M{places[a][0]:.1f} {places[a][1]:.1f}"
    f"L{places[b][0]:.1f} {places[b][1]:.1f}"
    for a, b in BODY15.bones
  )
  return f'<path class="{kind}" d="{lines}"/>'
