"""Windows of a motion against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.windows import resample_windows, window_rows


def _motion(time: int, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return rng.normal(size=(time, 21, 3)).astype(np.float32)


def _resample(motion, rate_hz: float, method: str = "interp") -> np.ndarray:
  return resample_windows(motion, rate_hz, 0.6, 12, method)


def test_interp_takes_targets_at_71k_over_11():
  motion = _motion(300)
  got = _resample(motion, 120)
  assert got.shape == (4, 12, 21, 3)
  assert got.dtype == np.float32
  flat = motion.reshape(300, -1).astype(np.float64)
  for i in range(4):
    place = 72 * i + 71 * np.arange(12) / 11
    want = np.stack([np.interp(place, np.arange(300), c) for c in flat.T], -1)
    np.testing.assert_allclose(got[i].reshape(12, -1), want, atol=1e-6)


def test_mean6_averages_the_rows_of_each_audio_frame():
  motion = _motion(150)
  got = _resample(motion, 120, method="mean6")
  want = motion[:144].reshape(2, 12, 6, 21, 3).mean(axis=2, dtype=np.float64)
  np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [29.97, 50.0, 99.5, 120.0, 240.0])
@pytest.mark.parametrize("method", ["interp", "mean6"])
def test_a_straight_line_stays_straight_at_any_rate(rate_hz, method):
  time = int(rate_hz * 3.1)
  line = np.zeros((time, 21, 3))
  line[..., 0] = (np.arange(time) / rate_hz)[:, None]
  if method == "mean6" and rate_hz < 40:
    line = line[: int(rate_hz * 1.3)]
  got = _resample(line, rate_hz, method=method)
  assert len(got) == int(len(line) / (rate_hz * 0.6))
  centre = 0.025 + 0.05 * np.arange(12)
  want = 0.6 * np.arange(len(got))[:, None] + centre
  off = np.abs(got[:, :, 0, 0] - want).max()
  # At most 25 ms by definition, and a row of rounding at either edge.
  assert off <= 0.025 + 1 / rate_hz


def test_window_rows_round_each_edge():
  starts, ends = window_rows(1000, 99.0, 0.6)
  np.testing.assert_array_equal(starts, np.round(59.4 * np.arange(16)))
  np.testing.assert_array_equal(ends[:-1], starts[1:])
  assert window_rows(71, 120, 0.6)[0].size == 0
  assert window_rows(72, 120, 0.6)[0].size == 1


def test_resample_refuses_bad_input():
  with pytest.raises(InputError, match="unknown method"):
    _resample(_motion(100), 120, method="cubic")
  with pytest.raises(InputError, match="one motion"):
    _resample(_motion(100)[None], 120)
  with pytest.raises(InputError, match="poses per second"):
    _resample(_motion(100), 2)
  with pytest.raises(InputError, match="without a pose"):
    _resample(_motion(100), 15, method="mean6")
