"""What ridge regression reads: frames of conditioned channels, end to end.

Neighbouring bands are pooled; each unbroken run of frames lies once in a
buffer, so that frames t-2 .. t+2 are shifts of it (`normal_equations.py`).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.data.table import context as frames_around
from bgm2pose_jax.systems.bgm2pose.features import conditioning, normalisation
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

CHUNK_WINDOWS = 256
_BLOCK_ROWS = 4096  # rows multiplied in float32 before adding in float64


def frame_features(
  table: MusicWindows,
  rows: np.ndarray,
  channels: str,
  context: int,
  pool: int,
  own: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
  """Gathers frames of windows, with the frames around them.

  Args:
    table: the windows.
    rows: int [m] windows.
    channels: 'difference' or 'music', see `ridge.fit_ridge`.
    context: frames on either side.
    pool: neighbouring bands averaged into one.
    own: what `own_standardiser` returned, taken out of each recording; None for
      none.

  Returns:
    float32 [m, frame + 2 context, feature = band/pool * channel].
  """
  x = frames_around(table, rows, context, context)
  if x.shape[2] % pool:
    raise ValueError(f"pool={pool} does not divide {x.shape[2]} bands")
  # Averaging bands commutes with the differences; doing it first is cheaper.
  pooled = x[:, :, ::pool]
  for k in range(1, pool):
    pooled = pooled + x[:, :, k::pool]
  pooled = pooled / np.float32(pool)
  if channels == "difference":
    audio, _ = conditioning.conditioned(pooled, table.spec)
    pooled = np.asarray(audio, np.float32)
  elif channels == "music":
    pooled = pooled[..., np.asarray(table.spec.indices("music"))]
  else:
    raise ValueError(f"channels={channels!r}: 'difference' or 'music'")
  x = pooled.reshape(*pooled.shape[:2], -1)
  if own is None:
    return x
  mean, scale = (part[table.recording[rows], None] for part in own)
  return (x - mean) * scale


@dataclasses.dataclass
class Buffer:
  """Runs of frames laid end to end with zero rows between them.

  z: float32 [row, feature]; used: bool [row] (False = zero row);
  centre: int [target frame] row of each predicted frame; start, stop: int
  [run] first row of each run and one past its last.
  """

  z: np.ndarray
  used: np.ndarray
  centre: np.ndarray
  start: np.ndarray
  stop: np.ndarray


def sequence_buffer(
  table: MusicWindows,
  rows: np.ndarray,
  channels: str,
  context: int,
  pool: int,
  own: tuple[np.ndarray, np.ndarray] | None,
) -> Buffer:
  """Lays each unbroken run of windows, with its context, end to end.

  Arguments are those of `frame_features`. The 2 * context zero rows after a
  run make the lagged products of the whole buffer the sum of those of its runs.
  """
  pieces: list[np.ndarray] = []
  used: list[np.ndarray] = []
  centre: list[np.ndarray] = []
  start: list[int] = []
  stop: list[int] = []
  at = 0

  def close_run(tail: np.ndarray) -> None:
    nonlocal at
    pieces.extend([tail, np.zeros((2 * context, tail.shape[1]), np.float32)])
    used.extend([np.ones(len(tail), bool), np.zeros(2 * context, bool)])
    at += len(tail)
    stop.append(at)
    at += 2 * context

  tail: np.ndarray | None = None
  previous: tuple[int, np.ndarray] | None = None
  for begin in range(0, len(rows), CHUNK_WINDOWS):
    chunk = rows[begin : begin + CHUNK_WINDOWS]
    x = frame_features(table, chunk, channels, context, pool, own)
    frames = x.shape[1] - 2 * context
    for row, window in zip(chunk, x, strict=True):
      body = window[context : context + frames]
      # A run goes on only where the neighbours really are each other's
      # context; a set of single windows repeats its edges instead.
      joined = (
        previous is not None
        and row == previous[0] + 1
        and table.recording[row] == table.recording[row - 1]
        and np.array_equal(previous[1][context + frames :], body[:context])
        and np.array_equal(window[:context], previous[1][frames:][:context])
      )
      if not joined:
        if tail is not None:
          close_run(tail)
        start.append(at)
        pieces.append(window[:context])
        used.append(np.ones(context, bool))
        at += context
      pieces.append(body)
      used.append(np.ones(frames, bool))
      centre.append(np.arange(at, at + frames))
      at += frames
      tail = window[context + frames :]
      previous = (int(row), window)
  if tail is not None:
    close_run(tail)
  return Buffer(
    z=np.concatenate(pieces),
    used=np.concatenate(used),
    centre=np.concatenate(centre),
    start=np.asarray(start),
    stop=np.asarray(stop),
  )


def least_deviations(
  table: MusicWindows, channels: str, pool: int
) -> np.ndarray:
  """Smallest deviation that each feature is divided by, float64 [feature].

  A band that hardly ever moves (the top of lossy music) would else be blown
  up, and a test recording in which it moves predicts poses from another world.
  """
  _, audio, music = normalisation.least_deviations(table.spec, "difference")
  each = audio if channels == "difference" else music
  return np.tile(each, table.features.shape[2] // pool)


def standardiser(
  buffers: list[Buffer], least: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
  """Mean and reciprocal deviation [feature] over all training frames.

  Args:
    buffers: the buffers from `sequence_buffer`.
    least: smallest deviation divided by, one or [feature].
  """
  count = sum(len(b.centre) for b in buffers)
  width = buffers[0].z.shape[1]
  mean = np.zeros(width)
  for buffer in buffers:
    mean += buffer.z[buffer.centre].sum(axis=0, dtype=np.float64)
  mean /= count
  var = np.zeros(width)
  for buffer in buffers:
    for at in range(0, len(buffer.centre), _BLOCK_ROWS):
      x = buffer.z[buffer.centre[at : at + _BLOCK_ROWS]] - mean
      var += np.einsum("ij,ij->j", x, x)
  return mean.astype(np.float32), _reciprocal(np.sqrt(var / count), least)


def own_standardiser(
  table: MusicWindows, channels: str, pool: int
) -> tuple[np.ndarray, np.ndarray]:
  """What each recording's own sound is standardised by.

  Args:
    table: the windows; the valid ones of every recording count.
    channels: 'difference' or 'music'.
    pool: neighbouring bands averaged into one.

  Returns:
    Mean and reciprocal deviation, both float32 [recording, feature].
  """
  least = least_deviations(table, channels, pool)
  parts = []
  for recording in range(len(table.recordings)):
    rows = np.flatnonzero((table.recording == recording) & table.valid)
    x = frame_features(table, rows, channels, 0, pool, None)
    x = x.reshape(-1, x.shape[-1])
    if not len(x):  # nothing of it is used
      x = np.zeros((1, x.shape[-1]), np.float32)
    mean = x.mean(0, dtype=np.float64)
    deviation = np.sqrt(np.square(x - mean).mean(0))
    parts.append((mean.astype(np.float32), _reciprocal(deviation, least)))
  mean, scale = zip(*parts, strict=True)
  return np.stack(mean), np.stack(scale)


def _reciprocal(deviation: np.ndarray, least: np.ndarray | float) -> np.ndarray:
  # A band that never changes carries nothing.
  scale = np.where(deviation > 1e-6, 1.0 / np.maximum(deviation, least), 0.0)
  return scale.astype(np.float32)
