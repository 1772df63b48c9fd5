"""Holds simulated empty rooms against three that were measured.

  python -m launch.studies.room_residual --json=FILE

White noise plays for 20 s from one loudspeaker in each room's scene (`carpet`,
`tile`, `wood_floor`; 16 kHz). A response of 25, 100, 250 and 500 ms is fitted
to the first half of the recording and judged on the second, as was done with
the real recordings. Exit status 1 when a gain is more than 3 dB off what was
measured, all told or in an octave.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bgm2pose_jax.audio import fir_fit
from bgm2pose_jax.simulate import diffuse_tail, recorder, scenes
from bgm2pose_jax.simulate.scene_parts import BAND_EDGES_HZ
from launch.bench import harness

RATE_HZ = 16_000
LENGTHS_MS = (25, 100, 250, 500)
WITHIN_DB = 3.0
# Gains in dB: real loudspeaker and microphone 1.5 to 1.8 m apart, 20 s of white
# noise, one clock (public recordings of a noise-cancellation project).
MEASURED = {
  "carpet": (10.6, 22.6, 28.4, 28.3),
  "tile": (3.7, 15.2, 24.6, 24.7),
  "wood_floor": (2.7, 9.3, 20.2, 25.5),
}
# With 500 ms, the three rooms' lowest and highest gain in each octave.
OCTAVES_DB = (
  (5.0, 5.0), (16.0, 21.0), (21.0, 27.0), (29.0, 33.0), (28.0, 33.0),
  (26.0, 32.0), (22.0, 29.0),
)  # fmt: skip
# The top octave was looked at up to here.
_EDGES_HZ = (*BAND_EDGES_HZ[:-1], 7500.0)
_SECONDS = 20
# What the fit is given before the direct sound.
_EARLY_S = 0.001


def recorded(name: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
  """White noise and its recording in a room, on one clock.

  Args:
    name: of the scene.
    seed: of the noise and the take.

  Returns:
    Two float64 [n]; the recording begins just before its direct sound.
  """
  scene = dataclasses.replace(scenes.make(name), sample_rate_hz=RATE_HZ)
  rng = np.random.default_rng(seed)
  played = 0.1 * rng.standard_normal((1, _SECONDS * RATE_HZ))
  heard = recorder.render(scene, played.astype(np.float32), None, seed=seed)[0]
  late_s = float(diffuse_tail.direct_delay_s(scene)[0]) - _EARLY_S
  late = round(late_s * RATE_HZ)
  return played[0, : len(heard) - late], heard[late:].astype(np.float64)


def measure(name: str, lengths_ms: tuple[int, ...] = LENGTHS_MS) -> list[Any]:
  """Rows of one room: what was found, what was measured, how far off.

  Args:
    name: of the scene.
    lengths_ms: of the responses; octaves are looked at with the longest.
  """
  played, heard = recorded(name)
  rows = []
  sound = rest = heard
  for length_ms, want in zip(LENGTHS_MS, MEASURED[name]):
    if length_ms in lengths_ms:
      sound, rest = fir_fit.left(played, heard, length_ms * RATE_HZ // 1000)
      gain = fir_fit.decibels(sound, rest)
      rows.append(_row(name, f"{length_ms} ms", gain, (want, want)))
  if lengths_ms[-1] == LENGTHS_MS[-1]:
    found = fir_fit.octave_decibels(sound, rest, RATE_HZ, _EDGES_HZ)
    for low_hz, gain, want in zip(_EDGES_HZ, found, OCTAVES_DB):
      rows.append(_row(name, f"500 ms, from {low_hz:g} Hz", gain, want))
  return rows


def _row(
  room: str, what: str, gain: float, want: tuple[float, float]
) -> dict[str, Any]:
  off = max(want[0] - gain, gain - want[1], 0.0)
  text = f"{want[0]:.1f}" + (f" to {want[1]:.1f}" if want[0] < want[1] else "")
  return {
    "room": room,
    "response": what,
    "gain_db": round(float(gain), 1),
    "measured_db": text,
    "off_db": round(float(off), 1),
  }


def main() -> int:
  """Prints the table; 1 when a gain is more than 3 dB off."""
  about = harness.begin()
  print("SIMULATED rooms beside real ones: gain of a fixed response, in dB")
  rows = [row for name in MEASURED for row in measure(name)]
  harness.show(rows, ("room", "response", "gain_db", "measured_db", "off_db"))
  harness.write(about, rows=rows)
  worst = max(row["off_db"] for row in rows)
  print(f"largest difference {worst:.1f} dB, at most {WITHIN_DB:g} wanted")
  return int(worst > WITHIN_DB)


if __name__ == "__main__":
  harness.start(main)
