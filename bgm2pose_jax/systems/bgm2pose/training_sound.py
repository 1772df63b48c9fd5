"""What the recordings of a training sounded like, and whether one is like them.

Level is that of channel W. A room shows in the fine structure of its answer to
the music: how loud each channel of the recording is over the music, band by
band, without what changes slowly over the bands. Only features that hold
recording and music know it; those of the music kernel measure changes of the
room itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.ndimage

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

METHOD = 1
# Windows of a recording that are looked at: half a minute in all.
_WINDOWS = 50
_FEWEST_FRAMES = 60
# Bands on either side whose mean is taken off.
_AROUND_BANDS = 5
# Correlation with the mean of the training below which the room is another. In
# simulated rooms, with two people and four pieces: 0.44 and more in one room,
# 0.21 and less in another, or with channels in another order.
_SAME_ROOM = 0.32
# Where the training had many rooms its own recordings are less like their mean.
_LEAST_OF_OWN = 0.75
# Beyond the softest and loudest of the training, dB.
_OTHER_LEVEL_DB = 6.0


@dataclasses.dataclass(frozen=True)
class Likeness:
  """How near a recording is to those of the training.

  Attributes:
    level_db: how far its level lies above the loudest of the training, or,
      negative, below the softest; 0 within.
    room: correlation of the room's answer with that of the training's rooms, 1
      for the same.
    least_room: correlation below which it is another room.
  """

  level_db: float
  room: float
  least_room: float = _SAME_ROOM

  @property
  def is_other_level(self) -> bool:
    """Whether the training had no such level."""
    return abs(self.level_db) > _OTHER_LEVEL_DB

  @property
  def is_other_room(self) -> bool:
    """Whether the room is unlike the training's."""
    return self.room < self.least_room

  def to_dict(self) -> dict[str, Any]:
    """Plain values that JSON can hold."""
    return {
      "level_beyond_training_db": round(self.level_db, 1),
      "room_correlation": round(self.room, 2),
      "level_is_unlike_training": self.is_other_level,
      "room_is_unlike_training": self.is_other_room,
    }


def of_training(table: MusicWindows, rows: np.ndarray) -> dict[str, Any] | None:
  """What the recordings of a training sounded like, for model.json.

  Args:
    table: the windows.
    rows: int [n] training rows.

  Returns:
    {"method", "level_db": [softest, loudest], "room": mean answer of the
    recordings' rooms, "least": lowest correlation of one with it}; None where
    the features cannot tell.
  """
  found = []
  for code in np.unique(table.recording[rows]):
    own = rows[table.recording[rows] == code]
    chosen = own[
      np.linspace(0, len(own) - 1, min(len(own), _WINDOWS)).astype(int)
    ]
    heard = table.features[chosen]
    profile = _profile(heard.reshape(-1, *heard.shape[2:]), table.spec)
    if profile is not None:
      found.append(profile)
  if not found:
    return None
  levels = [level for level, _ in found]
  rooms = np.stack([room for _, room in found])
  mean = rooms.mean(axis=0)
  return {
    "method": METHOD,
    "level_db": [_plain(min(levels)), _plain(max(levels))],
    "room": [_plain(v) for v in mean],
    "least": _plain(min(_correlation(room, mean) for room in rooms)),
  }


def read(found: Any) -> Mapping[str, Any] | None:
  """Checks what `of_training` gave.

  Args:
    found: the value in model.json; None was not recorded.

  Raises:
    InputError: it is no such value.
  """
  if found is None:
    return None
  try:
    if found["method"] != METHOD:
      return None
    for name in ("level_db", "room"):
      values = np.asarray(found[name], np.float64)
      if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(name)
    if not math.isfinite(found["least"]):
      raise ValueError("least")
  except (KeyError, TypeError, ValueError):
    raise InputError(
      "sound", "does not say what the training sounded like", "train again"
    ) from None
  return found


def compare(
  features: np.ndarray, spec: FeatureSpec, known: Mapping[str, Any] | None
) -> Likeness | None:
  """Compares the beginning of a recording with the training's.

  Args:
    features: [frames, f, c], not normalised.
    spec: what they are.
    known: what `read` returned.

  Returns:
    How near it is; None where nobody can tell.
  """
  if known is None or len(features) < _FEWEST_FRAMES:
    return None
  profile = _profile(features, spec)
  if profile is None:
    return None
  level, room = profile
  softest, loudest = known["level_db"]
  beyond = max(level - loudest, 0.0) or min(level - softest, 0.0)
  usual = np.asarray(known["room"], np.float64)
  if len(usual) != len(room):
    return None
  least = min(_SAME_ROOM, _LEAST_OF_OWN * known["least"])
  return Likeness(beyond, _correlation(room, usual), least)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
  """Of two answers; each has a mean of about zero. 0 where one is silent."""
  size = float(np.linalg.norm(one) * np.linalg.norm(other))
  return float(one @ other) / size if size > 0 else 0.0


def _profile(
  features: np.ndarray, spec: FeatureSpec
) -> tuple[float, np.ndarray] | None:
  """Level of W in dB, and the room's answer [channel * f]."""
  recording, music = spec.indices("recording"), spec.indices("music")
  if not recording or not music:
    return None
  power = 10 ** (features.astype(np.float64) / 10)
  heard = power[:, :, list(recording)]
  played = power[:, :, list(music)].mean(axis=-1)
  total = played.sum(axis=1)
  loud = total >= np.median(total)
  level = 10 * math.log10(heard[loud, :, 0].sum(axis=1).mean())
  answer = 10 * np.log10(
    heard[loud].mean(axis=0) / played[loud].mean(axis=0)[:, None]
  )
  slow = scipy.ndimage.uniform_filter1d(
    answer, 2 * _AROUND_BANDS + 1, axis=0, mode="nearest"
  )
  return level, (answer - slow).T.ravel()


def _plain(value: float) -> float:
  return round(float(value), 3)
