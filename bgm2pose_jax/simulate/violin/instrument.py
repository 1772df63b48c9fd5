"""Violin and bow as lines: four strings over an arc, and the hair of the bow.

Frame of this file ("violin"): metres, origin at the end button; axis 0 points
to the player's right across the strings (towards the E string), axis 1 up
from the top plate, axis 2 along the neck to the scroll. Seen as x, y, z these
axes are left-handed; `posture` places them in the room as three vectors.

Sizes: a full-size violin has 325 mm of string and strings 11.3 mm apart on a
bridge of 42 mm radius, and a bow has 650 mm of hair.
"""

from __future__ import annotations

import dataclasses

import numpy as np

STRINGS = ("G", "D", "A", "E")
STRING_M = 0.325
HAIR_M = 0.65
A4_HZ = 442.0
# Open strings in semitones from A4: fifths.
OPEN_SEMITONES = np.array([-14.0, -7.0, 0.0, 7.0])
OPEN_HZ = A4_HZ * 2.0 ** (OPEN_SEMITONES / 12)
# Highest stop: two octaves above the open string.
HIGHEST_SEMITONE = 24.0

_BRIDGE = np.array([0.0, 0.050, 0.160])
_NUT = np.array([0.0, 0.030, 0.160])
_NUT = _NUT + np.array([0.0, 0.0, np.sqrt(STRING_M**2 - 0.020**2)])
_ACROSS_M = np.array([-0.0169, -0.0056, 0.0056, 0.0169])
_ARC_M = 0.042
_RISE_M = np.sqrt(_ARC_M**2 - _ACROSS_M**2) - _ARC_M
# Strings are half as far apart at the nut as on the bridge.
_NARROWING = 0.5

# Angle of the bow, about the neck, at which it touches two strings at once.
DOUBLE_STOP_RAD = np.arctan2(np.diff(_RISE_M), np.diff(_ACROSS_M))
# Angle of the bow on one string: halfway between, and as far beyond.
STRING_RAD = np.array(
  [
    1.5 * DOUBLE_STOP_RAD[0],
    0.5 * DOUBLE_STOP_RAD[0],
    0.5 * DOUBLE_STOP_RAD[2],
    1.5 * DOUBLE_STOP_RAD[2],
  ]
)

# The hand holds the stick beside the frog: so far beyond the hair, so far
# above it.
_HOLD_BEYOND_M = 0.035
_HOLD_ABOVE_M = 0.018


def stopped_m(semitones: np.ndarray) -> np.ndarray:
  """Length of string left to sound, metres, any shape.

  Args:
    semitones: height of the stop above the open string.
  """
  return STRING_M * 2.0 ** (-np.asarray(semitones) / 12)


def string_points(distance_m: np.ndarray) -> np.ndarray:
  """Points on the four strings.

  Args:
    distance_m: distance from the bridge along the strings, [t].

  Returns:
    float64 [t, string=4, 3] in the violin's frame.
  """
  share = np.asarray(distance_m)[:, None, None] / STRING_M
  middle = _BRIDGE + share * (_NUT - _BRIDGE)
  arc = np.stack([_ACROSS_M, _RISE_M, np.zeros(4)], axis=-1)
  return middle + (1 - _NARROWING * share) * arc


def touched_string(bow_rad: np.ndarray) -> np.ndarray:
  """Index into `STRINGS` of the string that the bow lies on, int [t].

  Args:
    bow_rad: angle of the bow about the neck, [t]; positive lifts the hand.
  """
  return np.sum(np.asarray(bow_rad)[:, None] < DOUBLE_STOP_RAD, axis=-1)


@dataclasses.dataclass(frozen=True, eq=False)
class BowLine:
  """The bow at t instants, in the violin's frame.

  Attributes:
    contact_m: [t, 3], point of the touched string below the hair.
    frog_m: [t, 3], end of the hair at the hand.
    tip_m: [t, 3], other end of the hair.
    hold_m: [t, 3], where the hand holds the stick.
    along: [t, 3], unit vector along the hair towards the hand.
    above: [t, 3], unit vector from the hair to the stick.
  """

  contact_m: np.ndarray
  frog_m: np.ndarray
  tip_m: np.ndarray
  hold_m: np.ndarray
  along: np.ndarray
  above: np.ndarray


def bow_line(
  hair_m: np.ndarray,
  bow_rad: np.ndarray,
  distance_m: np.ndarray,
  lift_m: np.ndarray,
) -> BowLine:
  """Places the bow on the string, or over it.

  The bow rolls from string to string about the one it lies on, so it never
  leaves them and never jumps.

  Args:
    hair_m: hair between the frog and the middle of the strings, [t].
    bow_rad: angle of the bow about the neck, [t].
    distance_m: contact point's distance from the bridge, [t].
    lift_m: height of the hair over the string, [t].

  Returns:
    The bow's points; with zero lift the hair passes through `contact_m`.
  """
  strings = string_points(distance_m)
  touched = touched_string(bow_rad)
  contact = strings[np.arange(len(touched)), touched]
  zero = np.zeros_like(bow_rad)
  along = np.stack([np.cos(bow_rad), np.sin(bow_rad), zero], axis=-1)
  above = np.stack([-np.sin(bow_rad), np.cos(bow_rad), zero], axis=-1)
  middle = strings.mean(1) - contact
  share = np.sum(middle * along, axis=-1, keepdims=True)
  foot = contact + share * along + lift_m[:, None] * above
  frog = foot + hair_m[:, None] * along
  return BowLine(
    contact_m=contact,
    frog_m=frog,
    tip_m=frog - HAIR_M * along,
    hold_m=frog + _HOLD_BEYOND_M * along + _HOLD_ABOVE_M * above,
    along=along,
    above=above,
  )
