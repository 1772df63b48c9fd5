"""Are the channels W, X, Y, Z, and with which gains?

The direct sound of a loudspeaker is a plane wave. Of it, X, Y and Z over W are
a direction, whose length tells the gains: 1 in SN3D (AmbiX), 1.41 in FuMa,
1.73 in N3D. Read in another order a direction is one in which no loudspeaker
stands, such as both 60 degrees up; capsules (A-format) give lengths that
differ from loudspeaker to loudspeaker.

Limits were set on simulated rooms: 15 scenes from an anechoic one to a live
hall, four pieces, with and without a person. At 60 dB over the noise lengths
were 0.99 to 1.01 times the right one and directions within a degree; capsules
gave 0.33 to 0.34 for what `_capsule_share` measures.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.systems.bgm2pose.align import arrival
from bgm2pose_jax.systems.bgm2pose.align import loudspeaker_places as places
from bgm2pose_jax.systems.bgm2pose.align.response import (
  Sums,
  held_out_shares,
)

# Length of X, Y, Z over W: least and most that speak for the gains. Between
# them nothing is said.
_GAINS = {"ambix": (0.82, 1.12), "fuma": (1.3, 1.52), "n3d": (1.62, 1.88)}
_GAIN_NAMES = {"ambix": "SN3D (AmbiX)", "fuma": "FuMa", "n3d": "N3D"}
# Two loudspeakers whose lengths differ more are not heard by W, X, Y, Z.
_SAME_LENGTH = 1.1
_OTHER_LENGTH = 1.6
_USUAL_LENGTH = (0.55, 2.4)
# Noise hides the direct sound: W's explained share and the standard error of
# X, Y, Z over W within which orders, and gains, can be told.
_ORDER_SHARE, _ORDER_ERROR = 0.4, 0.15
_GAIN_SHARE, _GAIN_ERROR = 0.7, 0.05
# Another order fits if its loudspeakers are so many degrees more likely.
_MARGIN_DEG = 18.0
# Near the horizon one may stand in front and one behind: what is not to the
# side then says less.
_LEAST_UP_DEG, _LEVEL_MARGIN_DEG = 15.0, 24.0
# And so many degrees nearer the horizon, where a turned microphone explains
# that left and right are not apart.
_LOWER_DEG = 8.0
# Of one loudspeaker, or two that play the same, only the height is known.
_ONE_UP_DEG, _ONE_FITS_DEG = 55.0, 30.0
_NO_HEIGHT_DEG = 65.0
# Orders besides that of AmbiX are rare: they have to explain all.
_RARE_DEG = 21.0
# In the simulator's plain axes left is left.
_PLAIN_ASIDE = 0.5
# What `_capsule_share` gives for cardioids of any direction is 1 / 3.
_CAPSULE_SHARES = (0.24, 0.43)
_CAPSULE_SPREAD = 0.08
_CAPSULE_BACK = -0.15
# Of power: what differs between channels that are copies, but for rounding.
_COPY_SHARE = 1e-7
# A channel with so little of the music, where W has so much, hears no room.
_DEAD_SHARE, _LIVE_SHARE = 0.1, 0.6

_SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5
# Orders of the file that change which channel points up, as names of what is
# read as X, Y and Z. AmbiX first: of equals the first is taken.
_OTHERS = ("YZX", "XZY", "ZXY", "ZYX")

AS_READ = "as read"
UNCLEAR = "unclear"
A_FORMAT = "A-format"


@dataclasses.dataclass(frozen=True)
class SoundField:
  """What the direct sound says of a recording's channels.

  Attributes:
    order: the order that the file was read in, of `ambisonics.ORDERS`.
    fits: `as read`, the file's channels in the order that fits instead, such
      as `W Y Z X`, `A-format`, or `unclear`.
    gains: `ambix`, `fuma` or `n3d`; None where they cannot be told.
    lengths: length of X, Y, Z over W, one a loudspeaker.
    warnings: what a person should look at, a sentence each.
  """

  order: str
  fits: str
  gains: str | None
  lengths: tuple[float, ...]
  warnings: tuple[str, ...]

  @property
  def is_other(self) -> bool:
    """Whether another order or format fits, and this one does not."""
    return self.fits not in (AS_READ, UNCLEAR)

  def text(self) -> str:
    """Order and gains, beside what was assumed, for a table."""
    read = " ".join(ambisonics.channel_names(self.order))
    fits = {AS_READ: "fits", UNCLEAR: "cannot be told"}.get(
      self.fits, f"{self.fits} fits"
    )
    gains = _GAIN_NAMES[self.gains] if self.gains else "unclear"
    lengths = ", ".join(f"{length:.2f}" for length in self.lengths)
    return (
      f"read as {read}, {fits}; gains {gains}"
      f" (X, Y, Z over W: {lengths or 'not heard'})"
    )

  def to_dict(self) -> dict[str, Any]:
    """Plain values that JSON can hold."""
    return {
      "read_as": self.order,
      "fits": self.fits,
      "gains": self.gains,
      "lengths": list(self.lengths),
    }


def judge(
  sums: Sums,
  sound: np.ndarray,
  *,
  left: str,
  order: str = ambisonics.DEFAULT_ORDER,
  maybe_simulated: bool = True,
) -> SoundField:
  """Judges channels that were read as W X Y Z.

  Args:
    sums: the sums of all blocks.
    sound: [channel=4, samples].
    left: axis of the microphone that points left, see `align`.
    order: the order of the file that the channels were taken from.
    maybe_simulated: whether the simulator may have made it, whose plain axes
      are those of W Y Z X on a microphone that faces away.
  """
  names = ambisonics.CHANNELS
  arrivals, _ = arrival.measure(sums, apart=True)
  warnings = _copies(sound, names)
  shares = held_out_shares(sums)
  if shares[0] > _LIVE_SHARE:
    warnings += [
      f"channel {name} holds {share:.0%} of the music where W holds"
      f" {shares[0]:.0%}: it hears nothing of the room; give a recording with"
      " all four channels"
      for name, share in zip(names, shares, strict=True)
      if share < _DEAD_SHARE
    ]
  error = max(a.direction_se for a in arrivals)
  lengths = [float(np.linalg.norm(a.direction)) for a in arrivals]
  rounded = tuple(round(length, 3) for length in lengths)
  if warnings or not (shares[0] >= _ORDER_SHARE and error <= _ORDER_ERROR):
    return SoundField(order, UNCLEAR, None, rounded, tuple(warnings))
  ways = [a.direction for a in arrivals]
  plain = shares[0] >= _GAIN_SHARE and error <= _GAIN_ERROR
  gains = _gains(lengths) if plain and arrivals[0].name != "both" else None
  fits, warning = AS_READ, None
  if arrivals[0].name != "both" and gains is None:
    fits, warning = _other_format(ways, lengths, order, certain=plain)
  if fits == AS_READ:
    fits, warning = _other_order(ways, left, order, maybe_simulated)
  if fits == AS_READ and gains is None and not _same_length(lengths):
    fits = UNCLEAR
  return SoundField(
    order, fits, gains, rounded, (warning,) if warning is not None else ()
  )


def _copies(sound: np.ndarray, names: Sequence[str]) -> list[str]:
  """Channels that are the same, but for their level."""
  products = np.zeros((len(sound), len(sound)))
  for low in range(0, sound.shape[1], 1 << 20):
    part = np.asarray(sound[:, low : low + (1 << 20)], np.float64)
    products += part @ part.T
  power = np.diag(products)
  out = []
  for one, other in itertools.combinations(range(len(sound)), 2):
    if min(power[one], power[other]) <= 0:
      continue
    left = 1 - products[one, other] ** 2 / (power[one] * power[other])
    if left < _COPY_SHARE:
      out.append(
        f"channels {names[one]} and {names[other]} are the same but for their"
        " level: export the four channels of the first-order microphone"
      )
  return out


def _same_length(lengths: Sequence[float]) -> bool:
  return max(lengths) <= _SAME_LENGTH * min(lengths)


def _gains(lengths: Sequence[float]) -> str | None:
  """Gains that the lengths of all loudspeakers speak for."""
  if not _same_length(lengths):
    return None
  for name, (least, most) in _GAINS.items():
    if all(least <= length <= most for length in lengths):
      return name
  return None


def _other_format(
  ways: Sequence[np.ndarray],
  lengths: Sequence[float],
  order: str,
  *,
  certain: bool,
) -> tuple[str, str | None]:
  """Whether capsules were recorded, or W stands elsewhere."""
  heights = np.array([[1.0, *way] for way in ways])
  shares = _capsule_share(heights)
  if (
    len(ways) > 1
    and (certain or not _same_length(lengths))
    and (heights / np.abs(heights).max(1, keepdims=True)).min() > _CAPSULE_BACK
    and all(_CAPSULE_SHARES[0] <= s <= _CAPSULE_SHARES[1] for s in shares)
    and np.ptp(shares) < _CAPSULE_SPREAD
  ):
    return A_FORMAT, (
      "the four channels hear the loudspeakers as the capsules of a tetrahedron"
      " do (A-format), not as W X Y Z: convert the recording with the"
      " microphone's own software, and for AmbiX give --channel_order=wyzx"
    )
  if not certain:
    return AS_READ, None
  for i in range(1, 4):
    others = np.delete(heights, i, axis=1) / heights[:, i : i + 1]
    if (
      (heights[:, i] > 0).all()
      and not _is_usual(lengths)
      and _gains([float(np.linalg.norm(o)) for o in others])
    ):
      place = ambisonics.ORDERS[order][i] + 1
      return f"W in channel {place}", (
        f"channel {place} of the file seems to be W: read as"
        f" {' '.join(ambisonics.channel_names(order))}, X, Y and Z over W"
        f" measure {_listed(lengths)} (1 SN3D, 1.41 FuMa, 1.73 N3D): put the"
        " channels in the order W X Y Z"
      )
  if not _is_usual(lengths):
    return UNCLEAR, (
      f"X, Y and Z over W measure {_listed(lengths)} in the loudspeakers'"
      " direct sound, which no format gives (1 SN3D, 1.41 FuMa, 1.73 N3D):"
      " check the order and the format of the channels"
    )
  return AS_READ, None


def _is_usual(lengths: Sequence[float]) -> bool:
  least, most = _USUAL_LENGTH
  return (
    least <= min(lengths)
    and max(lengths) <= most
    and max(lengths) <= _OTHER_LENGTH * min(lengths)
  )


def _listed(lengths: Sequence[float]) -> str:
  return " and ".join(f"{length:.2f}" for length in lengths)


def _capsule_share(heights: np.ndarray) -> np.ndarray:
  """Length of the capsules' vector over their sum, [loudspeaker].

  It is 1 / 3 for cardioids, from whatever direction sound comes and in
  whatever order the capsules are: all orders of a tetrahedron are its turns
  and reflections.

  Args:
    heights: [loudspeaker, capsule] of the direct sound.
  """
  total = heights.sum(axis=1)
  return np.linalg.norm(heights @ _SIGNS, axis=1) / np.maximum(total, 1e-9)


def _other_order(
  ways: Sequence[np.ndarray], left: str, order: str, maybe_simulated: bool
) -> tuple[str, str | None]:
  """Whether X, Y and Z in another order are directions of loudspeakers."""
  units = [way / max(float(np.linalg.norm(way)), 1e-9) for way in ways]
  frames = places.frames(left)
  own = min(places.unlikely_deg(units, left, up, False) for up in frames)
  up_deg = min(places.up_deg(units, up) for up in frames)
  # The simulator's plain axes: Y up, -X left, -Z to the loudspeakers.
  if maybe_simulated and left[1] == "Y" and all(u[2] < 0 for u in units):
    plain = places.unlikely_deg(units, "-X", 1, False)
    aside = places.aside(units, "-X")
    if aside is None or aside > _PLAIN_ASIDE:
      own, up_deg = min(own, plain), min(up_deg, places.up_deg(units, 1))
  best, fits, best_up_deg = math.inf, "", 90.0
  for other in _OTHERS:
    turned = [
      np.array([unit[other.index(axis)] for axis in places.AXES])
      for unit in units
    ]
    cost = min(places.unlikely_deg(turned, left, up, True) for up in frames)
    aside = places.aside(turned, left)
    if other != "YZX" and not (
      aside is not None and aside > 0 and all(u[0] > 0 for u in turned)
    ):
      cost += _RARE_DEG
    # Rounding is no reason to leave AmbiX for something rare.
    if cost < best - 1.0:
      best, fits = cost, other
      best_up_deg = min(places.up_deg(turned, up) for up in frames)
  if len(units) == 1:
    is_other = own >= _ONE_UP_DEG and best <= _ONE_FITS_DEG
  else:
    level = left[1] == "Y" and up_deg < _LEAST_UP_DEG
    is_other = best + (_LEVEL_MARGIN_DEG if level else _MARGIN_DEG) < own
    if left[1] == "Y":
      is_other &= best_up_deg + _LOWER_DEG < up_deg
  read = " ".join(ambisonics.channel_names(order))
  stand = places.stand(units, frames[-1])
  if is_other:
    found = _file_order("W" + fits, order)
    return found, (
      f"the channels do not seem to be {read}: read so, {stand};"
      f" {found}{_words(found)}"
    )
  if up_deg >= _NO_HEIGHT_DEG:
    return UNCLEAR, (
      f"the channels do not seem to be {read}: read so, {stand}; check their"
      " order, and --left"
    )
  return AS_READ, None


def _file_order(names: str, order: str) -> str:
  """Names of the file's channels, where those as read have `names`."""
  found = [""] * 4
  for name, place in zip(names, ambisonics.ORDERS[order], strict=True):
    found[place] = name
  return " ".join(found)


def _words(found: str) -> str:
  """How to have a file read in the order that fits."""
  for order in ambisonics.ORDERS:
    if found == " ".join(ambisonics.channel_names(order)):
      also = " (AmbiX, ACN order)" if order == "wyzx" else ""
      return f"{also} fits: give --channel_order={order}"
  remix = " ".join(
    str(found.split().index(name) + 1) for name in ambisonics.CHANNELS
  )
  return f" fits: put them in order (sox FILE fixed.wav remix {remix})"


def gains_warning(found: SoundField, expected: str | None) -> str | None:
  """Says that a recording has other gains than it is used with.

  Args:
    found: what the direct sound says.
    expected: gains that are assumed; None for not known.
  """
  if found.gains is None or expected is None or found.gains == expected:
    return None
  return (
    f"the gains are those of {_GAIN_NAMES[found.gains]} (X, Y, Z over W:"
    f" {', '.join(f'{length:.2f}' for length in found.lengths)}), and"
    f" {_GAIN_NAMES[expected]} is assumed: give"
    f" --ambisonic_format={found.gains}"
  )
