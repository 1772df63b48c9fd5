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
  for stature_m in (1.05, 1.15, 1.67, 2.15):
    size = stature_m / figure.stature_m
    positions = still(figure, 3) * size / unit_m
    got_m, got_name = cleaning.unit_from_stature(positions, "f", usual=name)
    assert got_m == pytest.approx(unit_m, rel=1e-6)
    assert got_name == name


@pytest.mark.parametrize(
  ("unit_m", "statures_m"),
  [
    (1.0, (1.0, 2.19)),
    (0.01, (1.0, 1.15, 2.19)),
    (0.001, (1.0, 2.19)),
    (0.0254, (1.0, 2.19)),
    (0.0254 / 0.45, (1.25, 1.45, 2.19)),
  ],
)
def test_where_one_unit_fits_nobody_is_asked(figure, unit_m, statures_m):
  for stature_m in statures_m:
    positions = still(figure, 3) * (stature_m / figure.stature_m / unit_m)
    got_m, _ = cleaning.unit_from_stature(positions, "f")
    assert got_m == pytest.approx(unit_m)


@pytest.mark.parametrize("stature_dm", [17.8, 18.2, 20.0, 21.9])
def test_a_tall_adult_in_decimetres_is_no_child_in_cmu_units(
  figure, stature_dm
):
  positions = still(figure, 3) * (stature_dm / figure.stature_m)
  with pytest.raises(InputError) as caught:
    cleaning.unit_from_stature(positions, "f")
  message = str(caught.value)
  assert f"{stature_dm / 10:.2f} m tall in decimetre units" in message
  assert f"{stature_dm * 0.0254 / 0.45:.2f} m tall in CMU units" in message
  assert "give unit_scale_m for the file in clips.csv" in message


def test_no_unit_fits_two_readings():
  low, high = cleaning.STATURE_RANGE_M
  for table in (cleaning.KNOWN_UNITS_M, cleaning.RARE_UNITS_M):
    units = sorted(table.values())
    assert min(b / a for a, b in itertools.pairwise(units)) > high / low


def test_bones_without_length_are_named(figure):
  positions = still(figure, 3)
  positions[1] = np.nan
  for side in ("Left", "Right"):
    hip = positions[:, BODY21.index(f"{side}UpLeg")]
    for part in ("Leg", "Foot"):
      positions[:, BODY21.index(side + part)] = hip
  with pytest.raises(InputError) as caught:
    cleaning.unit_from_stature(positions, "f")
  message = str(caught.value)
  assert "bones of length zero: LeftUpLeg-LeftLeg, LeftLeg-LeftFoot" in message
  assert "RightLeg-RightFoot" in message
  assert "unit" not in message
  with pytest.raises(InputError, match=r"LeftArm-LeftForeArm"):
    cleaning.unit_from_stature(0 * positions, "f")


@pytest.mark.parametrize("up_axis", cleaning.UP_AXES)
def test_a_capture_is_turned_and_not_mirrored(up_axis):
  sign = -1.0 if up_axis.startswith("-") else 1.0
  up = np.eye(3)["xyz".index(up_axis[-1])] * sign
  np.testing.assert_array_equal(cleaning.turned(up, up_axis), [0, 1, 0])
  turn = cleaning.turned(np.eye(3), up_axis)
  assert np.linalg.det(turn) == pytest.approx(1.0)


def test_uneven_times_become_even_ones_with_gaps():
  time_s = np.array([0.0, 0.1, 0.15, 0.2, 0.5, 0.6]) + 3.0
  positions = (time_s - 3.0)[:, None, None] * np.array([[1.0, 2.0, 0.0]])
  positions = np.repeat(positions, 2, axis=1)
  positions[1, 1] = np.nan
  got = cleaning.evenly_timed(positions, time_s, 20.0)
  assert got.shape == (13, 2, 3)
  even = np.arange(13) / 20.0
  lost = (even > 0.2 + 1e-9) & (even < 0.5 - 1e-9)
  np.testing.assert_allclose(got[~lost, 0, 1], 2 * even[~lost], atol=1e-9)
  assert np.isnan(got[lost]).all()
  np.testing.assert_array_equal(
    np.isnan(got[:, 1, 0]), lost | ((even > 0) & (even < 0.15 - 1e-9))
  )
  with pytest.raises(InputError, match="frames long"):
    cleaning.evenly_timed(positions, time_s * 1e9, 20.0)


@pytest.mark.parametrize(
  ("stature", "said"), [(15.0, "1.50 m tall in dec"), (5.7, "1.74 m tall in f")]
)
def test_a_rare_unit_is_named_and_not_taken(figure, stature, said):
  positions = still(figure, 3) * (stature / figure.stature_m)
  with pytest.raises(
    InputError, match=f"no usual unit \\({said}.*unit_scale_m"
  ):
    cleaning.unit_from_stature(positions, "f")


@pytest.mark.parametrize("scale", [0.3, 4.0, 1e5])
def test_unknown_unit_asks_for_a_scale(figure, scale):
  with pytest.raises(InputError, match=r"f: a skeleton .* unit_scale_m"):
    cleaning.unit_from_stature(still(figure, 3) * scale, "f")


def test_other_up_axes_are_refused(figure):
  positions = still(figure, 5)
  cleaning.check_upright(positions, "f")
  with pytest.raises(InputError, match=r"along \+z; give up_axis z for"):
    cleaning.check_upright(positions[..., [0, 2, 1]], "f")
  with pytest.raises(InputError, match=r"along -y; give up_axis -y for"):
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
