"""The running mean and spread of the empty room against NumPy's."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.systems.posekernel.extraction.alignment import Aligned
from bgm2pose_jax.systems.posekernel.extraction.empty_room import (
  EmptyRoom,
  kernel_spectrum,
)
from bgm2pose_jax.systems.posekernel.extraction.plan import LEAD

TAPS, DIRECT = 50, 10


def test_mean_and_noise_are_numpys():
  rng = np.random.default_rng(0)
  responses = 1e3 + rng.normal(size=(3, 2, LEAD + TAPS))
  room = EmptyRoom(2, TAPS, DIRECT)
  for number, each in enumerate(responses):
    # The second pair is not usable in the last one.
    usable = np.array([True, number < 2])
    room.add(Aligned(each, usable, np.zeros(2)))
  assert room.count.tolist() == [3, 2]
  noise = room.noise_power()
  for pair, count in enumerate((3, 2)):
    kept = responses[:count, pair]
    np.testing.assert_allclose(room.mean[pair], kept.mean(axis=0))
    spectra = np.fft.rfft(kept[:, LEAD + DIRECT :], axis=-1)
    # A recording of its own and the mean of the others, independent.
    expected = np.var(spectra, axis=0, ddof=1) * (1 + 1 / count)
    np.testing.assert_allclose(noise[pair], expected, rtol=1e-9)
    np.testing.assert_allclose(
      kernel_spectrum(kept, LEAD + DIRECT), spectra, atol=1e-9
    )


def test_one_recording_has_no_spread():
  room = EmptyRoom(1, TAPS, DIRECT)
  assert np.isnan(room.noise_power()).all()
  room.add(Aligned(np.ones((1, LEAD + TAPS)), np.array([True]), np.zeros(1)))
  assert np.isnan(room.noise_power()).all()
