"""A session: one room, one set of pairs, one excitation, drifting air.

What does not change from recording to recording is computed once: the
spectrum of excitation and loudspeaker, and the room's answer at temperatures
a small step apart. In between, responses are mixed in proportion; for a step
of 0.02 K that errs by less than 1 % at 30 kHz and 32 ms.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.pulse_echo import shoebox
from bgm2pose_jax.simulate.pulse_echo.body_echo import ECHO_TAPS
from bgm2pose_jax.simulate.pulse_echo.fourier import good_size, signals, spectra
from bgm2pose_jax.simulate.pulse_echo.loudspeaker import loudspeaker_spectrum
from bgm2pose_jax.simulate.pulse_echo.pairs import Pairs

# The room is heard for 125 ms, then cut off; 25 ms more are recorded for the
# loudspeaker to come to rest.
_ROOM_S, _REST_S = 0.125, 0.025
_STEP_K = 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class Session:
  """What pairs record in a room.

  Attributes:
    room: the room.
    pairs: the pairs, in the room.
    excitation: float [m], what each pair plays.
    rate_hz: sample rate.
    temperature_c: the temperature of the air, about which it drifts.
    rng_seed: seed of the loudspeaker; all pairs are of one make.
    gain: full scale of a recording per unit of a response.
  """

  room: shoebox.Shoebox
  pairs: Pairs
  excitation: np.ndarray
  rate_hz: int
  temperature_c: float
  rng_seed: int = 0
  gain: float = 0.03

  @functools.cached_property
  def samples(self) -> int:
    """Length of a recording."""
    count = len(self.excitation) + (_ROOM_S + _REST_S) * self.rate_hz
    return good_size(math.ceil(count))

  @functools.cached_property
  def played(self) -> np.ndarray:
    """Spectrum of excitation and loudspeaker, complex128 [f]."""
    rng = np.random.default_rng(self.rng_seed)
    speaker = loudspeaker_spectrum(self.samples, self.rate_hz, rng)
    return self.gain * speaker * spectra(self.excitation, self.samples)

  @functools.cached_property
  def _rooms(self) -> dict[int, np.ndarray]:
    return {}

  def _room_at(self, step: int) -> np.ndarray:
    """The room's spectra [pair, f] at a whole step of temperature."""
    if step not in self._rooms:
      taps = round(_ROOM_S * self.rate_hz)
      response = shoebox.responses(
        self.room,
        self.pairs,
        self.temperature_c + step * _STEP_K,
        taps,
        self.rate_hz,
      )
      spectrum = spectra(response, self.samples)
      self._rooms[step] = spectrum * self.played
    return self._rooms[step]

  def room_part(self, drift_k: float) -> np.ndarray:
    """What the empty room adds to a recording, complex128 [pair, f].

    Args:
      drift_k: how much warmer the air is than `temperature_c`.
    """
    place = drift_k / _STEP_K
    step = math.floor(place)
    part = place - step
    if not part:
      return self._room_at(step)
    return (1 - part) * self._room_at(step) + part * self._room_at(step + 1)

  def body_part(self, echoes: np.ndarray) -> np.ndarray:
    """What a person adds to a recording, complex128 [pair, f].

    Args:
      echoes: complex [pair, ECHO_TAPS // 2 + 1], from `sphere_echoes` or
        `surface_echoes`.
    """
    kernels = signals(echoes, ECHO_TAPS)
    return spectra(kernels, self.samples) * self.played

  def recording(
    self, spectrum: np.ndarray, noise: float, rng: np.random.Generator
  ) -> np.ndarray:
    """Sounds with white noise.

    Args:
      spectrum: complex [pair, f], a sum of parts.
      noise: its standard deviation, full scale is 1.
      rng: draws it.

    Returns:
      float32 [pair, samples], what a file of 32-bit floats holds.

    Raises:
      InputError: negative or infinite noise.
    """
    if not 0 <= noise < math.inf:
      raise InputError("noise", f"is {noise}", "give 0 or more")
    sound = signals(spectrum, self.samples)
    sound += noise * rng.standard_normal(sound.shape, np.float32)
    return sound.astype(np.float32)
