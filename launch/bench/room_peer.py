"""The empty room by pyroomacoustics: same walls, order, places and channels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.simulate.scene import Scene

# Its fractional-delay filters (81 taps) put everything this much later.
DELAY_SAMPLES = 40
# Ours in its order. Its x and y are horizontal, its z is up; ours are x and
# z, and y. Its y is our z: image sources do not mind the mirrored frame.
_OURS = (0, 2, 1)
_WALLS = {
  "west": 0,
  "east": 1,
  "south": 4,
  "north": 5,
  "floor": 2,
  "ceiling": 3,
}


@contextlib.contextmanager
def shoebox(scene: Scene, music: np.ndarray | None = None) -> Iterator[Any]:
  """Gives a pyroomacoustics room, valid inside the context.

  Args:
    scene: without a tail, its walls with one reflection each.
    music: [speaker, samples] for `simulate()`; None for `compute_rir()` alone.

  Yields:
    A `ShoeBox` with four microphones at one place, W X Y Z in scene axes, and
    the scene's loudspeakers.
  """
  import pyroomacoustics as pra
  from pyroomacoustics import directivities

  def figure_eight(azimuth: float, colatitude: float) -> Any:
    towards = directivities.DirectionVector(azimuth, colatitude, degrees=True)
    return directivities.FigureEight(orientation=towards)

  low, _ = scene.room_corners_m()
  walls = scene.wall_reflection()[:, 0]

  def place(point: tuple[float, ...]) -> np.ndarray:
    return (np.asarray(point) - low)[list(_OURS)]

  # Settings of the whole library, put back afterwards.
  wanted = {"c": scene.speed_of_sound_m_s, "rir_hpf_enable": False}
  saved = {key: pra.constants.get(key) for key in wanted}
  for key, value in wanted.items():
    pra.constants.set(key, value)
  try:
    found = pra.ShoeBox(
      [scene.room_m[i] for i in _OURS],
      fs=scene.sample_rate_hz,
      materials={
        name: pra.Material(energy_absorption=float(1 - walls[i] ** 2))
        for name, i in _WALLS.items()
      },
      max_order=scene.max_order,
      air_absorption=False,
      use_rand_ism=False,
    )
    for microphone in (
      directivities.Omnidirectional(),
      figure_eight(0, 90),  # our x
      figure_eight(0, 0),  # our y
      figure_eight(90, 90),  # our z
    ):
      found.add_microphone(place(scene.mic_m), directivity=microphone)
    for number, speaker in enumerate(scene.speakers_m):
      signal = None if music is None else music[number]
      found.add_source(place(speaker), signal=signal)
    yield found
  finally:
    for key, value in saved.items():
      pra.constants.set(key, value)


def static_recording(scene: Scene, music: np.ndarray) -> np.ndarray:
  """The empty room's recording, [4, samples] W X Y Z, its delay taken off.

  Args:
    scene: see `shoebox`.
    music: [speaker, samples].
  """
  with shoebox(scene, music) as found:
    found.simulate()
    signals = found.mic_array.signals
  return signals[:, DELAY_SAMPLES : DELAY_SAMPLES + music.shape[1]]


def apart_db(
  ours: np.ndarray, theirs: np.ndarray, sample_rate_hz: float
) -> float:
  """Energy of the difference of two recordings below that of the second.

  Between 100 Hz and 16 kHz, where the fractional delays of both are flat.

  Args:
    ours: [channel, samples].
    theirs: the same.
    sample_rate_hz: the sample rate of both.
  """
  freqs_hz = np.fft.rfftfreq(ours.shape[1], 1 / sample_rate_hz)
  band = (freqs_hz >= 100) & (freqs_hz <= 16000)
  a, b = (np.fft.rfft(x, axis=1)[:, band] for x in (ours, theirs))
  return float(20 * np.log10(np.linalg.norm(a - b) / np.linalg.norm(b)))
