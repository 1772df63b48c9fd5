"""Sound between the thread that gets it and the one that uses it: bounded."""

from __future__ import annotations

import collections
import threading
import time
from typing import NamedTuple

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ

CHANNELS = 4
# Sound that waits at most.
LONGEST_S = 10.0


class Piece(NamedTuple):
  """Some sound, as it came.

  Attributes:
    samples: float32 [4, n].
    arrived_s: when its last sample did, of `time.monotonic`.
    due_s: when its last sample was to be used, for a source may come faster
      than real time; infinite where nobody waits for it.
    lost: samples that are missing before it.
  """

  samples: np.ndarray
  arrived_s: float
  due_s: float
  lost: int = 0


class SoundQueue:
  """Pieces in order, `LONGEST_S` at most."""

  def __init__(self, longest_s: float = LONGEST_S):
    """Starts empty.

    Args:
      longest_s: sound it holds.
    """
    self._most = round(longest_s * SAMPLE_RATE_HZ)
    self._pieces: collections.deque[Piece] = collections.deque()
    self._held = 0
    self._lost = 0
    self._changed = threading.Condition()
    self._closed = False
    self._error: Exception | None = None

  @property
  def held_s(self) -> float:
    """Sound that waits."""
    return self._held / SAMPLE_RATE_HZ

  def put(self, piece: Piece) -> bool:
    """Adds a piece as soon as there is room for it.

    Returns:
      False when nobody takes pieces any more.
    """
    with self._changed:
      self._changed.wait_for(lambda: self._closed or self._fits(piece))
      if not self._closed:
        self._add(piece)
      return not self._closed

  def put_or_lose(self, piece: Piece) -> None:
    """Adds a piece, or counts its samples as lost: for who cannot wait."""
    with self._changed:
      if self._fits(piece):
        self._add(piece._replace(lost=piece.lost + self._lost))
        self._lost = 0
      else:
        self._lost += piece.lost + piece.samples.shape[1]

  def close(self, error: Exception | None = None) -> None:
    """No more pieces come, or none are wanted; what is held stays.

    Args:
      error: why, to be raised where pieces are taken.
    """
    with self._changed:
      self._closed = True
      self._error = self._error or error
      self._changed.notify_all()

  def take(self, timeout_s: float) -> Piece | None:
    """The next piece; None if none came in time.

    Raises:
      EOFError: no more come.
      InputError: what it was closed with.
    """
    with self._changed:
      self._changed.wait_for(
        lambda: self._closed or bool(self._pieces), timeout_s
      )
      if self._pieces:
        piece = self._pieces.popleft()
        self._held -= piece.samples.shape[1]
        self._changed.notify_all()
        return piece
      if self._error is not None:
        raise self._error
      if self._closed:
        raise EOFError
      return None

  def _fits(self, piece: Piece) -> bool:
    # One piece always does, however long.
    return not self._held or self._held + piece.samples.shape[1] <= self._most

  def _add(self, piece: Piece) -> None:
    self._pieces.append(piece)
    self._held += piece.samples.shape[1]
    self._changed.notify_all()


class Pace:
  """When samples are due whose source may run ahead of real time."""

  # A sound card may be so much faster than its name says.
  _FASTER = 5e-4

  def __init__(self):
    self._due_s = -np.inf

  def piece(self, samples: np.ndarray) -> Piece:
    """A piece of samples [4, n] that arrive now."""
    now = time.monotonic()
    seconds = samples.shape[1] / SAMPLE_RATE_HZ
    self._due_s = max(now, self._due_s + seconds * (1 - self._FASTER))
    return Piece(samples, now, self._due_s)
