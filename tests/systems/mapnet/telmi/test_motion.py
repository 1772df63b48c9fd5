"""Rates, axes, contact and sound against closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.telmi import (
  body_frame,
  joint_fit,
  played_part,
  rate_change,
)
from tests import telmi_fixture

NAN = np.nan


@pytest.mark.parametrize("rate_hz", [60.0, 120.0, 240.0])
def test_bowing_passes_and_shaking_does_not(rate_hz):
  time_s = np.arange(round(4 * rate_hz)) / rate_hz
  slow = np.sin(2 * np.pi * 6 * time_s)
  # Above 25 Hz: at 50 frames a second it would look like slow motion.
  fast = np.sin(2 * np.pi * 28 * time_s)
  track = np.stack([slow, slow + fast, fast], axis=1)
  got = rate_change.to_50_hz(track, rate_hz, "x")
  assert len(got) in (199, 200)
  wanted = np.sin(2 * np.pi * 6 * np.arange(len(got)) / 50)
  inner = slice(20, -20)
  np.testing.assert_allclose(got[inner, 0], wanted[inner], atol=3e-3)
  np.testing.assert_allclose(got[inner, 1], wanted[inner], atol=5e-3)
  np.testing.assert_allclose(got[inner, 2], 0, atol=3e-3)


def test_what_is_missing_stays_missing_and_nothing_else():
  track = np.ones((240, 3))
  track[101:149] = NAN
  got = rate_change.to_50_hz(track, 240.0, "x")
  at = np.arange(50) * 4.8
  # Between a frame that is there and one that is not there is nothing.
  gone = (at > 100) & (at < 149)
  np.testing.assert_array_equal(np.isnan(got[:, 0]), gone)
  np.testing.assert_allclose(got[~gone], 1.0, rtol=1e-6)


def test_short_tracks_are_filtered_too():
  for frames in range(1, 60):
    got = rate_change.to_50_hz(np.full((frames, 3), 7.0), 240.0, "x")
    np.testing.assert_allclose(got, 7.0, rtol=1e-6)


def test_50_frames_a_second_are_left_alone():
  track = np.random.default_rng(0).normal(size=(9, 3))
  assert rate_change.to_50_hz(track, 50.0, "x") is track


PLAN = {joint: (joint,) for joint in BODY13.joints}


def found_frame(pose, unit=None):
  tracks = {joint: pose[:, i] for i, joint in enumerate(BODY13.joints)}
  return body_frame.find(tracks, PLAN, "x", unit)


def test_every_way_that_axes_can_lie_is_undone():
  """All 48 turns and mirrorings by right angles, and any view from above."""
  pose = telmi_fixture.standing_violinist(1.0)
  for order in itertools.permutations(range(3)):
    for signs in itertools.product((1.0, -1.0), repeat=3):
      matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
      view = Rotation.from_rotvec([0, sum(signs) + order[0], 0]).as_matrix()
      frame = found_frame(1000 * pose @ view.T @ matrix.T)
      assert frame.unit == "mm"
      assert frame.is_mirrored == (np.linalg.det(matrix) < 0)
      whole = frame.matrix @ matrix @ view * 1000
      # What is left is a turn about the vertical.
      assert np.linalg.det(whole) == pytest.approx(1.0)
      np.testing.assert_allclose(whole[1], [0, 1, 0], atol=1e-9)
      np.testing.assert_allclose(whole.T @ whole, np.eye(3), atol=1e-9)


@pytest.mark.parametrize(
  ("height", "unit"),
  [(0.51, "m"), (2.9, "m"), (51, "cm"), (299, "cm"), (501, "mm"), (2999, "mm")],
)
def test_units_by_height(height, unit):
  pose = telmi_fixture.standing_violinist(0.1)
  now = found_frame(pose).height_m
  assert found_frame(pose * height / now).unit == unit


def test_the_pelvis_faces_forward_from_any_view():
  for angle in np.linspace(0, 6, 13):
    turn = Rotation.from_rotvec([0, angle, 0]).as_matrix()
    right, left = np.array([0.1, 1.0, 0.0]), np.array([-0.1, 0.9, 0.0])
    got = joint_fit.pelvis_normal(turn @ right, turn @ left)
    np.testing.assert_allclose(got, turn @ [0, 0, -1], atol=1e-12)


def test_distance_from_a_segment():
  start, end = np.zeros(3), np.array([2.0, 0, 0])
  points = np.array([[1.0, 3, 0], [-3, 4, 0], [5, 0, 4], [2, 0, 0]])
  got = played_part.segment_distance(start, end, points)
  np.testing.assert_allclose(got, [3, 5, 5, 0])
  # Frog and tip in one place.
  assert played_part.segment_distance(start, start, points[0]) == 10**0.5


def contact(heights_m):
  heights_m = np.asarray(heights_m, float)
  zero = np.zeros((len(heights_m), 3))
  half, bridge = np.array([0.3, 0, 0]), zero.copy()
  bridge[:, 1] = heights_m
  return played_part.by_contact(zero - half, zero + half, bridge)


def test_contact_is_30_mm_for_15_frames():
  far, near = 0.031, 0.029
  assert contact([far] * 5 + [near] * 15 + [far] * 5) == (5, 20)
  assert contact([far] * 5 + [near] * 14 + [far] * 5) is None
  both = [near] * 15 + [far] * 9 + [near] * 20 + [far] + [near] * 14
  assert contact(both) == (0, 44)
  assert contact([near] * 10 + [NAN] + [near] * 10) is None
  assert contact([NAN] * 30) is None


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_sound_is_5_percent_of_the_loudest_frame(rate_hz):
  step = rate_hz / 50
  level = np.full(400, 0.049)
  level[100:200] = [1.0, *[0.051] * 99]
  time = np.arange(round(400 * step))
  sound = level[np.minimum((time / step).astype(int), 399)]
  start, stop = played_part.by_sound(sound, rate_hz, 400)
  assert (start, stop) == (75, 225)
  assert played_part.by_sound(sound, rate_hz, 210) == (75, 210)
  assert played_part.by_sound(sound[round(95 * step) :], rate_hz, 300)[0] == 0


def test_frames_begin_on_the_nearest_samples():
  edges = played_part.frame_edges(22050, 3, 6)
  assert edges.tolist() == [1323, 1764, 2205, 2646]
  assert played_part.frame_edges(11025, 0, 2).tolist() == [0, 220, 441]
