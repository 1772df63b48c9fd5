"""Kernels where nothing has to be aligned: one subtraction."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.audio.deconvolution import impulse_responses
from bgm2pose_jax.audio.sweep import Excitation


def kernels_of(
  occupied: np.ndarray,
  empty: np.ndarray,
  sweep: np.ndarray,
  rate_hz: int,
  taps: int,
) -> tuple[np.ndarray, None]:
  """Kernels float32 [sample, pair, tap] of recordings that begin together."""
  rooms = empty.mean(0, dtype=np.float64)
  found = impulse_responses(
    occupied - rooms,
    sweep,
    rate_hz,
    band_hz=Excitation().band_hz,
    taps=taps,
  )
  return found.astype(np.float32), None
