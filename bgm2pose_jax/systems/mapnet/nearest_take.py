"""An oracle that exposes memorising: the training window nearest to the input.

Where the clean target of a test window also lies in the training set, this
finds it in spite of the noise, and nothing was learned. A model that is no
better than this may have memorised the takes.
"""

from __future__ import annotations

import hashlib

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet.smoothing import interpolated

_QUERIES = 1024
_CANDIDATES = 1024


def nearest_rows(noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
  """The clean window with the least mean squared distance to each input.

  Of equal ones, such as the variants of one take, the first is taken. Works in
  blocks: beside its arguments it needs some 100 MB, whatever their length.

  Args:
    noisy: [n, t, joint, 3], input at its own rate.
    clean: [m, frames, joint, 3], candidates; frames is a multiple of t.

  Returns:
    int64 [n], rows of `clean`.

  Raises:
    InputError: no candidates, or shapes that do not fit.
  """
  if not len(clean) or noisy.shape[2:] != clean.shape[2:]:
    raise InputError(
      "clean",
      f"shape {clean.shape} for inputs {noisy.shape}",
      "give at least one window of the same joints",
    )
  frames = clean.shape[1]
  # Distances do not change when all poses are moved; smaller numbers keep
  # more of their digits in float32.
  middle = np.asarray(clean[:_CANDIDATES], np.float32).mean(axis=0)
  best = np.full(len(noisy), -np.inf)
  rows = np.zeros(len(noisy), np.int64)
  # Rounding tells equal windows apart, by where they stand in a block.
  first_of: dict[bytes, int] = {}
  firsts: list[int] = []
  for first in range(0, len(clean), _CANDIDATES):
    block = np.asarray(clean[first : first + _CANDIDATES], np.float32)
    for window in block:
      content = hashlib.sha256(window.tobytes()).digest()
      firsts.append(first_of.setdefault(content, len(firsts)))
    found = block - middle
    found = found.reshape(len(found), -1)
    half_square = np.einsum("ij,ij->i", found, found, dtype=np.float64) / 2
    for start in range(0, len(noisy), _QUERIES):
      part = slice(start, start + _QUERIES)
      given = interpolated(noisy[part], frames) - middle
      # |x - y|^2 = |x|^2 - 2 (x y - |y|^2 / 2).
      score = given.reshape(len(given), -1) @ found.T - half_square
      row = score.argmax(axis=1)
      score = score[np.arange(len(row)), row]
      nearer = score > best[part]
      best[part] = np.where(nearer, score, best[part])
      rows[part] = np.where(nearer, first + row, rows[part])
  return np.array(firsts)[rows]


def nearest_take(
  noisy: np.ndarray, clean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The nearest clean window itself, as a prediction.

  Args:
    noisy: [n, t, joint, 3], input at its own rate.
    clean: [m, frames, joint, 3], candidates; frames is a multiple of t.

  Returns:
    [n, frames, joint, 3] of `clean`, and int64 [n], their rows.

  Raises:
    InputError: no candidates, or shapes that do not fit.
  """
  rows = nearest_rows(noisy, clean)
  return np.asarray(clean[rows]), rows
