"""How recordings become stored windows."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from bgm2pose_jax.errors import InputError

_MAX_SNR_DB = 200.0


@dataclasses.dataclass(frozen=True)
class Recipe:
  """What decides a window's content besides its recording.

  Attributes:
    feature_set: name in `bgm2pose_jax.features`.
    pose_resample: see `skeleton.resample_windows`.
    noise_snr_db: white noise added to recording and music of each window, see
      `window_noise.with_noise`; None adds none.
  """

  feature_set: str = "logmel_intensity"
  pose_resample: str = "interp"
  noise_snr_db: float | None = None

  def __post_init__(self):
    snr_db = self.noise_snr_db
    if snr_db is not None and not (
      math.isfinite(snr_db) and abs(snr_db) <= _MAX_SNR_DB
    ):
      raise InputError(
        "data.noise_snr_db",
        f"is {snr_db}",
        f"give decibels between -{_MAX_SNR_DB:g} and {_MAX_SNR_DB:g}, or null",
      )

  def identity(self) -> dict[str, Any]:
    """Returns JSON values that differ between recipes."""
    found = dataclasses.asdict(self)
    if self.noise_snr_db is None:
      # What was prepared before there was noise keeps its place.
      del found["noise_snr_db"]
    return found


DEFAULT = Recipe()
