"""Learns the static room from recordings: responses, loudness and clocks."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import Block
from bgm2pose_jax.systems.bgm2pose.still_room.room_stream import default_taps

# Response and loudness of several recordings are fitted in turn, so often at
# most, until loudness stays within a hundredth of a decibel.
_LOUDNESS_ROUNDS = 30
_LOUDNESS_KNOWN = 1e-3
# A clock is followed until it is known to half a microsecond at either end of
# a recording, a fortieth of a turn at 18 kHz. Fits that this may take; what has
# not settled then is further off than first-order steps reach.
_CLOCK_KNOWN_S = 0.5e-6
_CLOCK_ROUNDS = 10
_CLOCK_MOST_PPM = 20.0


class MusicHistory:
  """The music of a recording, block by block, with what came before."""

  def __init__(self, taps: int):
    """Silence before the first block; `taps` samples are kept."""
    self._taps = taps
    self._history = np.zeros((2, taps), np.float32)

  def with_history(self, music: np.ndarray) -> np.ndarray:
    """Returns [2, taps + s], and keeps the end for the next block."""
    whole = np.concatenate([self._history, music], axis=-1)
    self._history = whole[..., -self._taps :]
    return whole


def correlations(blocks: Iterable[Block]) -> Any:
  """Sums up blocks in sequence, as `static_response.solve` takes it."""
  from bgm2pose_jax.systems.bgm2pose.features import lag_correlations

  nothing = lag_correlations.zero_correlations(default_taps())
  each = (new for _, new in _correlated(blocks))
  return functools.reduce(lag_correlations.pool, each, nothing)


def _correlated(blocks: Iterable[Block]) -> Iterator[tuple[Block, Any]]:
  """Each of the blocks in sequence, and its own correlations."""
  import jax

  from bgm2pose_jax.systems.bgm2pose.features import lag_correlations

  taps = default_taps()
  music, nothing = MusicHistory(taps), lag_correlations.zero_correlations(taps)
  for block in blocks:
    sound = music.with_history(block.music)
    new = lag_correlations.add(nothing, block.audio, sound, 1.0)
    # Keeps one block in memory, not all that the device has not come to.
    yield block, jax.block_until_ready(new)


class Fitted(NamedTuple):
  """The static room of one recording.

  Attributes:
    response: `features.static_response.Response`, arrays on the device.
    sums: the correlations that it was fitted to.
    density: see `static_response.power_density`.
    drift_ppm: how much faster the player's clock runs than the recorder's;
      `on_clock` takes it out.
  """

  response: Any
  sums: Any
  density: np.ndarray
  drift_ppm: float


def fit(*recordings: Callable[[], Iterable[Block]]) -> Any:
  """Fits one static response to recordings of one room.

  Several say more than one: music that has nothing to say at some frequencies
  says nothing of the room there. They need not be equally loud; the response
  is that of the first.

  Args:
    *recordings: each opens a recording anew and gives its blocks in sequence,
      from the music's first sample on.

  Returns:
    `features.static_response.Response`; its arrays are on the device.

  Raises:
    InputError: a recording does not answer to its music as the others do.
  """
  from bgm2pose_jax.systems.bgm2pose.features import (
    lag_correlations,
    static_response,
  )

  each = [
    fit_with_clock(blocks, f"recording {at} of {len(recordings)}")
    for at, blocks in enumerate(recordings, 1)
  ]
  if len(each) == 1:
    return each[0].response
  sums = [one.sums for one in each]
  found = static_response.solve(functools.reduce(lag_correlations.pool, sums))
  before = np.ones(len(sums))
  for _ in range(_LOUDNESS_ROUNDS):
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
    alike = [lag_correlations.turned(s, gain) for s, gain in zip(sums, now)]
    before, pooled = now, functools.reduce(lag_correlations.pool, alike)
    found = static_response.solve(pooled, found.taps)
  return found


def fit_with_clock(
  blocks: Callable[[], Iterable[Block]], where: Any = "recording"
) -> Fitted:
  """Fits a static response to a recording whose clock may drift.

  Alignment leaves a hundredth of a part per million, a tenth at worst, and
  recordings made by others what their clocks had. A drift is seen in what the
  fit leaves, which then grows with time from its middle
  (`clock_drift.estimate`); the music is moved and the fit made again.
  Where there is no drift it is the same fit as without.

  Args:
    blocks: opens the recording anew and gives its blocks in sequence, from
      the music's first sample on.
    where: names the recording in messages.

  Returns:
    What was found; of clocks too far apart to be followed, as they are.
  """
  from bgm2pose_jax.systems.bgm2pose.features import (
    clock_drift,
    static_response,
  )

  first = response = None
  drift_ppm = last_ppm = 0.0
  for _ in range(_CLOCK_ROUNDS):
    moments, seconds = moments_in_time(on_clock(blocks(), drift_ppm))
    sums = moments.sums
    response = static_response.solve(
      sums, None if response is None else response.taps
    )
    density = np.asarray(static_response.power_density(sums, response.taps))
    found = Fitted(response, sums, density, drift_ppm)
    first = first or found
    step_ppm = 1e6 * float(clock_drift.estimate(moments, response.taps))
    if abs(step_ppm) * 1e-6 * seconds / 2 < _CLOCK_KNOWN_S:
      return found
    # Steps overshoot by an even share, for the response turns with the clock.
    share = step_ppm / last_ppm if last_ppm else 0.0
    settles = -0.7 < share < 0.5
    drift_ppm += step_ppm / (1 - share) if settles else step_ppm
    last_ppm = step_ppm if not share or not settles else 0.0
    if abs(drift_ppm) > _CLOCK_MOST_PPM:
      break
  logging.warning(
    "%s: the clocks of music and recording drift further apart than can be "
    "followed (%.2g ppm or more), or the music does not explain the sound: "
    "align them first (python -m bgm2pose_jax.align)",
    where,
    abs(drift_ppm),
  )
  assert first is not None
  return first


def on_clock(blocks: Iterable[Block], drift_ppm: float) -> Iterator[Block]:
  """Moves the music of blocks in sequence onto the recording's clock.

  Args:
    blocks: the blocks of one recording, from the music's first sample on.
    drift_ppm: how much faster the player's clock runs than the recorder's.

  Yields:
    The blocks; as they are without a drift.
  """
  if not drift_ppm:
    yield from blocks
    return
  ratio = 1 + drift_ppm * 1e-6
  before, waiting, start = np.zeros((2, 0), np.float32), None, 0
  for block in itertools.chain(blocks, (None,)):
    if waiting is not None:
      # What is played a little earlier or later lies in the blocks around.
      parts = [before, waiting.music] + ([] if block is None else [block.music])
      begins, size = start - before.shape[-1], waiting.music.shape[-1]
      moved = warp(
        np.concatenate(parts, axis=-1), begins / ratio, drift_ppm, size, start
      )
      yield dataclasses.replace(waiting, music=np.float32(moved))
      before, start = waiting.music, start + size
    waiting = block


def moments_in_time(blocks: Iterable[Block]) -> tuple[Any, float]:
  """`clock_drift.Moments` of blocks in sequence, and their seconds."""
  from bgm2pose_jax.systems.bgm2pose.features import (
    clock_drift,
    lag_correlations,
  )

  nothing = lag_correlations.zero_correlations(default_taps())
  found, samples = clock_drift.Moments(nothing, nothing, nothing), 0
  for block, new in _correlated(blocks):
    size = block.audio.shape[-1]
    found = clock_drift.add_moment(found, new, samples + size / 2)
    samples += size
  return found, samples / SAMPLE_RATE_HZ
