"""Listens once to the channels of a stream whose music's place was given."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.align import heard_channels
from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks
from bgm2pose_jax.systems.bgm2pose.stream.live_alignment import History
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line

# Music that is listened to, and sound that is kept for it.
_ENOUGH_S, _KEPT_S = 20.0, 30.0


class ChannelListener:
  """Keeps sound until there is enough, then judges it in a thread."""

  def __init__(
    self,
    music: np.ndarray,
    line: Line,
    *,
    left: str,
    order: str,
    maybe_simulated: bool,
    tell: Callable[[SoundField], None],
  ):
    """Hears nothing yet.

    Args:
      music: [2, samples].
      line: where it lies in the stream.
      left, order, maybe_simulated: see `sound_field.judge`.
      tell: takes what was heard.
    """
    self._music, self._line, self._tell = music, line, tell
    self._rest = {
      "left": left,
      "order": order,
      "maybe_simulated": maybe_simulated,
    }
    self._history: History | None = History(_KEPT_S)
    self._thread: threading.Thread | None = None
    self._found: list[SoundField | None] = []

  def add(self, samples: np.ndarray) -> None:
    """Takes samples [4, n] of the stream, W X Y Z, the next each time."""
    if self._history is None:
      self._take(wait=False)
      return
    self._history.add(samples)
    begun = max(0.0, self._line.offset_samples)
    if self._history.end - begun >= _ENOUGH_S * SAMPLE_RATE_HZ:
      self._start()

  def finish(self) -> None:
    """Judges what there is; for the end of the stream."""
    if self._history is not None:
      self._start()
    self._take(wait=True)

  def _start(self) -> None:
    history = self._history
    assert history is not None
    self._history = None
    sound = history.last(history.held)
    first = history.end - history.held
    clocks = Clocks(
      (self._line.offset_samples - first) / SAMPLE_RATE_HZ, self._line.drift_ppm
    )

    def body() -> None:
      found = heard_channels.of_sound(sound, self._music, clocks, **self._rest)
      self._found.append(found)

    self._thread = threading.Thread(target=body, name="channels", daemon=True)
    self._thread.start()

  def _take(self, *, wait: bool) -> None:
    if self._thread is None or (self._thread.is_alive() and not wait):
      return
    self._thread.join()
    self._thread = None
    found = self._found.pop() if self._found else None
    if found is not None:
      self._tell(found)
