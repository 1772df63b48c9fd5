"""Curves of bow and fingers."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.simulate.violin import bowing, techniques

ALL = tuple(techniques.TECHNIQUES)


def test_schellengs_limits_by_hand():
  # Z 0.28, R 12, D 0.5; v 0.2 m/s at a tenth of the string.
  lowest, highest = bowing.schelleng_n(np.array(0.2), np.array(0.1))
  assert highest == pytest.approx(2 * 0.28 * 0.2 / (0.1 * 0.5))
  assert lowest == pytest.approx(0.28**2 * 0.2 / (2 * 12 * 0.01 * 0.5))


@pytest.mark.parametrize("technique", ALL)
def test_speed_is_the_slope_of_the_position(technique, played):
  b = played(technique).bowing
  slope = (b.hair_m[2:] - b.hair_m[:-2]) * bowing.CONTROL_HZ / 2
  # Off by what the curve bends within two steps.
  np.testing.assert_allclose(slope, b.speed_m_s[1:-1], atol=0.06)
  assert np.mean(np.abs(slope - b.speed_m_s[1:-1])) < 2e-3


@pytest.mark.parametrize("technique", ALL)
def test_strokes_begin_and_end_where_the_score_says(technique, played):
  take = played(technique)
  b, s = take.bowing, take.score
  t = np.arange(len(b.hair_m)) / bowing.CONTROL_HZ
  whole = s.end_s < t[-1]
  at = np.interp(s.end_s[whole], t, b.hair_m)
  np.testing.assert_allclose(at, s.to_m[whole], atol=1e-3)


@pytest.mark.parametrize("technique", ALL)
def test_a_lifted_bow_presses_nothing(technique, played):
  b = played(technique).bowing
  assert np.all(b.force_n[b.lift_m > 0] == 0)
  assert np.all(b.force_n >= 0)
  assert b.force_n.max() < 6
  assert np.all(b.lift_m >= 0)
  assert b.lift_m.max() < 0.06
  assert np.abs(b.speed_m_s).max() < 2.5


@pytest.mark.parametrize("technique", ["detache", "legato", "scales"])
def test_forces_of_a_clean_tone_lie_between_the_limits(technique, played):
  b = played(technique).bowing
  row = np.arange(len(b.hair_m))
  stop = b.semitones[row, b.string]
  share = b.contact_m / (0.325 * 2 ** (-stop / 12))
  speed = np.abs(b.speed_m_s)
  moving = (b.force_n > 0) & (speed > 0.6 * np.median(speed[b.force_n > 0]))
  low, high = bowing.schelleng_n(speed[moving], share[moving])
  force = b.force_n[moving]
  assert np.mean((force > low) & (force < high)) > 0.95


def test_weight_control_leaves_the_limits_at_times(played):
  take = played("bow_weight", seconds=60.0)
  assert take.score.press.min() < 0.2
  assert take.score.press.max() > 0.8


def test_frequency_follows_the_finger_and_the_vibrato(played):
  b = played("vibrato").bowing
  f = b.frequency_hz
  still = 442 * 2 ** ((np.array([-14, -7, 0, 7]) + b.semitones) / 12)
  cents = 1200 * np.log2(f / still)
  stopped = b.semitones > 0
  np.testing.assert_allclose(cents[~stopped], 0, atol=1e-9)
  assert 10 < np.abs(cents).max() < 45
  assert np.all(played("detache").bowing.vibrato_cents == 0)


def test_the_bow_is_on_the_string_of_the_note(played):
  take = played("arpeggios")
  b, s = take.bowing, take.score
  t = np.arange(len(b.hair_m)) / bowing.CONTROL_HZ
  note = np.searchsorted(s.note_start_s, t, "right") - 1
  ends = np.append(s.note_start_s[1:], np.inf)
  inner = (t > s.note_start_s[note] + 0.01) & (t < ends[note] - 0.01)
  inner &= b.force_n > 0
  assert np.mean(b.string[inner] == s.string[note][inner]) > 0.97


def test_a_detached_stroke_slows_only_near_its_ends(played):
  take = played("detache", seconds=60.0)
  b, s = take.bowing, take.score
  long = s.sounds & (s.end_s - s.start_s > 0.5) & (s.end_s < 60)
  assert long.sum() > 10
  for k in np.flatnonzero(long):
    speed = np.abs(b.speed_m_s[b.stroke == k])
    assert np.mean(speed > 0.5 * speed.max()) > 0.75
