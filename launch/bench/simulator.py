"""Measures the simulator: multiple of real time, growth, share of a floor.

  python -m launch.bench.simulator --seconds=30

First the default scene: a whole recording, the body alone, the empty room
alone beside pyroomacoustics (same order, length and channels, in turns; the
two recordings are compared), and several recordings one after another beside
as many on two threads. Then the body's time over the number of spheres, the
ceiling in frequency (the number of bins) and the hop, and the room's over the
order of its image sources. `--growth=false` leaves that out.

Operations counted are the multiplications and additions that the work needs
however it is arranged (`simulator_case`). The floor is the time this machine
takes for the same number in the densest form it has, a matrix product on all
cores; the share is floor over measured time.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.simulate.scene import Scene
from launch.bench import ceilings, harness, room_peer
from launch.bench.simulator_case import Case, room_operations

_SECONDS = flags.DEFINE_float("seconds", 30.0, "of audio to render", 1.0)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "two sides take turns", 1)
_REPEATS = flags.DEFINE_integer("repeats", 2, "in a round", 1)
_RECORDINGS = flags.DEFINE_integer("recordings", 4, "at once", 1)
_HOP_S = flags.DEFINE_float(
  "hop_s", Scene().body_hop_s, "hop of the body's spectra"
)
_GROWTH = flags.DEFINE_bool("growth", True, "also over spheres, bins, order")

_SPHERES = (8, 16, 32, 64)
_CEILINGS_HZ = (4000.0, 8000.0, 16000.0, 23000.0)
_HOPS_S = (0.005, 0.0025, 0.001)
_ORDERS = (0, 1, 3, 6, 10)
_THREADS = 2


def _timed(ours: Any, peer: Any = None) -> harness.Measured:
  return harness.in_turns(
    ours, peer, rounds=_ROUNDS.value, repeats=_REPEATS.value
  )


def _row(
  what: str, seconds: float, audio_s: float, operations: float, peak: float
) -> dict[str, Any]:
  return {
    "what": what,
    "s": seconds,
    "x real time": audio_s / seconds,
    "G operations": operations / 1e9,
    "floor s": operations / peak,
    "share %": operations / peak / seconds * 100,
  }


def _default_scene(case: Case, peak: float) -> list[dict[str, Any]]:
  """Whole, body, room beside its peer, several recordings."""
  in_room = room_operations(case.scene, case.seconds)
  whole = case.operations + in_room
  rows = [
    _row(name, _timed(run).seconds, case.seconds, operations, peak)
    for name, run, operations in (
      ("whole recording", case.recording, whole),
      ("body", case.body, case.operations),
    )
  ]
  peer: Callable[[], np.ndarray] | None = None
  if harness.installed("pyroomacoustics", "the peer is missing"):
    peer = functools.partial(room_peer.static_recording, case.scene, case.music)
    apart = room_peer.apart_db(case.room(), peer(), case.scene.sample_rate_hz)
    print(f"empty room: {apart:.0f} dB apart from pyroomacoustics'")
  measured = _timed(case.room, peer)
  row = _row("empty room", measured.seconds, case.seconds, in_room, peak)
  row |= {"peer s": measured.peer_seconds, "x peer": measured.ratio}
  rows.append(row)

  count = _RECORDINGS.value

  def one_by_one() -> None:
    for _ in range(count):
      case.recording()

  def side_by_side() -> None:
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
      for done in [pool.submit(case.recording) for _ in range(count)]:
        done.result()

  measured = _timed(side_by_side, one_by_one)
  name = f"{count} recordings on {_THREADS} threads; peer: one by one"
  row = _row(name, measured.seconds, count * case.seconds, count * whole, peak)
  rows.append(row | {"peer s": measured.peer_seconds, "x peer": measured.ratio})
  return rows


def _growth(case: Case, peak: float) -> list[dict[str, Any]]:
  """The body over spheres, bins and hop; the room over its order."""
  bodies = [dataclasses.replace(case, number=number) for number in _SPHERES]
  bodies += [
    dataclasses.replace(
      case, scene=dataclasses.replace(case.scene, **{field: value})
    )
    for field, values in (
      ("body_ceiling_hz", _CEILINGS_HZ),
      ("body_hop_s", _HOPS_S),
    )
    for value in values
  ]
  rows = []
  for body in bodies:
    sizes = body.plan.sizes
    row = _row(
      "body", _timed(body.body).seconds, case.seconds, body.operations, peak
    )
    rows.append(
      row | {"spheres": body.spheres, "bins": sizes.bins, "hop": sizes.hop}
    )
  for order in _ORDERS:
    scene = dataclasses.replace(case.scene, max_order=order)
    seconds = _timed(dataclasses.replace(case, scene=scene).room).seconds
    operations = room_operations(scene, case.seconds)
    row = _row("empty room", seconds, case.seconds, operations, peak)
    rows.append(row | {"order": order})
  return rows


def main() -> None:
  """Renders and prints."""
  case = Case(Scene(body_hop_s=_HOP_S.value), _SECONDS.value)
  about = harness.begin("jaxlib", "numpy", "scipy", "pyroomacoustics")
  sizes = case.plan.sizes
  print(
    f"{len(case.scene.speakers_m)} loudspeakers, {case.spheres} spheres, order "
    f"{case.scene.max_order}, hop {sizes.hop} samples, segments of "
    f"{sizes.fft_size}, {sizes.bins} frequencies; {case.seconds:g} s of audio"
  )
  first_s, _ = harness.timed(case.recording)
  print(f"first call (table, compilation): {first_s:.1f} s")
  peak = ceilings.matmul_flops_per_second("float32")
  print(f"a large product: {peak / 1e9:.0f} G operations/s")
  rows = _default_scene(case, peak)
  columns = ["what", "s", "x real time", "G operations", "floor s", "share %"]
  harness.show(rows, [*columns, "peer s", "x peer"])
  grown: list[dict[str, Any]] = []
  if _GROWTH.value:
    grown = _growth(case, peak)
    changed = ["spheres", "bins", "hop", "order"]
    print()
    harness.show(grown, [columns[0], *changed, *columns[1:]])
  harness.write(about, rows=rows, growth=grown, peak_per_s=peak)


if __name__ == "__main__":
  harness.start(main)
