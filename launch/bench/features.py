"""Measures feature extraction: windows a second, beside librosa's loop.

  python -m launch.bench.features --windows=1,16,256 --stages

Ours is `features.extract_batch`, from samples on the host to features on the
device, for all windows in one call; `resident` has the samples there already.
The peers are two loops over windows and channels (`librosa_features.py`), in
turns with ours; without librosa ours is measured alone. The floor counts
transforms (2.5 n log2 n each) and mel products against a large matrix product,
and samples in, features out against a large copy; the larger counts. "cpu ms"
is processor time over all cores, which other programs disturb less.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import flags

from bgm2pose_jax.systems.bgm2pose import features
from launch.bench import ceilings, feature_stages, harness

_WINDOWS = flags.DEFINE_list(
  "windows", ["1", "16", "256"], "windows a call, several by commas"
)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "both sides take turns", 1)
_PEER = flags.DEFINE_bool("peer", True, "measure librosa too, if installed")
_STAGES = flags.DEFINE_bool("stages", False, "also what each stage takes")

_SAMPLES = 28_800
_COLUMNS = (
  "windows", "what", "ms", "cpu ms", "windows/s", "x real time",
  "ours faster", "floor ms", "share",
)  # fmt: skip


def _signals(windows: int) -> tuple[np.ndarray, np.ndarray]:
  """Noise in place of sound: float32 [n, 4, 28800] and [n, 2, 28800]."""
  rng = np.random.default_rng(0)
  both = rng.standard_normal((windows, 6, _SAMPLES), dtype=np.float32) / 10
  return np.ascontiguousarray(both[:, :4]), np.ascontiguousarray(both[:, 4:])


def _peers() -> dict[str, Callable[..., np.ndarray]]:
  """Returns librosa's loops by name; none where it is missing."""
  if not _PEER.value:
    return {}
  if not harness.installed("librosa", "ours is measured alone"):
    return {}
  from launch.bench import librosa_features

  return {
    "librosa, published": librosa_features.published,
    "librosa, careful": librosa_features.careful,
  }


def _difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
  """Largest differences within 80 dB of a frame's strongest band."""
  level = theirs[..., :6]
  strong = level > level.max(axis=-2, keepdims=True) - 80
  return {
    "db": float(np.abs(ours - theirs)[..., :6][strong].max()),
    "intensity": float(np.abs(ours - theirs)[..., 6:].max()),
  }


def _measure(
  windows: int, loops: dict[str, Callable[..., np.ndarray]], floor_s: float
) -> list[dict[str, Any]]:
  """Makes the rows of one batch size."""
  recording, music = _signals(windows)
  placed = jax.device_put((recording, music))

  def ours() -> jax.Array:
    return features.extract_batch(recording, music).block_until_ready()

  def resident() -> jax.Array:
    return features.extract_batch(*placed).block_until_ready()

  repeats = 5 if windows < 16 else 3 if windows < 100 else 1
  rows = []

  def add(
    what: str, walls: Sequence[float], cpus: Sequence[float], **more: Any
  ) -> None:
    seconds = statistics.median(walls)
    rows.append(
      {
        "windows": windows,
        "what": what,
        "ms": 1e3 * seconds,
        "cpu ms": 1e3 * statistics.median(cpus),
        "windows/s": windows / seconds,
        "x real time": windows * 0.6 / seconds,
        **more,
      }
    )

  alone = harness.in_turns(
    ours, resident, rounds=_ROUNDS.value, repeats=max(3, repeats)
  )
  for name, walls, cpus in (
    ("ours", alone.ours_s, alone.ours_cpu_s),
    ("ours, resident", alone.peer_s, alone.peer_cpu_s),
  ):
    share = floor_s / statistics.median(walls)
    add(name, walls, cpus, **{"floor ms": 1e3 * floor_s, "share": share})
  got = np.asarray(ours())
  for name, loop in loops.items():
    found = harness.in_turns(
      ours,
      lambda loop=loop: loop(recording, music),
      rounds=_ROUNDS.value,
      repeats=repeats,
    )
    differs = _difference(got, loop(recording, music))
    more = {"ours faster": found.ratio, "differs": differs}
    add(name, found.peer_s, found.peer_cpu_s, **more)
  return rows


def main() -> None:
  """Measures and prints."""
  counts = harness.numbers(_WINDOWS)
  about = harness.begin("jaxlib", "numpy", "scipy", "librosa")
  loops = _peers()
  peaks = ceilings.measure()
  print(peaks)
  rows = []
  for windows in counts:
    rows += _measure(windows, loops, feature_stages.floor_s(windows, peaks))
  harness.show(rows, _COLUMNS)
  for row in rows:
    if row["windows"] == rows[-1]["windows"] and "differs" in row:
      found = row["differs"]
      print(
        f"{row['what']}: {found['db']:.1e} dB from ours within 80 dB of a "
        f"frame's maximum, intensity {found['intensity']:.1e}"
      )
  stages = None
  if _STAGES.value:
    stages = feature_stages.measure(16, peaks)
    print("\n16 windows, each line with all before it, in blocks as ours:")
    harness.show(stages)
  harness.write(
    about, rows=rows, stages=stages, ceilings=dataclasses.asdict(peaks)
  )


if __name__ == "__main__":
  harness.start(main)
