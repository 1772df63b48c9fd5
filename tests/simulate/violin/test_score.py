"""Scores: whole, playable, and not to be guessed from the technique."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.violin import players, score, techniques

HAIR_M = (0.03, 0.52)


def write(technique: str, seed: int = 0, duration_s: float = 40.0):
  return score.write_score(
    technique, players.draw_player("P01", 0), HAIR_M, duration_s, seed
  )


def test_there_are_the_techniques_of_the_method_books():
  assert {
    "detache",
    "legato",
    "martele",
    "staccato",
    "spiccato",
    "sautille",
    "tremolo",
    "scales",
    "arpeggios",
    "vibrato",
    "bow_weight",
  } <= set(techniques.TECHNIQUES)


@pytest.mark.parametrize("technique", techniques.TECHNIQUES)
def test_strokes_follow_one_another_on_the_hair(technique):
  s = write(technique)
  assert s.start_s[0] == 0
  assert s.note_start_s[0] == 0
  assert s.end_s[-1] >= 40
  np.testing.assert_array_equal(s.start_s[1:], s.end_s[:-1])
  np.testing.assert_array_equal(s.from_m[1:], s.to_m[:-1])
  assert np.all(np.diff(s.note_start_s) > 0)
  places = np.concatenate([s.from_m, s.to_m])
  assert places.min() >= HAIR_M[0] - 1e-9
  assert places.max() <= HAIR_M[1] + 1e-9
  length = s.end_s - s.start_s
  assert np.all(length >= 0.09)
  mean_m_s = np.abs(s.to_m - s.from_m) / length
  assert mean_m_s[s.sounds].max() < 0.75 + 1e-9
  assert np.all(mean_m_s[~s.sounds] < 0.45 + 1e-9)
  assert np.all((s.semitones >= 0) & (s.semitones <= 24))
  assert set(s.string) <= {0, 1, 2, 3}


@pytest.mark.parametrize("technique", techniques.TECHNIQUES)
def test_a_stopped_note_lies_in_the_hand(technique):
  s = write(technique)
  stopped = s.semitones > 0.5
  if technique == "bow_weight":
    assert not stopped.any()
    return
  above = (s.semitones - s.hand)[stopped]
  # Half a tone back to a stretched fourth finger.
  assert above.min() > -1.3
  assert above.max() < 5.5


@pytest.mark.parametrize("technique", techniques.TECHNIQUES)
def test_takes_of_a_technique_differ_in_tempo_and_part_of_the_bow(technique):
  takes = [write(technique, seed, 20.0) for seed in range(12)]
  tempo = [np.median((s.end_s - s.start_s)[s.sounds]) for s in takes]
  assert np.ptp(tempo) > 0.15 * np.mean(tempo)
  for t in (5.0, 10.0, 15.0):
    now = [np.searchsorted(s.end_s, t) for s in takes]
    place = [s.from_m[k] for s, k in zip(takes, now, strict=True)]
    assert np.std(place) > 0.06
  # No two takes turn the bow at the same times.
  turns = {tuple(np.round(s.start_s[:6], 2)) for s in takes}
  assert len(turns) == 12


def test_bows_go_both_ways_and_rest():
  s = write("detache")
  way = np.sign(s.to_m - s.from_m)[s.sounds]
  assert 0.3 < np.mean(way > 0) < 0.7
  assert 5 <= np.sum(~s.sounds) <= 20
  assert np.any(s.lift_m[~s.sounds] > 0)
  assert np.any(s.lift_m[~s.sounds] == 0)


def test_staccato_keeps_its_way_for_several_strokes():
  s = write("staccato")
  way = np.sign(s.to_m - s.from_m)[s.sounds]
  runs = np.diff(np.flatnonzero(np.diff(way)))
  assert np.median(runs) >= 3


def test_arpeggios_cross_the_strings_and_scales_shift():
  assert set(write("arpeggios").string) == {0, 1, 2, 3}
  assert np.all(np.abs(np.diff(write("arpeggios").string)) <= 3)
  assert np.ptp(write("scales").hand) >= 5


def test_a_seed_is_a_score():
  for name in ("start_s", "to_m", "semitones"):
    one, same, other = (getattr(write("melody", k), name) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one[:20].tolist() != other[:20].tolist()


@pytest.mark.parametrize(
  ("technique", "duration_s", "words"),
  [
    ("col legno", 10.0, "technique: is 'col legno'; give one of detache"),
    ("detache", 0.5, "duration_s: is 0.5 s"),
    ("detache", float("nan"), "duration_s: is nan s"),
  ],
)
def test_what_cannot_be_written_is_refused(technique, duration_s, words):
  with pytest.raises(InputError, match=words):
    write(technique, 0, duration_s)
