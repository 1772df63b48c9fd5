from __future__ import annotations

import itertools

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import cleaning
from bgm2pose_jax.poses.body21 import BODY21

HAND = BODY21.index("LeftHand")


def still(figure, frames, height_m=0.9):
  return np.repeat(figure.standing_m()[None], frames, axis=0) + np.array(
    [0.0, height_m, 0.0]
  )


def t_pose(figure):
  """The figure with both arms out, built from the arm joints' heights."""
  out = figure.standing_m()
  for side, sign in (("Left", 1), ("Right", -1)):
    arm = out[BODY21.index(side + "Arm")]
    for part, reach in (("ForeArm", 0.3), ("Hand", 0.55)):
      out[BODY21.index(side + part)] = arm + np.array([sign * reach, 0, 0])
  return out


def test_stature_is_leg_over_491_thousandths_whatever_the_pose(figure):
  positions = still(figure, 9)
  assert cleaning.stature(positions) == pytest.approx(0.82 / 0.491)
  bent = positions.copy()
  # Knees forward at a right angle: ankles move, lengths do not.
  for side in ("Left", "Right"):
    knee = bent[:, BODY21.index(f"{side}Leg")]
    bent[:, BODY21.index(f"{side}Foot")] = knee + np.array([0, 0, 0.4])
  bent[0] = np.nan
  assert cleaning.stature(bent) == pytest.approx(0.82 / 0.491)


@pytest.mark.parametrize(
  ("unit_m", "name"),
  [
    (1.0, "metre"),
    (0.01, "centimetre"),
    (0.001, "millimetre"),
    (0.0254, "inch"),
    (0.0564444, "CMU unit"),
  ],
)
def test_unit_is_found_for_children_and_giants(figure, unit_m, name):
  for stature_m in (1.05, 1.67, 2.15):
    size = stature_m / figure.stature_m
    positions = still(figure, 3) * size / unit_m
    got_m, got_name = cleaning.unit_from_stature(positions, "f")
    assert got_m == pytest.approx(unit_m, rel=1e-6)
    assert got_name == name


def test_no_unit_fits_two_readings():
  units = sorted(cleaning.KNOWN_UNITS_M.values())
  low, high = cleaning.STATURE_RANGE_M
  assert min(b / a for a, b in itertools.pairwise(units)) > high / low


@pytest.mark.parametrize("scale", [0.0, 0.3, 4.0, 1e5])
def test_unknown_unit_asks_for_a_scale(figure, scale):
  with pytest.raises(InputError, match=r"f: a skeleton .* unit_scale_m"):
    cleaning.unit_from_stature(still(figure, 3) * scale, "f")


def test_other_up_axes_are_refused(figure):
  positions = still(figure, 5)
  cleaning.check_upright(positions, "f")
  with pytest.raises(InputError, match="stands along \\+z"):
    cleaning.check_upright(positions[..., [0, 2, 1]], "f")
  with pytest.raises(InputError, match="stands along -y"):
    cleaning.check_upright(-positions, "f")


def test_floor_is_the_fifth_percentile_of_the_lowest_joint(figure):
  positions = still(figure, 101)
  positions[:, :, 1] += np.linspace(0.0, 1.0, 101)[:, None]
  assert cleaning.floor_height(positions) == pytest.approx(0.05)


def test_t_pose_is_told_from_hanging_arms_bows_and_gaps(figure):
  frames = np.stack(
    [t_pose(figure), figure.standing_m(), t_pose(figure), t_pose(figure)]
  )
  frames[2] = frames[2][:, [0, 2, 1]]
  frames[3, HAND] = np.nan
  np.testing.assert_array_equal(
    cleaning.is_t_pose(frames), [True, False, False, False]
  )
  np.testing.assert_array_equal(
    cleaning.is_t_pose(frames * 100), cleaning.is_t_pose(frames)
  )


def test_first_t_pose_is_dropped_and_later_ones_are_kept(figure):
  positions = still(figure, 600)
  positions[:3] = t_pose(figure)
  positions[300:320] = t_pose(figure)
  # The arms come down in .2 s: no jump, only the pose tells.
  for i in range(3, 27):
    part = (i - 2) / 25
    positions[i] = (1 - part) * positions[2] + part * positions[30]
  got = cleaning.usable_ranges(positions, 120.0)
  assert got[0][0] >= 3 + 6
  assert got[0][0] < 25
  assert got[0][1] == 300 - 6
  assert got[-1] == (326, 600)


def test_jumps_cut_with_a_margin_and_short_rests_are_dropped(figure):
  positions = still(figure, 1000)
  positions[:, :, 2] += np.arange(1000)[:, None] * 0.01  # 1.2 m/s
  positions[400:, HAND, 0] += 14.5 / 120
  positions[480:, HAND, 0] += 13.5 / 120 - 0.06
  assert cleaning.usable_ranges(positions, 120.0) == [(0, 394), (406, 1000)]
  positions[480:, HAND, 0] += 0.5
  assert cleaning.usable_ranges(positions, 120.0) == [(0, 394), (486, 1000)]
  # The same frames at half the rate move half as fast.
  assert cleaning.usable_ranges(positions[:470], 60.0) == [(0, 470)]


def test_missing_frames_cut(figure):
  positions = still(figure, 500)
  positions[200:230, HAND] = np.nan
  assert cleaning.usable_ranges(positions, 120.0) == [(0, 200), (230, 500)]


def test_a_whole_short_take_is_kept_and_a_bad_one_is_not(figure):
  assert cleaning.usable_ranges(still(figure, 50), 120.0) == [(0, 50)]
  assert cleaning.usable_ranges(np.full((50, 21, 3), np.nan), 120.0) == []


def test_short_gaps_are_bridged_by_straight_lines(figure):
  line = np.arange(100.0)[:, None, None] * np.ones((1, 21, 3))
  gaps = line.copy()
  gaps[10:22, HAND] = np.nan  # 12 frames = .1 s
  gaps[40:53, HAND] = np.nan  # 13 frames
  gaps[60, HAND, 1] = np.nan
  gaps[:2] = np.nan
  gaps[-1] = np.nan
  got = cleaning.fill_gaps(gaps, 120.0)
  missing = ~np.isfinite(got).all(axis=(1, 2))
  np.testing.assert_array_equal(
    np.flatnonzero(missing), [0, 1, *range(40, 53), 99]
  )
  np.testing.assert_allclose(got[~missing], line[~missing])
  assert np.isnan(gaps[10, HAND]).all()


@pytest.mark.parametrize(
  ("rate_hz", "to_hz"), [(60, 120), (100, 120), (240, 120)]
)
def test_resampling_follows_a_smooth_motion(rate_hz, to_hz):
  def motion(at_s):
    phase = 2 * np.pi * 2.0 * at_s[:, None, None] + np.arange(63).reshape(21, 3)
    return np.sin(phase)

  frames = 2 * rate_hz + 1
  got = cleaning.resample(motion(np.arange(frames) / rate_hz), rate_hz, to_hz)
  assert got.shape == (2 * to_hz + 1, 21, 3)
  assert got.dtype == np.float32
  expected = motion(np.arange(len(got)) / to_hz)
  np.testing.assert_allclose(got, expected, atol=2e-3)
  np.testing.assert_allclose(got[10:-10], expected[10:-10], atol=1e-4)


def test_resampling_keeps_within_the_span_and_returns_equal_rates(figure):
  positions = still(figure, 10) + np.random.default_rng(0).normal(
    size=(10, 1, 1)
  )
  np.testing.assert_array_equal(
    cleaning.resample(positions, 120.0, 120.0), positions.astype(np.float32)
  )
  assert len(cleaning.resample(positions, 50.0, 120.0)) == 22
  assert len(cleaning.resample(positions[:1], 50.0, 120.0)) == 1
  lengths = {
    len(cleaning.resample(positions, r, 120.0)) for r in (119.99, 120.01)
  }
  assert lengths == {9, 10}


@pytest.mark.parametrize(
  ("positions", "rates"),
  [
    (np.zeros((5, 21, 3)), (0.0, 120.0)),
    (np.zeros((5, 21, 3)), (120.0, np.inf)),
    (np.full((5, 21, 3), np.nan), (60.0, 120.0)),
    (np.zeros((0, 21, 3)), (60.0, 120.0)),
  ],
)
def test_resampling_refuses_nonsense(positions, rates):
  with pytest.raises(InputError):
    cleaning.resample(positions, *rates)
