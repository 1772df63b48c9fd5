"""Measures the music kernel: times real time, stage by stage.

  python -m launch.bench.music_kernel --seconds=60

Sound is noise through a random room. `whole` reads it twice, once for the
response and once for the features, and twice more or so for clocks that have
drifted; `causal` brings the response up to date
every 2.4 s. The floor counts the FFTs alone, at the rate that one large FFT
reaches on this device. There is no peer: nobody else has these features; the
log-mel maps of the same sound stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from bgm2pose_jax.audio import spectrogram
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.features import music_kernel, static_response
from bgm2pose_jax.systems.bgm2pose.still_room import (
  block_features,
  room_fit,
  still_room,
)
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S, WINDOW_SAMPLES
from launch.bench import ceilings, harness
from launch.studies.sound import in_blocks

_SECONDS = flags.DEFINE_float("seconds", 60.0, "length of the recording", 9.6)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "times that each is run", 1)

_RATE_HZ = 48_000


def _sound(seconds: float) -> tuple[np.ndarray, np.ndarray]:
  windows = int(seconds / WINDOW_S)
  rng = np.random.default_rng(0)
  music = rng.standard_normal((2, windows * WINDOW_SAMPLES), np.float32) / 10
  mix = rng.standard_normal((4, 2)).astype(np.float32)
  return mix @ music, music


def _fft_rate() -> float:
  """Operations a second of one large real FFT, 2.5 n log2 n counted."""
  size = 480_000
  x = jnp.ones((8, size), jnp.float32)
  run = jax.jit(jnp.fft.rfft)
  best = ceilings.fastest_s(lambda: run(x).block_until_ready(), 4)
  return 8 * 2.5 * size * math.log2(size) / best


def _operations(seconds: float) -> dict[str, float]:
  """FFT operations of each stage for so many seconds of sound."""
  taps = round(static_response.RESPONSE_S * _RATE_HZ)
  block = 16 * WINDOW_SAMPLES
  size, blocks = taps + block, seconds * _RATE_HZ / block
  fft = 2.5 * size * math.log2(size)
  window = round(music_kernel.WINDOW_S * _RATE_HZ)
  frame = 10 * 2.5 * window * math.log2(window)
  step = 2.5 * 2 * taps * math.log2(2 * taps)
  return {
    # 6 + 2 forward, 12 back; 2 forward, 8 of the response, 4 back.
    "correlations": blocks * 20 * fft,
    "solving": static_response.ITERATIONS * 4 * 8 * step,
    "static sound": blocks * 14 * fft,
    "features": seconds / 0.05 * frame,
  }


def _all(stream: Iterable[Any]) -> None:
  for _ in stream:
    pass


def main() -> None:
  """Prints the table."""
  about = harness.begin()
  sound, music = _sound(_SECONDS.value)
  blocks = in_blocks(sound, music)
  seconds = sound.shape[1] / _RATE_HZ
  whole = list(still_room.with_still(lambda: blocks, StaticForm("whole")))
  sums = room_fit.correlations(blocks)
  response = np.asarray(static_response.solve(sums).taps)

  around = music_kernel.CONTEXT_FRAMES * spectrogram.hop_samples(_RATE_HZ)

  def kernel_alone() -> None:
    sounds = still_room.with_context(whole, around)
    given = ((b.audio, b.music, b.still) for b in sounds)
    _all(features.extract_stream(given, feature_set="music_kernel"))

  def from_blocks(name: str, given: list = blocks) -> None:
    _all(block_features.stream(lambda: given, name, StaticForm("whole")))

  off = list(room_fit.on_clock(blocks, 1.0))

  stages: dict[str, Callable[[], Any]] = {
    "correlations": lambda: room_fit.correlations(blocks),
    "solving": lambda: static_response.solve(sums),
    "static sound": lambda: _all(still_room.still_blocks(blocks, response)),
    "features": kernel_alone,
    "whole": lambda: from_blocks("music_kernel"),
    "whole, 1 ppm off": lambda: from_blocks("music_kernel", off),
    "causal response": lambda: _all(
      still_room.with_still(lambda: blocks, StaticForm("causal"))
    ),
    "log-mel maps": lambda: from_blocks("logmel_intensity"),
  }
  operations, rate = _operations(seconds), _fft_rate()
  rows = []
  for name, work in stages.items():
    work()  # compiles
    spent = ceilings.fastest_s(
      lambda work=work: jax.block_until_ready(work()), _ROUNDS.value
    )
    floor = operations.get(name)
    rows.append(
      {
        "stage": name,
        "seconds": spent,
        "times real time": seconds / spent,
        "share of floor": floor / rate / spent if floor else None,
      }
    )
  print(f"{seconds:.1f} s of sound; one large FFT: {rate / 1e9:.1f} GFLOP/s")
  harness.show(rows)
  harness.write(about, rows=rows)


if __name__ == "__main__":
  harness.start(main)
