"""The static room of sound that comes in step by step, of files and streams.

One implementation for both, so that a stream hears what a file holds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.still_room import band_fit

# A causal response is brought up to date after so many windows (2.4 s).
UPDATE_WINDOWS = 4
# Sound this old counts 1/e in a causal response. Long enough that a person
# who stands still for a while stays visible, short enough for drift.
FORGETTING_S = 60.0
# Causal and fixed responses are convolved in such steps (0.1 s): short enough
# for a stream, which waits for one.
STEP_SAMPLES = 4800
# Conjugate gradients start at the response of the last update. 40 of them
# would see one point more of the pose, and hold a stream up for half a second.
_UPDATE_ITERATIONS = 15
# Until so much was heard, the features say that nothing is known: a response
# fitted to less shows the music and not the person.
COLD_START_S = 10.0


def default_taps() -> int:
  """Samples of a response that is fitted."""
  from bgm2pose_jax.systems.bgm2pose.features import static_response

  return round(static_response.RESPONSE_S * SAMPLE_RATE_HZ)


class CausalRoom:
  """The static room as far as it was heard; for files and for streams.

  Sound goes in as it comes, its static room comes out at once; `update` is
  called after every `UPDATE_WINDOWS` of it.
  """

  def __init__(self):
    from bgm2pose_jax.systems.bgm2pose.features import lag_correlations

    taps = default_taps()
    self._sums = lag_correlations.zero_correlations(taps)
    # Zeros: nothing is known at first.
    self._response = np.zeros(self._sums.recording.shape, np.float32)
    self._still = _Still(self._response)
    self._density: np.ndarray | None = None
    self._heard_s = 0.0
    # Of the sound since the last update; the music with what came before.
    self._audio: list[np.ndarray] = []
    self._heard = [self._still.history]

  def still(self, audio: np.ndarray, music: np.ndarray) -> Any:
    """The static room beside sound, by what was heard until the last update.

    Args:
      audio: float32 [4, s], goes on where the last one ended; s is a multiple
        of `STEP_SAMPLES`.
      music: float32 [2, s].

    Returns:
      `features.static_response.StillRoom` with sound [4, s].
    """
    from bgm2pose_jax.systems.bgm2pose.features import static_response

    if self._density is None:
      density = static_response.power_density(self._sums, self._response)
      known = self._heard_s >= COLD_START_S
      self._density = np.asarray(density) * np.float32(known)
    self._audio.append(audio)
    self._heard.append(music)
    return static_response.StillRoom(self._still.sound(music), self._density)

  def update(self) -> None:
    """Takes in what was heard since the last update."""
    import jax

    from bgm2pose_jax.systems.bgm2pose.features import (
      lag_correlations,
      static_response,
    )

    audio = np.concatenate(self._audio, axis=-1)
    heard = np.concatenate(self._heard, axis=-1)
    seconds = audio.shape[-1] / SAMPLE_RATE_HZ
    self._heard_s += seconds
    keep = math.exp(-seconds / FORGETTING_S)
    ended = lag_correlations.add(self._sums, audio, heard, keep, ends=True)
    self._sums = lag_correlations.add(self._sums, audio, heard, keep)
    # Keeps one part in memory, not all that the device has not come to.
    jax.block_until_ready(self._sums)
    found = static_response.solve(
      ended, self._response, iterations=_UPDATE_ITERATIONS
    )
    self._response = jax.block_until_ready(found.taps)
    self._still.change(self._response)
    self._density, self._audio = None, []
    self._heard = [self._still.history]


class FixedRoom:
  """The static room by a response that is known beforehand, as a stream.

  Its shape is known, not how loud the same music is today: one gain, by what
  was heard (forgotten as in `CausalRoom`), turns it up or down. It is 1 until
  the first `update`.
  """

  def __init__(self, response: np.ndarray, density: np.ndarray):
    """Starts before the music's first sample.

    Args:
      response: [channel=4, speaker=2, tap].
      density: the power density, as `static_response.power_density` gives it.
    """
    self._still, self._usual = _Still(response), density
    self._gain, self._density = np.float32(1), density
    self._fit = band_fit.BandFit()
    self._since: list[tuple[np.ndarray, np.ndarray]] = []

  def still(self, audio: np.ndarray, music: np.ndarray) -> Any:
    """As `CausalRoom.still`."""
    from bgm2pose_jax.systems.bgm2pose.features import static_response

    sound = self._still.sound(music)
    self._since.append((audio, sound))
    return static_response.StillRoom(self._gain * sound, self._density)

  def update(self) -> None:
    """Takes in how loud it was since the last update."""
    audio, sound = (np.concatenate(x, axis=-1) for x in zip(*self._since))
    self._since = []
    seconds = audio.shape[-1] / SAMPLE_RATE_HZ
    self._fit.add(audio, sound, keep=math.exp(-seconds / FORGETTING_S))
    self._gain = np.float32(self._fit.gain(float(self._gain)))
    self._density = self._usual * self._gain**2


class _Still:
  """Convolves the music with a response, step by step of one length.

  So a stream computes what a file does, to the last bit: in bands where there
  is little music the features are the difference of nearly equal sounds.
  """

  def __init__(self, response: Any):
    """Starts before the music's first sample, with [4, 2, tap]."""
    self._taps = response.shape[-1]
    self.history = np.zeros((2, self._taps), np.float32)
    self.change(response)

  def change(self, response: Any) -> None:
    """Goes on with another response of the same length."""
    import jax.numpy as jnp

    self._spectrum = jnp.fft.rfft(response, self._taps + STEP_SAMPLES)

  def sound(self, music: np.ndarray) -> np.ndarray:
    """The static room's sound [4, s] beside music [2, s]."""
    from bgm2pose_jax.systems.bgm2pose.features import static_response

    found = []
    for low in range(0, music.shape[-1], STEP_SAMPLES):
      step = music[..., low : low + STEP_SAMPLES]
      whole = np.concatenate([self.history, step], axis=-1)
      self.history = whole[..., -self._taps :]
      found.append(
        static_response.filtered(whole, self._spectrum, taps=self._taps)
      )
    return np.concatenate(found, axis=-1)
