"""What a person sees while a stream listens for its music."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from bgm2pose_jax.audio import ambisonics

# States of a channel: nothing arrives, as it should be, at full scale.
SILENT, HEARD, CLIPPED = "silent", "heard", "clipped"
_EVERY_S = 1.0
_CLIPPED = 0.999
_FLOOR_DB = -90.0
# A terminal that is no screen gets a line of its own each time, so fewer.
_LINE_EVERY_S = 5.0
_BAR_DB, _BAR = 60.0, 10


class Meter:
  """Levels of the channels and the time that is left, once a second."""

  def __init__(self, show: Callable[[dict[str, Any]], None]):
    """Has heard nothing yet.

    Args:
      show: takes a state: `left_s` until the music is looked for, `heard_s`,
        `level_db` {channel: re full scale}, `channels` {channel: one of
        `SILENT`, `HEARD`, `CLIPPED`}, `match`, what the last look gave or
        None.
    """
    self._show = show
    self._power = np.zeros(len(ambisonics.CHANNELS))
    self._peak = np.zeros(len(ambisonics.CHANNELS))
    self._count = 0
    self._shown_s = 0.0
    self.match: str | None = None

  def add(self, samples: np.ndarray, heard_s: float, wanted_s: float) -> None:
    """Takes sound, and shows the state when it is time.

    Args:
      samples: float32 [4, n], W X Y Z.
      heard_s: sound that came so far.
      wanted_s: sound after which the music is looked for.
    """
    self._power += np.square(samples, dtype=np.float64).sum(axis=1)
    if samples.shape[1]:
      self._peak = np.maximum(self._peak, np.abs(samples).max(axis=1))
    self._count += samples.shape[1]
    if heard_s - self._shown_s >= _EVERY_S:
      self._shown_s = heard_s
      self._show(self._state(heard_s, wanted_s))
      self._power[:], self._peak[:], self._count = 0, 0, 0

  def _state(self, heard_s: float, wanted_s: float) -> dict[str, Any]:
    levels, states = {}, {}
    for name, power, peak in zip(ambisonics.CHANNELS, self._power, self._peak):
      mean = power / max(self._count, 1)
      level = 10 * math.log10(mean) if mean > 0 else _FLOOR_DB
      levels[name] = round(max(level, _FLOOR_DB), 1)
      states[name] = CLIPPED if peak >= _CLIPPED else HEARD
      if levels[name] <= _FLOOR_DB:
        states[name] = SILENT
    return {
      "left_s": round(max(0.0, wanted_s - heard_s), 1),
      "heard_s": round(heard_s, 1),
      "level_db": levels,
      "channels": states,
      "match": self.match,
    }


def text(state: dict[str, Any]) -> str:
  """A state in one line: countdown, a bar for each channel, the match.

  Args:
    state: what `Meter` shows.
  """
  left = state["left_s"]
  begin = f"listening, {left:.0f} s to go" if left else "looking for the music"
  levels = []
  for name, level in state["level_db"].items():
    filled = round(_BAR * (1 + level / _BAR_DB))
    bar = "#" * min(max(filled, 0), _BAR)
    mark = (
      ""
      if state["channels"][name] == HEARD
      else " " + (state["channels"][name].upper())
    )
    levels.append(f"{name} {bar:<{_BAR}} {level:5.1f} dB{mark}")
  match = f"; last match: {state['match']}" if state["match"] else ""
  return f"{begin}  {'  '.join(levels)}{match}"


class Screen:
  """Shows states on a terminal, one over the other; elsewhere line by line."""

  def __init__(self, out: TextIO | None = None):
    """Shows nothing yet.

    Args:
      out: where; standard error where it is None.
    """
    self._out = out
    self._at_s = -math.inf
    self._is_open = False

  def show(self, state: dict[str, Any]) -> None:
    """Shows a state of `Meter`."""
    out = self._out or sys.stderr
    if out.isatty():
      print(f"\r\x1b[2K{text(state)}", end="", file=out, flush=True)
      self._is_open = True
    elif time.monotonic() - self._at_s >= _LINE_EVERY_S:
      self._at_s = time.monotonic()
      print(text(state), file=out, flush=True)

  def tell(self, line: str) -> None:
    """Says something to a person, below what is shown."""
    out = self._out or sys.stderr
    if self._is_open:
      self._is_open = False
      print(file=out)
    print(line, file=out, flush=True)
