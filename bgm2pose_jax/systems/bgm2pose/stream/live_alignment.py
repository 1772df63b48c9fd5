"""Finds the music in sound as it comes, and keeps to it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import result
from bgm2pose_jax.systems.bgm2pose.align.alignment import SHORTEST_S, align
from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import CHANNELS

# Sound that is kept, and looked at when the music is looked for again.
LONGEST_S = 60.0
EVERY_S = 30.0
# Clocks do not part faster; more than this is another place of the music.
_SMALL_S = 5e-3
# Music around where it should be that is looked through.
_AROUND_S = 3.0
_LOST_S = 30.0


class History:
  """The newest sound."""

  def __init__(self, seconds: float = LONGEST_S):
    """Starts empty; its memory is taken at once.

    Args:
      seconds: it holds.
    """
    size = round(seconds * SAMPLE_RATE_HZ)
    self._ring = np.zeros((CHANNELS, size), np.float32)
    self.end = 0  # samples ever added

  @property
  def held(self) -> int:
    """Samples that are there."""
    return min(self.end, self._ring.shape[1])

  def add(self, samples: np.ndarray) -> None:
    """Adds samples [4, n]; the oldest make way."""
    size = self._ring.shape[1]
    kept = samples[:, -size:]
    first = self.end + samples.shape[1] - kept.shape[1]
    place = first % size
    head = min(size - place, kept.shape[1])
    self._ring[:, place : place + head] = kept[:, :head]
    self._ring[:, : kept.shape[1] - head] = kept[:, head:]
    self.end += samples.shape[1]

  def last(self, count: int) -> np.ndarray:
    """A copy of the newest samples, [4, count], `held` at most."""
    size = self._ring.shape[1]
    place = (self.end - count) % size
    return np.concatenate(
      [
        self._ring[:, place : place + count],
        self._ring[:, : max(0, place + count - size)],
      ],
      axis=1,
    )


class Found(NamedTuple):
  """What looking for the music gave.

  Attributes:
    line: where it lies; None where it is not heard.
    said: why not, or how sure it is.
    end: sample of the stream up to which sound was looked at.
    is_lost: it was not heard in the newest `_LOST_S`.
    jump_s: how far it jumped within the sound, or None.
    warnings: lines for a person to read.
    sound_field: what the direct sound says of the channels.
    channels: `Alignment.channels`; None where the music is not heard.
    confidence: share of the sound with music in which it is heard.
  """

  line: Line | None
  said: str
  end: int
  is_lost: bool
  jump_s: float | None = None
  warnings: tuple[str, ...] = ()
  sound_field: SoundField | None = None
  channels: str | None = None
  confidence: float | None = None


def find(
  sound: np.ndarray,
  end: int,
  music: np.ndarray,
  left: str,
  near: Line | None = None,
  *,
  channel_order: str = ambisonics.DEFAULT_ORDER,
  maybe_simulated: bool = True,
) -> Found:
  """Looks for the music in some sound.

  Args:
    sound: float32 [4, samples] of the stream.
    end: sample of the stream behind the last of them.
    music: [2, samples], all of it.
    left: see `align`.
    near: where it should be; None looks everywhere.
    channel_order: order that W X Y Z came in.
    maybe_simulated: see `sound_field.judge`.
  """
  first = end - sound.shape[1]
  low, high = 0, music.shape[1]
  if near is not None:
    around = _AROUND_S * SAMPLE_RATE_HZ
    low = max(low, int(near.position(first) - around))
    high = min(high, int(near.position(end) + around))
  try:
    answer = align(
      sound,
      music[:, low:high],
      left=left,
      where="the stream",
      channel_order=channel_order,
      maybe_simulated=maybe_simulated,
    )
  except InputError as error:
    return Found(None, error.found, end, True)
  drift = answer.drift_ppm
  offset = first + answer.offset_samples - low / (1 + drift * 1e-6)
  newest = sound.shape[1] / SAMPLE_RATE_HZ - _LOST_S
  states = [
    state
    for state, middle_s in zip(answer.block_state, answer.block_middle_s)
    if middle_s > newest and state not in (result.SILENT, result.OUTSIDE)
  ]
  return Found(
    Line(offset, drift),
    f"offset {offset / SAMPLE_RATE_HZ * 1e3:.2f} ms "
    f"(+-{answer.offset_se_samples / SAMPLE_RATE_HZ * 1e3:.2f}), drift "
    f"{drift:+.2f} ppm (+-{answer.drift_se_ppm:.2f}), matched in "
    f"{answer.confidence:.0%} of it",
    end,
    bool(states) and result.USED not in states,
    answer.jump_s,
    answer.warnings,
    answer.sound_field,
    answer.channels,
    answer.confidence,
  )


class Search:
  """Looks for the music in a thread that lets all others go first."""

  def __init__(
    self,
    music: np.ndarray,
    left: str,
    *,
    channel_order: str = ambisonics.DEFAULT_ORDER,
    maybe_simulated: bool = True,
  ):
    """Looks for nothing yet.

    Args:
      music: [2, samples].
      left: see `align`.
      channel_order, maybe_simulated: see `find`.
    """
    self._music, self._left = music, left
    self._order, self._maybe_simulated = channel_order, maybe_simulated
    self._thread: threading.Thread | None = None
    self._found: list[Found] = []

  @property
  def is_running(self) -> bool:
    """Whether an answer is still to be taken."""
    return self._thread is not None

  def start(self, sound: np.ndarray, end: int, near: Line | None) -> None:
    """Begins; see `find`."""

    def body():
      if sys.platform == "linux":
        # There it counts for the thread alone.
        with contextlib.suppress(OSError):
          os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
      self._found.append(
        find(
          sound,
          end,
          self._music,
          self._left,
          near,
          channel_order=self._order,
          maybe_simulated=self._maybe_simulated,
        )
      )

    self._thread = threading.Thread(target=body, name="align", daemon=True)
    self._thread.start()

  def take(self, *, wait: bool) -> Found | None:
    """The answer, if it is there or is waited for."""
    if self._thread is None or (self._thread.is_alive() and not wait):
      return None
    self._thread.join()
    self._thread = None
    if not self._found:
      raise RuntimeError("the thread that aligns has failed, see above")
    return self._found.pop()


class Keeper:
  """Looks again every `EVERY_S` and moves the line a little."""

  def __init__(
    self, search: Search, line: Line, since: int, tell: Callable[[str], None]
  ):
    """Begins with a line.

    Args:
      search: the search to look with.
      line: where the music lies.
      since: sample of the stream up to which that is known.
      tell: takes what a person should read, a line each.
    """
    self.line = line
    self._search, self._tell, self._last = search, tell, since
    self._is_lost = False

  def look(self, history: History) -> None:
    """Begins to look again when it is time."""
    if self._search.is_running or history.held < SHORTEST_S * SAMPLE_RATE_HZ:
      return
    if history.end - self._last >= EVERY_S * SAMPLE_RATE_HZ:
      self._last = history.end
      self._search.start(history.last(history.held), history.end, self.line)

  def keep(self, *, wait: bool) -> Line:
    """The line as it is known now.

    Args:
      wait: whether to wait for an answer that is on its way.
    """
    found = self._search.take(wait=wait)
    if found is None:
      return self.line
    at_s = found.end / SAMPLE_RATE_HZ
    if found.is_lost != self._is_lost:
      self._is_lost = found.is_lost
      self._tell(
        f"the music has not been heard for {_LOST_S:.0f} s, at {at_s:.0f} s"
        if found.is_lost
        else f"the music is heard again at {at_s:.0f} s"
      )
    if found.line is None or found.is_lost:
      return self.line
    moved = found.line.position(found.end) - self.line.position(found.end)
    moved_s = found.jump_s or -moved / SAMPLE_RATE_HZ
    if found.jump_s is None and abs(moved_s) <= _SMALL_S:
      self.line = found.line
    else:
      self._tell(
        f"the music jumped by {moved_s * 1e3:+.1f} ms near {at_s:.0f} s; it is "
        "not followed: start again if poses look wrong"
      )
    return self.line
