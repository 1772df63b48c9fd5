"""Interpolation and moving average against closed forms and NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet import smoothing


def _noise(frames: int, count: int = 100) -> np.ndarray:
  rng = np.random.default_rng(0)
  return rng.normal(0, 0.3, (count, frames, 13, 3)).astype(np.float32)


@pytest.mark.parametrize("given", [150, 75, 50])
def test_lines_are_numpys(given):
  pose = _noise(given, 2)
  got = smoothing.interpolated(pose)
  assert got.shape == (2, 150, 13, 3)
  assert got.dtype == np.float32
  times = np.arange(150)
  for i, joint, axis in np.ndindex(2, 13, 3):
    want = np.interp(times, times[:: 150 // given], pose[i, :, joint, axis])
    np.testing.assert_allclose(got[i, :, joint, axis], want, atol=1e-6)


def test_full_rate_is_left_as_it_is():
  pose = _noise(150, 1)
  np.testing.assert_array_equal(smoothing.interpolated(pose), pose)


def test_half_rate_takes_midpoints_and_holds_the_last():
  pose = _noise(75, 1)
  got = smoothing.interpolated(pose)
  np.testing.assert_array_equal(got[:, ::2], pose)
  middle = (pose[:, 1:] + pose[:, :-1]) / 2
  np.testing.assert_allclose(got[:, 1:-1:2], middle, atol=1e-7)
  np.testing.assert_array_equal(got[:, -1], pose[:, -1])


def test_average_is_that_of_what_is_there():
  pose = _noise(50, 2).astype(np.float64)
  got = smoothing.moving_average(pose)
  for frame in range(50):
    want = pose[:, max(frame - 1, 0) : frame + 2].mean(axis=1)
    np.testing.assert_allclose(got[:, frame], want, atol=1e-6)


@pytest.mark.parametrize("given", [150, 75, 50])
def test_steady_motion_stays_but_at_the_ends(given):
  step = 150 // given
  line = np.arange(150.0)[None, :, None, None] * np.ones((1, 1, 13, 3))
  got = smoothing.smoothed(line[:, ::step])
  inner = slice(step, 150 - 2 * step + 1)
  np.testing.assert_allclose(got[:, inner], line[:, inner], atol=2e-5)
  np.testing.assert_allclose(got[:, 0], step / 2)


# Sums of squares of the weights that noise gets, between two frames.
@pytest.mark.parametrize(
  ("given", "variances"),
  [(150, (1 / 3,)), (75, (1 / 3, 10 / 36)), (50, (1 / 3, 23 / 81, 23 / 81))],
)
def test_white_noise_shrinks_as_the_weights_say(given, variances):
  got = smoothing.smoothed(_noise(given))
  error = np.linalg.norm(got, axis=-1).mean(axis=(0, 2))
  step = 150 // given
  for place, variance in enumerate(variances):
    inner = error[step * 2 + place : -step * 2 : step]
    want = 0.3 * np.sqrt(8 / np.pi * variance)
    assert inner.mean() == pytest.approx(want, rel=0.01)
  assert error[0] == pytest.approx(0.3 * np.sqrt(4 / np.pi), rel=0.05)


def test_frames_that_do_not_divide_a_window_are_refused():
  for given in (0, 51, 151):
    with pytest.raises(InputError, match="divides 150"):
      smoothing.interpolated(np.zeros((1, given, 13, 3)))
