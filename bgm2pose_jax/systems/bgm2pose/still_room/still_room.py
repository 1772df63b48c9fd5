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

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import Block
from bgm2pose_jax.systems.bgm2pose.still_room import response_file, room_fit
from bgm2pose_jax.systems.bgm2pose.still_room.room_fit import MusicHistory
from bgm2pose_jax.systems.bgm2pose.still_room.room_stream import (
  UPDATE_WINDOWS,
  CausalRoom,
  FixedRoom,
  default_taps,
)
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES


def with_still(
  blocks: Callable[[], Iterable[Block]],
  form: StaticForm,
  where: Any = "recording",
) -> Iterator[Block]:
  """Adds the static room to every block of a recording.

  Args:
    blocks: opens the recording anew and gives its blocks in sequence, from
      the music's first sample on.
    form: what the response is fitted to.
    where: names the recording in messages.

  Yields:
    The blocks, with `still`; `causal` and `file` give them in parts of
    `UPDATE_WINDOWS`.
  """
  from bgm2pose_jax.systems.bgm2pose.features import static_response

  if form.kind == "causal":
    yield from _in_parts(blocks(), CausalRoom())
    return
  if form.kind == "around":
    yield from _around(blocks, form.seconds)
    return
  if form.path is not None:
    response = response_file.read(form.path)
    sums = room_fit.correlations(blocks())
    density = np.asarray(static_response.power_density(sums, response))
    yield from _in_parts(blocks(), FixedRoom(response, density))
    return
  if form.kind == "first":
    sums = room_fit.correlations(_until(blocks(), form.seconds))
    response = static_response.solve(sums).taps
    density = np.asarray(static_response.power_density(sums, response))
    sound = blocks()
  else:
    found = room_fit.fit_with_clock(blocks, where)
    response, density = found.response.taps, found.density
    sound = room_fit.on_clock(blocks(), found.drift_ppm)
  for block, still in still_blocks(sound, response):
    yield _with(block, still, density)


def still_blocks(
  blocks: Iterable[Block], response: Any
) -> Iterator[tuple[Block, np.ndarray]]:
  """Convolves the music of blocks in sequence with a response.

  Args:
    blocks: the blocks of one recording, from the music's first sample on.
    response: [channel=4, speaker=2, tap].

  Yields:
    Each block and the static room's sound [4, s] beside it.
  """
  music = MusicHistory(response.shape[-1])
  for block in blocks:
    yield block, _sound(music.with_history(block.music), response)


def with_context(blocks: Iterable[Block], samples: int) -> Iterator[Block]:
  """Adds to each block the sound around it; silence beyond the ends.

  Args:
    blocks: the blocks of one recording in sequence, each as long as `samples`
      at least.
    samples: the length on either side.

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


def _sound(music: np.ndarray, response: Any) -> np.ndarray:
  from bgm2pose_jax.systems.bgm2pose.features import static_response

  return np.asarray(static_response.static_sound(music, response))


def _with(block: Block, sound: np.ndarray, density: np.ndarray) -> Block:
  from bgm2pose_jax.systems.bgm2pose.features import static_response

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

  from bgm2pose_jax.systems.bgm2pose.features import (
    lag_correlations,
    static_response,
  )

  taps = default_taps()
  music, nothing = MusicHistory(taps), lag_correlations.zero_correlations(taps)
  # A stretch has to begin with silence, or its sums belong to no music at all
  # and the equations may have no minimum: each block in both ways.
  begins, goes_on = [], []
  length_s = 0.0
  for block in blocks():
    length_s = max(length_s, block.audio.shape[-1] / SAMPLE_RATE_HZ)
    for found, sound in (
      (goes_on, music.with_history(block.music)),
      (begins, MusicHistory(taps).with_history(block.music)),
    ):
      sums = lag_correlations.add(nothing, block.audio, sound, 1.0)
      found.append(jax.block_until_ready(sums))
  reach = max(0, round((seconds / length_s - 1) / 2)) if begins else 0
  response = None
  music = MusicHistory(taps)
  for at, block in enumerate(blocks()):
    first = max(0, at - reach)
    near = [begins[first], *goes_on[first + 1 : at + reach + 1]]
    sums = functools.reduce(lag_correlations.pool, near)
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
