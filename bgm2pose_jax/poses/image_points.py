"""Joints of one person in pictures: pixels, and how sure a detector is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body15 import BODY15

# Pixels of a whole person: a larger number of frames is no one recording.
MAX_FRAMES = 200_000
# The maxima of heatmaps, which detectors give as confidence, pass 1 a little.
_MOST_SURE = 1.5
# Shares of a picture's width and height, with what lies a little outside it.
_LARGEST_SHARE = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class ImagePoints:
  """Where a camera sees the joints of `BODY15`, picture by picture.

  Attributes:
    names: name of each frame.
    named: whether the file names them; else they are numbers from 0.
    keypoints: float64 [frame, joint=15, 3]: u to the right and v down in
      pixels, and the confidence, 0 where a joint was not found.
    notes: what was done to them, sentences.
  """

  names: tuple[str, ...]
  named: bool
  keypoints: np.ndarray
  notes: tuple[str, ...] = ()


def in_image(
  points: ImagePoints, image_px: tuple[int, int], where: object
) -> ImagePoints:
  """Checks keypoints against the picture that they come from.

  A joint outside the picture counts as not found: trackers guess on beyond
  the edge. Joints that are not found get the place (0, 0).

  Args:
    points: the points as a file has them.
    image_px: width and height of the picture.
    where: the file, for messages.

  Returns:
    The same points, all finite, their confidences 0 to 1.

  Raises:
    InputError: no frame, no joint in any, coordinates or confidences that are
      not finite or cannot be, shares of the picture in place of pixels, or
      more than half of the joints outside.
  """
  if not 0 < len(points.keypoints) <= MAX_FRAMES:
    raise InputError(
      where, f"holds {len(points.keypoints)} frames", "give one for each sample"
    )
  place, sure = points.keypoints[..., :2], points.keypoints[..., 2]
  _refuse(
    points,
    ~(np.isfinite(sure) & (sure >= 0) & (sure <= _MOST_SURE)),
    where,
    "a confidence",
    "give 0 to 1, and 0 for a joint that was not found",
  )
  found = sure > 0
  _refuse(
    points,
    found & ~np.isfinite(place).all(axis=2),
    where,
    "a coordinate that is not finite",
    "give a joint that was not found the confidence 0",
  )
  if not found.any():
    raise InputError(where, "shows no joint in any frame", "film one person")
  seen = place[found]
  width, height = image_px
  if np.abs(seen).max() <= _LARGEST_SHARE < min(width, height) / 8:
    raise InputError(
      where,
      f"has coordinates up to {np.abs(seen).max():.3g}: shares of the picture,"
      " no pixels",
      f"multiply them by the picture's {width} and {height} pixels",
    )
  with np.errstate(invalid="ignore"):
    outside = found & ~(
      (place >= 0).all(axis=2) & (place <= image_px).all(axis=2)
    )
  if outside.sum() > 0.5 * found.sum():
    frame, joint = (int(i[0]) for i in np.nonzero(outside))
    u, v = place[frame, joint]
    raise InputError(
      where,
      f"has {outside.sum()} of {found.sum()} joints outside the picture of"
      f" {width} x {height} pixels, first {BODY15.joints[joint]} at"
      f" ({u:.6g}, {v:.6g}) in frame {points.names[frame]}",
      "give the pixels of the rig's picture, or the picture's true size",
    )
  kept = (found & ~outside)[..., None]
  out = np.where(kept, points.keypoints, 0.0)
  out[..., 2] = np.minimum(out[..., 2], 1.0)
  notes = points.notes
  if outside.any():
    notes += (
      f"{outside.sum()} joints outside the picture count as not found.",
    )
  return dataclasses.replace(points, keypoints=out, notes=notes)


def _refuse(
  points: ImagePoints, wrong: np.ndarray, where: object, what: str, fix: str
) -> None:
  """Refuses the first value that is wrong, with its place."""
  if wrong.any():
    frame, joint = (int(i[0]) for i in np.nonzero(wrong))
    value = ", ".join(f"{x:.6g}" for x in points.keypoints[frame, joint])
    raise InputError(
      where,
      f"holds {what}: {BODY15.joints[joint]} of frame {points.names[frame]} is"
      f" ({value})",
      fix,
    )


def numbered(count: int) -> tuple[str, ...]:
  """Names of frames in a file that gives them none."""
  return tuple(map(str, range(count)))


def one_person(people: Sequence, person: int | None, where: object):
  """Chooses a person of a frame.

  Args:
    people: all that the frame holds.
    person: number of the one wanted, from 0 in the file's order; None takes
      the only one.
    where: the frame, for messages.

  Returns:
    The person, None where there is none, or none of that number.

  Raises:
    InputError: several people and no number.
  """
  if person is None and len(people) > 1:
    raise InputError(
      where,
      f"shows {len(people)} people",
      "film one person, or say which: --person=0 is the first of each frame",
    )
  number = person or 0
  return people[number] if number < len(people) else None
