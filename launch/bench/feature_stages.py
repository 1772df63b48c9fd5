"""Operations of the features' stages, and what each takes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.audio import mel, spectrogram
from bgm2pose_jax.systems.bgm2pose.features import intensity
from bgm2pose_jax.systems.bgm2pose.features.logmel_intensity import SPEC
from launch.bench import harness
from launch.bench.ceilings import Ceilings

_SIZE = 2400
_FRAMES = 12
_BINS = _SIZE // 2 + 1
_VIEWS, _CHANNELS, _AXES = 3, 6, 3


def operations(windows: int) -> dict[str, float]:
  """Real additions and multiplications of each stage.

  Views: one product for the frame, three and an addition for its first
  difference, nine for the second, and two for each view's energy. Transforms:
  2.5 n log2 n for each real one of n samples. Weighting: two complex products
  and sums, three real products a bin. Mel: what the banded product multiplies.

  Args:
    windows: the number of windows of 0.6 s.
  """
  frames = windows * _FRAMES
  spectra = frames * _CHANNELS
  banded = sum(
    2 * rows.size for *_, rows in mel.groups(48_000.0, _SIZE, SPEC.bands)
  )
  return {
    "views": spectra * _SIZE * (1 + 4 + 9 + 2 * _VIEWS),
    "transforms": spectra * _VIEWS * 2.5 * _SIZE * np.log2(_SIZE),
    "weighting": spectra * _BINS * (2 * 8 + 3 * 2),
    "mel and decibels": spectra * (3 * _BINS + banded + 2 * SPEC.bands),
    "intensity": frames * _AXES * (7 * _BINS + banded),
  }


def floor_s(windows: int, peaks: Ceilings) -> float:
  """Seconds that the work cannot go under on this device.

  Args:
    windows: the number of windows of 0.6 s.
    peaks: the product's for transforms and mel products, the copy's for
      samples in and features out.
  """
  moved = windows * _FRAMES * 4 * (_CHANNELS * _SIZE + SPEC.bands * 9)
  return peaks.floor_s(sum(operations(windows).values()), moved)


def _transforms(frames: jax.Array) -> tuple[jax.Array, ...]:
  return tuple(jnp.fft.rfft(view) for view in spectrogram.views(frames))


def _bands(spectra: jax.Array) -> jax.Array:
  power = spectrogram.power(spectra)
  return mel.power_to_db(mel.to_mel(power, 48_000, _SIZE, SPEC.bands))


def _decibels(frames: jax.Array) -> jax.Array:
  return _bands(spectrogram.spectrum(frames))


def _features(frames: jax.Array) -> tuple[jax.Array, jax.Array]:
  spectra = spectrogram.spectrum(frames)
  flow = intensity.mel_intensity(spectra[:4], 48_000, _SIZE, SPEC.bands)
  return _bands(spectra), flow


_UP_TO: dict[str, Callable[[jax.Array], Any]] = {
  "views": spectrogram.views,
  "transforms": _transforms,
  "weighting": spectrogram.spectrum,
  "mel and decibels": _decibels,
  "intensity": _features,
}


def measure(windows: int, peaks: Ceilings) -> list[dict[str, Any]]:
  """Times the extraction cut off behind each stage.

  What a stage makes is written to memory and summed up, so that nothing of it
  is left out; that adds a little to each line. Blocks are as in `extract`: a
  window on CPU, all at once elsewhere.

  Args:
    windows: the number of windows of 0.6 s.
    peaks: the peaks of the device.
  """
  blocks = windows if jax.default_backend() == "cpu" else 1
  frames = windows * _FRAMES // blocks
  rng = np.random.default_rng(0)
  signals = rng.standard_normal(
    (blocks, _CHANNELS, frames, _SIZE), dtype=np.float32
  )
  signals = jax.device_put(signals / 10)
  needed = operations(windows)
  rows, before_s = [], 0.0
  for name, stage in _UP_TO.items():
    run = _summed(stage)
    found = harness.in_turns(
      lambda run=run: run(signals).block_until_ready(), rounds=1, repeats=9
    )
    wall_s, cpu_s = found.ours_s[0], found.ours_cpu_s[0]
    rows.append(
      {
        "up to": name,
        "MFLOP": needed[name] / 1e6,
        "floor ms": 1e3 * needed[name] / peaks.flops_per_s,
        "ms": 1e3 * wall_s,
        "ms of its own": 1e3 * (wall_s - before_s),
        "cpu ms": 1e3 * cpu_s,
      }
    )
    before_s = wall_s
  return rows


def _summed(stage: Callable[[jax.Array], Any]) -> Callable[..., jax.Array]:
  def one(block: jax.Array) -> jax.Array:
    made = jax.lax.optimization_barrier(jax.tree.leaves(stage(block)))
    sums = [jnp.sum(x.real if jnp.iscomplexobj(x) else x) for x in made]
    return functools.reduce(jnp.add, sums)

  return jax.jit(lambda blocks: jax.lax.map(one, blocks))
