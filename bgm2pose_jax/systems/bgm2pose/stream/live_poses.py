"""Poses from features as they come in, the same as of a whole recording."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bgm2pose_jax.inference.blending import Blender
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import blending
from bgm2pose_jax.systems.bgm2pose.predict.standardising import Standardiser


class LiveFrame(NamedTuple):
  """One frame of 50 ms.

  Attributes:
    number: 0 is the first one in which there are recording and music.
    pose: float32 [joint, 3], hip-spine lengths; None where no window that
      holds the frame went through the network.
  """

  number: int
  pose: np.ndarray | None


class LivePoses:
  """Cuts windows out of features, predicts and blends them in order."""

  def __init__(
    self,
    model: MusicModel,
    *,
    hop_frames: int,
    blend: int,
    statistics: str,
    track: str | None = None,
  ):
    """Starts before the first frame.

    Args:
      model: the network.
      hop_frames: the distance from one window to the next.
      blend: windows that make a pose, one or more.
      statistics: `training` or `running`.
      track: music of the training whose statistics to take.
    """
    spec = model.spec
    self._model, self._size = model, spec.window_frames
    self._context = model.context
    self._hop, self._blend = hop_frames, blend
    self._standard = Standardiser(model, statistics, track)
    shape = (0, spec.bands, len(spec.channels))
    self._waiting = np.zeros(shape, np.float32)
    # Frame at the head of `_waiting`: copies of the first come before it.
    self._first = -self._context
    self._end = 0  # frames that came
    self._heard = 0  # frames that are in the statistics
    self._start = 0  # of the next window
    self._given = 0  # frames handed out
    self._restart(0)

  def push(self, features: np.ndarray) -> None:
    """Takes features [m, f, c]."""
    if not self._end:
      self._add_copies(features[:1])
    self._end += len(features)
    self._waiting = np.concatenate([self._waiting, features])

  def _add_copies(self, frame: np.ndarray) -> None:
    copies = np.repeat(frame, self._context, axis=0)
    self._waiting = np.concatenate([self._waiting, copies])

  @property
  def context(self) -> int:
    """Frames behind a window that it waits for."""
    return self._context

  @property
  def next_end(self) -> int:
    """Frame that ends the next window, the first one behind it."""
    return self._start + self._size

  @property
  def is_due(self) -> bool:
    """Whether the next window's features are there."""
    there = self._first + len(self._waiting)
    return there >= self.next_end + self._context

  def step(self, *, skip: bool) -> list[LiveFrame]:
    """Goes on by one window, which `is_due`.

    Args:
      skip: leaves the network out, to catch up. The statistics still hear it.

    Returns:
      The frames that are now final, in order.
    """
    frames = self._window(self._start, skip)
    # The last window of all may begin behind this one and before the next.
    first = self._start - self._context
    self._waiting = self._waiting[first - self._first :].copy()
    self._first = first
    self._start += self._hop
    return frames

  def flush(self) -> list[LiveFrame]:
    """The last frames; no more features will come."""
    frames: list[LiveFrame] = []
    self._add_copies(self._waiting[-1:])
    while self.is_due:
      frames += self.step(skip=False)
    if not self._start:
      return []  # less than one window
    if self._end > self._start - self._hop + self._size:
      frames += self._window(self._end - self._size, skip=False)
    return frames + self._lost(self._end)

  def _window(self, start: int, skip: bool) -> list[LiveFrame]:
    end = start + self._size
    known = min(end + self._context, self._end)
    new = self._waiting[self._heard - self._first : known - self._first]
    self._standard.heard(new)
    self._heard = known
    if skip:
      return self._skipped(start)
    rows = {k: v[None] for k, v in self._standard.row().items()}
    low = start - self._context - self._first
    features = self._waiting[low : low + self._size + 2 * self._context]
    pose = self._model.predict(features[None], rows)[0]
    self._held_to = end
    return self._take(self._blender.push(start - self._origin, pose))

  def _skipped(self, start: int) -> list[LiveFrame]:
    """Frames that no later window will hold are given up."""
    then = start + self._hop
    return self._lost(then) if then > self._held_to else []

  def _lost(self, then: int) -> list[LiveFrame]:
    frames = self._take(self._blender.flush())
    frames += [LiveFrame(n, None) for n in range(self._given, then)]
    self._given = max(self._given, then)
    self._restart(then)
    return frames

  def _restart(self, frame: int) -> None:
    """A blender whose first frame is `frame`, for it wants no gaps."""
    self._blender = Blender(
      blending.weights(self._size), self._hop, self._blend
    )
    self._origin = self._held_to = frame

  def _take(self, poses: np.ndarray) -> list[LiveFrame]:
    first = self._given
    self._given += len(poses)
    return [LiveFrame(first + i, pose) for i, pose in enumerate(poses)]
