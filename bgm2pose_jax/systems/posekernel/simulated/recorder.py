"""What the pairs of an environment record, empty and with people in it.

The recordings of one set of walls are a session: first `EMPTY_TAKES` of the
empty room, then the samples. Meanwhile the air's temperature drifts, so that
the empty room is never quite the one that was recorded.

Noise is white and as loud in all recordings of an environment. Its level is
set where the first person stands upright in the middle of where people stand:
there `kernel_snr_db` is the energy of the kernel (the person's part of the
recording after deconvolution, mean over pairs, all `KERNEL_TAPS`) over the
energy of the noise in the same taps after the same deconvolution. Over the
taps of the body alone the ratio is about 6 dB higher.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from bgm2pose_jax.audio.deconvolution import impulse_responses
from bgm2pose_jax.audio.sweep import Excitation
from bgm2pose_jax.simulate import kinematics, motion
from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.pulse_echo.body_echo import sphere_echoes
from bgm2pose_jax.simulate.pulse_echo.session import Session
from bgm2pose_jax.simulate.pulse_echo.surface_echo import surface_echoes
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS, SAMPLE_RATE_HZ
from bgm2pose_jax.systems.posekernel.simulated.environments import Environment

EXCITATION = Excitation()
EMPTY_TAKES = 10
_FORMS = {"spheres": sphere_echoes, "surface": surface_echoes}
# Samples per swing of the temperature, which begins anywhere in it.
_SWING_SAMPLES = 240
# While the empty room is recorded the air drifts by this part of the drift.
_EMPTY_DRIFT = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class Recorder:
  """The sessions of an environment.

  Attributes:
    environment: the room and its rig.
    scattering: `spheres` or `surface`.
    kernel_snr_db: level of the kernel over the noise, see above.
    drift_k: largest drift of the temperature from the empty room's.
    seed: seed of the plan.
  """

  environment: Environment
  scattering: str
  kernel_snr_db: float
  drift_k: float
  seed: int

  @functools.cached_property
  def sweep(self) -> np.ndarray:
    """What each pair plays, float64 [n]."""
    return EXCITATION.samples()

  def session(self, walls: str) -> Session:
    """What does not change between recordings with one set of walls."""
    return self._sessions[walls]

  @functools.cached_property
  def _sessions(self) -> dict[str, Session]:
    made = {}
    for state in ("as_built", "moved"):
      room, middle = self.environment.walls(state)
      made[state] = Session(
        room=room,
        pairs=self.environment.pairs.moved(middle),
        excitation=self.sweep,
        rate_hz=SAMPLE_RATE_HZ,
        temperature_c=self.environment.temperature_c,
        rng_seed=int(self._stream("loudspeaker").integers(2**31)),
      )
    return made

  def _stream(self, *words: str) -> np.random.Generator:
    return random_stream(self.seed, self.environment.name, *words)

  def echoes(
    self, positions_m: np.ndarray, body: BodyModel, walls: str
  ) -> np.ndarray:
    """What a person adds, complex [pair, f], see `sphere_echoes`.

    Args:
      positions_m: [joint=21, 3] relative to the middle of the square, y up.
      body: the person's spheres.
      walls: `as_built` or `moved`.
    """
    room, middle = self.environment.walls(walls)
    return _FORMS[self.scattering](
      positions_m + middle,
      body,
      self.environment.pairs.moved(middle),
      self.environment.temperature_c,
      SAMPLE_RATE_HZ,
      room=room,
    )

  @functools.cached_property
  def noise(self) -> float:
    """Standard deviation of the recordings' noise."""
    session = self.session("as_built")
    style = motion.subject_style("person01", self.seed)
    channels = motion.neutral_channels(style)[None]
    person = kinematics.joint_positions(channels, style.body)[0]
    person = person + np.array([0.0, 0.0, -0.5])
    echoes = self.echoes(person, BodyModel.fit(person[None]), "as_built")
    silent = np.random.default_rng(0)
    heard = session.recording(session.body_part(echoes), 0.0, silent)
    noise = silent.standard_normal((8, session.samples))
    energy = [(self.responses(one) ** 2).mean() for one in (heard, noise)]
    return math.sqrt(energy[0] / energy[1]) * 10 ** (-self.kernel_snr_db / 20)

  def responses(self, recordings: np.ndarray) -> np.ndarray:
    """Impulse responses [..., KERNEL_TAPS] of recordings [..., n]."""
    return impulse_responses(
      recordings,
      self.sweep,
      SAMPLE_RATE_HZ,
      band_hz=EXCITATION.band_hz,
      taps=KERNEL_TAPS,
    )

  def empty(self, walls: str) -> np.ndarray:
    """Recordings of the empty room, float32 [take, pair, n]."""
    if walls not in self._empty:
      session, takes = self.session(walls), []
      for take in range(EMPTY_TAKES):
        drift = 2 * take / (EMPTY_TAKES - 1) - 1
        spectrum = session.room_part(_EMPTY_DRIFT * self.drift_k * drift)
        rng = self._stream("empty", walls, str(take))
        takes.append(session.recording(spectrum, self.noise, rng))
      self._empty[walls] = np.stack(takes)
    return self._empty[walls]

  @functools.cached_property
  def _empty(self) -> dict[str, np.ndarray]:
    return {}

  def drift_at(self, index: int) -> float:
    """How much warmer the air is in a sample than its mean, kelvin."""
    phase = self._stream("drift").uniform()
    return self.drift_k * math.sin(
      2 * math.pi * (phase + index / _SWING_SAMPLES)
    )

  def occupied(
    self,
    index: int,
    positions_m: np.ndarray,
    body: BodyModel,
    walls: str,
  ) -> np.ndarray:
    """Recordings of one sample, float32 [pair, n].

    Args:
      index: number of the sample within the environment.
      positions_m: see `echoes`.
      body: see `echoes`.
      walls: see `echoes`.
    """
    session = self.session(walls)
    spectrum = session.body_part(self.echoes(positions_m, body, walls))
    spectrum += session.room_part(self.drift_at(index))
    rng = self._stream("noise", str(index))
    return session.recording(spectrum, self.noise, rng)
