"""Finding the music in the newest sound, and keeping to it."""

from __future__ import annotations

import numpy as np
import pytest
import stream_case

from bgm2pose_jax.systems.bgm2pose.align import result
from bgm2pose_jax.systems.bgm2pose.stream import live_alignment
from bgm2pose_jax.systems.bgm2pose.stream.live_alignment import (
  Found,
  History,
  Keeper,
  Search,
)
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line, LiveMusic

_RATE_HZ = stream_case.RATE_HZ


def test_history_keeps_the_newest():
  history = History(seconds=0.1)
  sound = np.random.default_rng(0).normal(size=(4, 30000)).astype("f4")
  rng = np.random.default_rng(1)
  low = 0
  while low < 30000:
    part = sound[:, low : low + int(rng.integers(1, 9000))]
    low += part.shape[1]
    history.add(part)
    assert history.end == low
    held = history.held
    assert held == min(low, 4800)
    np.testing.assert_array_equal(
      history.last(held), sound[:, low - held : low]
    )
    np.testing.assert_array_equal(history.last(7), sound[:, low - 7 : low])


@pytest.mark.slow
def test_music_is_found_in_the_newest_sound_near_where_it_was():
  """The stream has run for long; only its end is looked at."""
  recording, music = stream_case.sound(45.0)
  # The music began 2,000 samples into the stream, 12 s before the sound.
  line = Line(2000.0, 0.0)
  first, end = 2000 + 12 * _RATE_HZ, 2000 + 30 * _RATE_HZ
  sound = recording[:, first - 2000 : end - 2000]
  found = live_alignment.find(sound, end, music, "+Y", Line(2050.0, 0.0))
  assert found.line is not None
  # The echo's strongest tap is not its first; its length is 2,000.
  apart = found.line.position(end) - line.position(end)
  assert abs(apart) < 2000
  assert abs(found.line.drift_ppm) < 2.0
  assert not found.is_lost
  wrong = np.random.default_rng(5).normal(size=(4, 16 * _RATE_HZ))
  found = live_alignment.find(
    0.1 * wrong.astype("f4"), end, music, "+Y", Line(2000.0, 0.0)
  )
  assert found.line is None
  assert found.is_lost


class _Answers(Search):
  """Says what a test wants to be found."""

  def __init__(self, *answers):
    super().__init__(np.zeros((2, 0)), "+Y")
    self.answers, self.asked = list(answers), []

  @property
  def is_running(self):
    return False

  def start(self, sound, end, near):
    self.asked.append((sound.shape[1], end, near))

  def take(self, *, wait):
    if len(self.asked) <= len(self.answers) and self.asked:
      answer, self.answers = self.answers[0], self.answers[1:]
      self.asked = self.asked[1:]
      return answer
    return None


def _found(offset, drift=0.0, **others):
  values = {"is_lost": False} | others
  return Found(Line(offset, drift), "here", 60 * _RATE_HZ, **values)


def _kept(*answers):
  told = []
  search = _Answers(*answers)
  keeper = Keeper(search, Line(100.0, 0.0), 0, told.append)
  history = History(seconds=60)
  lines = []
  for _ in answers:
    history.add(np.zeros((4, 30 * _RATE_HZ), np.float32))
    keeper.look(history)
    lines.append(keeper.keep(wait=True))
  return lines, told


def test_small_changes_are_followed_and_not_told():
  lines, told = _kept(_found(101.0, 0.5), _found(102.5, 0.6))
  assert lines == [Line(101.0, 0.5), Line(102.5, 0.6)]
  assert told == []


def test_a_jump_is_told_and_not_followed():
  lines, told = _kept(_found(100.0 + 480), _found(101.0, jump_s=0.02))
  assert lines == [Line(100.0, 0.0)] * 2
  assert len(told) == 2
  assert "jumped by +10.0 ms" in told[0]
  assert "jumped by +20.0 ms" in told[1]


def test_lost_music_is_told_once_and_when_it_is_back():
  lost = Found(None, "noise", 60 * _RATE_HZ, True)
  lines, told = _kept(lost, lost, _found(99.0, is_lost=True), _found(99.0))
  assert lines == [Line(100.0, 0.0)] * 3 + [Line(99.0, 0.0)]
  assert len(told) == 2
  assert "not been heard for 30 s" in told[0]
  assert "heard again" in told[1]


def test_it_looks_every_thirty_seconds():
  search = _Answers()
  keeper = Keeper(search, Line(0, 0), 20 * _RATE_HZ, print)
  history = History()
  for _ in range(100):
    history.add(np.zeros((4, _RATE_HZ), np.float32))
    keeper.look(history)
  assert [end // _RATE_HZ for _, end, _ in search.asked] == [50, 80]
  assert [size // _RATE_HZ for size, _, _ in search.asked] == [50, 60]


def test_music_that_is_silent_is_not_lost(monkeypatch):
  """Blocks without music say nothing of whether it could be heard."""

  class Answer:
    offset_samples, drift_ppm, jump_s, warnings = 0.0, 0.0, None, ()
    offset_se_samples = drift_se_ppm = confidence = 0.0
    block_middle_s = np.array([5.0, 35.0, 45.0])
    sound_field, channels = None, "as expected"
    block_state = (result.USED, result.SILENT, result.SILENT)

  monkeypatch.setattr(live_alignment, "align", lambda *a, **k: Answer)
  sound, music = np.zeros((4, 50 * _RATE_HZ)), np.zeros((2, 60 * _RATE_HZ))
  assert not live_alignment.find(sound, 10**7, music, "+Y").is_lost
  Answer.block_state = (result.USED, result.SILENT, result.FOREIGN)
  assert live_alignment.find(sound, 10**7, music, "+Y").is_lost


def test_the_music_follows_its_line():
  music = np.random.default_rng(0).normal(size=(2, 48000)).astype("f4")
  live = LiveMusic(music, Line(1000.0, 0.0))
  np.testing.assert_array_equal(live.read(2000, 2400), music[:, 1000:3400])
  live.line = Line(1010.0, 0.0)
  np.testing.assert_array_equal(live.read(4400, 2400), music[:, 3390:5790])
  assert live.end == 49010
  # It moved back at the very end: what is missing is silent.
  live.line = Line(990.0, 0.0)
  last = live.read(49000 - 2400, 2400)
  np.testing.assert_array_equal(last[:, :-10], music[:, -2390:])
  assert not last[:, -10:].any()
