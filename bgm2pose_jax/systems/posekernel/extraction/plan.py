"""What is known before recordings are read."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.audio.sweep import Excitation
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S

FORMS = ("subtract", "env_ratio")
# What is kept before tap 0 while recordings are aligned.
LEAD = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
  """How kernels are taken from recordings.

  Attributes:
    sweep: float64 [m], what was played.
    rate_hz: sample rate of sweep and recordings.
    taps: how many a kernel has.
    band_hz: lowest and highest frequency of the sweep.
    kernel: `subtract` or `env_ratio`, see `kernels`.
    eps: regularisation, see `audio.deconvolution`.
    spacing_m: from a loudspeaker to its own microphone, metres.
    mask_m: path length within which only the direct sound is expected.
    latency_samples: where the sound leaves in the recordings, where that is
      known; None finds it from the direct sound or the loopback.
  """

  sweep: np.ndarray
  rate_hz: int
  taps: int
  band_hz: tuple[float, float]
  kernel: str = "subtract"
  eps: float = 1e-3
  spacing_m: float = 0.0
  mask_m: float = 0.6
  latency_samples: float | None = None

  def __post_init__(self):
    if self.kernel not in FORMS:
      raise InputError(
        "kernel", f"is {self.kernel!r}", f"give one of {', '.join(FORMS)}"
      )
    if not 0 <= self.spacing_m < self.mask_m:
      raise InputError(
        "spacing_m",
        f"is {self.spacing_m} m",
        f"give 0 to {self.mask_m} m, where the direct sound is masked",
      )
    if self.latency_samples is not None and not (
      0 <= self.latency_samples < 1e9
    ):
      raise InputError(
        "latency", f"is {self.latency_samples} samples", "give 0 or more"
      )
    if not self.direct_taps < self.taps <= 1 << 20:
      raise InputError(
        "taps",
        f"{self.taps}",
        f"give more than {self.direct_taps}, the direct sound's, and at most"
        f" {1 << 20}",
      )

  @property
  def spacing_samples(self) -> float:
    """How long the direct sound travels, samples."""
    return self.spacing_m / SOUND_SPEED_M_S * self.rate_hz

  @property
  def direct_taps(self) -> int:
    """Taps that hold the direct sound, which readers of kernels mask."""
    return round(self.mask_m / SOUND_SPEED_M_S * self.rate_hz)

  def ms(self, samples: float) -> float:
    """Samples in milliseconds."""
    return 1e3 * samples / self.rate_hz


def band_of(rate_hz: int) -> tuple[float, float]:
  """The band of the usual sweep, as far as a sample rate allows it, Hz."""
  low_hz, high_hz = Excitation().band_hz
  return low_hz, min(high_hz, rate_hz / 2)
