"""Strings and bow against geometry written here."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.simulate.violin import instrument


def lay(bow_rad: np.ndarray, hair_m=0.3, distance_m=0.03, lift_m=0.0):
  full = np.ones_like(bow_rad)
  return instrument.bow_line(
    hair_m * full, bow_rad, distance_m * full, lift_m * full
  )


def from_line(points: np.ndarray, bow: instrument.BowLine) -> np.ndarray:
  """Height of points [t, 3] over the hair, towards the stick."""
  return np.sum((points - bow.frog_m) * bow.above, axis=-1)


def test_open_strings_are_fifths_around_a():
  np.testing.assert_allclose(
    instrument.OPEN_HZ, [442 / 2.2449, 294.996, 442, 662.25], rtol=3e-3
  )
  assert instrument.OPEN_HZ[2] == 442


def test_an_octave_halves_the_string():
  assert instrument.stopped_m(np.array(12.0)) == instrument.STRING_M / 2


def test_strings_have_their_length():
  ends = [
    instrument.string_points(np.array([d])).mean(1)
    for d in (0.0, instrument.STRING_M)
  ]
  length = np.linalg.norm(ends[1] - ends[0])
  assert length == pytest.approx(instrument.STRING_M, abs=1e-4)


def test_the_bow_touches_one_string_and_clears_the_others():
  for s, angle in enumerate(instrument.STRING_RAD):
    bow = lay(np.array([angle]))
    strings = instrument.string_points(np.array([0.03]))[0]
    heights = [from_line(p[None], bow)[0] for p in strings]
    assert instrument.touched_string(np.array([angle]))[0] == s
    assert heights[s] == pytest.approx(0.0, abs=1e-12)
    others = np.delete(heights, s)
    assert np.all(others < -5e-4)  # below the hair


def test_between_two_strings_it_touches_both():
  for pair, angle in enumerate(instrument.DOUBLE_STOP_RAD):
    bow = lay(np.array([angle]))
    strings = instrument.string_points(np.array([0.03]))[0]
    for s in (pair, pair + 1):
      assert abs(from_line(strings[s][None], bow)[0]) < 1e-9


def test_the_hand_does_not_jump_at_a_change_of_string():
  angles = np.linspace(0.5, -0.5, 2001)
  bow = lay(angles)
  step = np.linalg.norm(np.diff(bow.hold_m, axis=0), axis=-1)
  # 0.5 mrad at a third of a metre, and no more where the string changes.
  assert step.max() < 0.5e-3 * 0.4


def test_hair_and_lift_are_what_was_asked_for():
  bow = lay(np.array([0.1]), hair_m=0.2, lift_m=0.02)
  assert np.linalg.norm(bow.frog_m - bow.tip_m) == pytest.approx(0.65)
  assert from_line(bow.contact_m, bow)[0] == pytest.approx(-0.02)
  # The middle of the strings is 0.2 m from the frog along the hair.
  middle = instrument.string_points(np.array([0.03])).mean(1)
  along = np.sum((bow.frog_m - middle) * bow.along, axis=-1)
  assert along[0] == pytest.approx(0.2)
