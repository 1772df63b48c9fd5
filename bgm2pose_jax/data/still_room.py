"""The static room beside each block of a recording.

What the microphone would have heard if nothing had moved: the music through a
response that is fitted to the recording itself, as `StaticForm` says.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.data import response_file
from bgm2pose_jax.data.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.data.recordings import WINDOW_SAMPLES, Block
from bgm2pose_jax.data.room_stream import (
  UPDATE_WINDOWS,
  CausalRoom,
  FixedRoom,
  default_taps,
)
from bgm2pose_jax.data.static_form import StaticForm
from bgm2pose_jax.errors import InputError

# Response and loudness of several recordings are fitted in turn, so often at
# most, until loudness stays within a hundredth of a decibel.
_LOUDNESS_ROUNDS = 30
_LOUDNESS_KNOWN = 1e-3


def fit(*recordings: Iterable[Block]) -> Any:
  """Fits a static response to blocks of sound in sequence.

  Several recordings of one room say more than one: music that has nothing to
  say at some frequencies says nothing of the room there. They need not be
  equally loud; the response is that of the first.

  Args:
    *recordings: blocks of one recording each, from the music's first sample.

  Returns:
    `features.static_response.Response`; its arrays are on the device.

  Raises:
    InputError: a recording does not answer to its music as the others do.
  """
  from bgm2pose_jax.features import static_response

  sums = [correlations(blocks) for blocks in recordings]
  found = static_response.solve(functools.reduce(static_response.pool, sums))
  before = np.ones(len(sums))
  for _ in range(_LOUDNESS_ROUNDS if len(sums) > 1 else 0):
    gains = [float(static_response.loudness(s, found.taps)) for s in sums]
    for at, gain in enumerate(gains):
      if gain <= 0:
        raise InputError(
          f"recording {at + 1} of {len(gains)}",
          "does not answer to its music as the others do",
          "give recordings of one room that nothing was moved in between",
        )
    now = gains[0] / np.array(gains)
    if np.all(np.abs(now / before - 1) < _LOUDNESS_KNOWN):
      break
    alike = [static_response.turned(s, gain) for s, gain in zip(sums, now)]
    before, pooled = now, functools.reduce(static_response.pool, alike)
    found = static_response.solve(pooled, found.taps)
  return found


def with_still(
  blocks: Callable[[], Iterable[Block]], form: StaticForm
) -> Iterator[Block]:
  """Adds the static room to every block of a recording.

  Args:
    blocks: opens the recording anew and gives its blocks in sequence, from
      the music's first sample on.
    form: what the response is fitted to.

  Yields:
    The blocks, with `still`; `causal` and `file` give them in parts of
    `UPDATE_WINDOWS`.
  """
  from bgm2pose_jax.features import static_response

  if form.kind == "causal":
    yield from _in_parts(blocks(), CausalRoom())
    return
  if form.kind == "around":
    yield from _around(blocks, form.seconds)
    return
  heard = blocks()
  if form.kind == "first":
    heard = _until(heard, form.seconds)
  sums = correlations(heard)
  if form.path is not None:
    response = response_file.read(form.path)
    density = np.asarray(static_response.power_density(sums, response))
    yield from _in_parts(blocks(), FixedRoom(response, density))
    return
  response = static_response.solve(sums).taps
  density = np.asarray(static_response.power_density(sums, response))
  for block, sound in still_blocks(blocks(), response):
    yield _with(block, sound, density)


def still_blocks(
  blocks: Iterable[Block], response: Any
) -> Iterator[tuple[Block, np.ndarray]]:
  """Convolves the music of blocks in sequence with a response.

  Args:
    blocks: of one recording, from the music's first sample on.
    response: [channel=4, speaker=2, tap].

  Yields:
    Each block and the static room's sound [4, s] beside it.
  """
  music = _Music(response.shape[-1])
  for block in blocks:
    yield block, _sound(music.with_history(block.music), response)


def with_context(blocks: Iterable[Block], samples: int) -> Iterator[Block]:
  """Adds to each block the sound around it; silence beyond the ends.

  Args:
    blocks: of one recording in sequence, each as long as `samples` at least.
    samples: on either side.

  Yields:
    The blocks, their sounds longer by 2 `samples`.
  """
  if not samples:
    yield from blocks
    return

  def sounds(block: Block) -> dict[str, np.ndarray]:
    found = {"audio": block.audio, "music": block.music}
    if block.still is not None:
      found["still"] = block.still.sound
    return found

  def joined(before, block, after) -> Block:
    parts: dict[str, Any] = {
      name: np.concatenate([before[name], sound, after[name]], axis=-1)
      for name, sound in sounds(block).items()
    }
    if block.still is not None:
      parts["still"] = block.still._replace(sound=parts["still"])
    return dataclasses.replace(block, **parts)

  def silence(block: Block) -> dict[str, np.ndarray]:
    return {
      name: np.zeros((len(sound), samples), np.float32)
      for name, sound in sounds(block).items()
    }

  before, waiting = None, None
  for block in blocks:
    if waiting is None:
      before = silence(block)
    else:
      after = {n: sound[..., :samples] for n, sound in sounds(block).items()}
      yield joined(before, waiting, after)
      before = {
        n: sound[..., -samples:] for n, sound in sounds(waiting).items()
      }
    waiting = block
  if waiting is not None:
    yield joined(before, waiting, silence(waiting))


class _Music:
  """The music of a recording, block by block, with what came before."""

  def __init__(self, taps: int):
    self._taps = taps
    self._history = np.zeros((2, taps), np.float32)

  def with_history(self, music: np.ndarray) -> np.ndarray:
    """Returns [2, taps + s], and keeps the end for the next block."""
    whole = np.concatenate([self._history, music], axis=-1)
    self._history = whole[..., -self._taps :]
    return whole


def correlations(blocks: Iterable[Block]) -> Any:
  """Sums up blocks in sequence, as `static_response.solve` takes it."""
  import jax

  from bgm2pose_jax.features import static_response

  taps = default_taps()
  music, sums = _Music(taps), static_response.zero_correlations(taps)
  for block in blocks:
    sound = music.with_history(block.music)
    sums = static_response.add(sums, block.audio, sound, 1.0)
    # Keeps one block in memory, not all that the device has not come to.
    jax.block_until_ready(sums)
  return sums


def _sound(music: np.ndarray, response: Any) -> np.ndarray:
  from bgm2pose_jax.features import static_response

  return np.asarray(static_response.static_sound(music, response))


def _with(block: Block, sound: np.ndarray, density: np.ndarray) -> Block:
  from bgm2pose_jax.features import static_response

  still = static_response.StillRoom(sound, density)
  return dataclasses.replace(block, still=still)


def _in_parts(
  blocks: Iterable[Block], room: CausalRoom | FixedRoom
) -> Iterator[Block]:
  for block in blocks:
    for first in range(0, block.windows, UPDATE_WINDOWS):
      part = _part(block, first, min(first + UPDATE_WINDOWS, block.windows))
      still = room.still(part.audio, part.music)
      yield dataclasses.replace(part, still=still)
      room.update()


def _around(
  blocks: Callable[[], Iterable[Block]], seconds: float
) -> Iterator[Block]:
  """Each block by a response to the sound around it, half before it."""
  import jax

  from bgm2pose_jax.features import static_response

  taps = default_taps()
  music, nothing = _Music(taps), static_response.zero_correlations(taps)
  # A stretch has to begin with silence, or its sums belong to no music at all
  # and the equations may have no minimum: each block in both ways.
  begins, goes_on = [], []
  length_s = 0.0
  for block in blocks():
    length_s = max(length_s, block.audio.shape[-1] / SAMPLE_RATE_HZ)
    for found, sound in (
      (goes_on, music.with_history(block.music)),
      (begins, _Music(taps).with_history(block.music)),
    ):
      sums = static_response.add(nothing, block.audio, sound, 1.0)
      found.append(jax.block_until_ready(sums))
  reach = max(0, round((seconds / length_s - 1) / 2)) if begins else 0
  response = None
  music = _Music(taps)
  for at, block in enumerate(blocks()):
    first = max(0, at - reach)
    near = [begins[first], *goes_on[first + 1 : at + reach + 1]]
    sums = functools.reduce(static_response.pool, near)
    response = static_response.solve(sums, response).taps
    density = np.asarray(static_response.power_density(sums, response))
    sound = _sound(music.with_history(block.music), response)
    yield _with(block, sound, density)


def _until(blocks: Iterable[Block], seconds: float) -> Iterator[Block]:
  """The blocks of the first seconds; the last one is cut, to whole windows."""
  left = math.ceil(seconds * SAMPLE_RATE_HZ / WINDOW_SAMPLES)
  for block in blocks:
    if left <= 0:
      return
    yield _part(block, 0, min(left, block.windows))
    left -= block.windows


def _part(block: Block, first: int, end: int) -> Block:
  """Some windows of a block."""
  cut = slice(first * WINDOW_SAMPLES, end * WINDOW_SAMPLES)
  return Block(
    block.first_window + first,
    end - first,
    block.audio[..., cut],
    block.music[..., cut],
  )
