"""The study's disturbances, and one case of it on recordings seconds long."""

from __future__ import annotations

import numpy as np
import pytest
import raw_fixture

from launch.studies import cases, figure, sound


def _sound():
  rng = np.random.default_rng(0)
  return (
    rng.standard_normal((4, 48_000)).astype(np.float32),
    rng.standard_normal((2, 48_000)).astype(np.float32),
  )


def test_disturbances_are_what_they_say():
  recording, music = _sound()
  noisy, same = sound.noise(20.0)(recording, music)
  assert same is music
  left = np.sqrt(np.mean((noisy - recording) ** 2))
  np.testing.assert_allclose(left, 0.1 * np.std(recording[0]), rtol=0.02)
  louder, _ = sound.gain(-6.0)(recording, music)
  np.testing.assert_allclose(louder, recording * 10 ** (-0.3), rtol=1e-6)
  windy, _ = sound.source(20.0, turn_s=1.0)(recording, music)
  wind = windy - recording
  np.testing.assert_allclose(
    wind.std(axis=1),
    np.array([0.1, 0.07, 0, 0.07]) * recording[0].std(),
    rtol=0.1,
  )
  # A plane wave, that comes from everywhere in turn.
  np.testing.assert_allclose(
    wind[1] ** 2 + wind[3] ** 2, wind[0] ** 2, atol=1e-5
  )
  assert np.mean(wind[0] * wind[1]) < 0.1 * np.mean(wind[0] ** 2)
  _, late = sound.late(0.001)(recording, music)
  np.testing.assert_array_equal(late[:, 48:], music[:, :-48])
  _, early = sound.late(-0.001)(recording, music)
  np.testing.assert_array_equal(early[:, :-48], music[:, 48:])
  _, moved = sound.drift(50.0)(recording, music)
  # After a second the clock is 2.4 samples off; in the middle half of that.
  assert np.corrcoef(moved[0, 100:900], music[0, 100:900])[0, 1] > 0.95
  end = slice(40_000, 47_000)
  assert abs(np.corrcoef(moved[0, end], music[0, end])[0, 1]) < 0.9


def _study(folder, **kwargs):
  tracks = ("arnor", "jazz")
  raw = raw_fixture.make_raw_folder(
    folder, tracks=tracks, seconds=6.0, **kwargs
  )
  return cases.Study(str(raw), ["arnor"], "jazz")


@pytest.mark.long
def test_another_room_is_tested_on_and_not_learnt_from(tmp_path):
  study = _study(tmp_path / "here")
  hall = _study(tmp_path / "hall", seed=1)
  (case,) = [
    case
    for case in cases.cases(("hall", "cellar"))
    if case.other_room == "hall" and case.static == "whole"
  ]
  row = study.line("logmel_intensity", case, {"hall": hall})
  assert row["case"] == "other room, hall"
  plain = cases.Case("plain", "as recorded")
  before = study.line("logmel_intensity", plain)
  assert row["unseen_mean_pose_rmse"] != before["unseen_mean_pose_rmse"]
  # The same recordings where they are found in the folder learnt from.
  for key in hall.of:
    if key[0] == study.tested:
      study.of[key] = hall.of[key]
  there = study.line("logmel_intensity", plain)
  assert there | {"case": row["case"]} == row


@pytest.mark.slow
def test_one_case_from_recordings_to_a_line(tmp_path):
  study = _study(tmp_path)
  case = cases.Case("plain", "as recorded")
  row = study.line("music_kernel", case)
  assert row["simulated"] is False
  assert row["features"] == "music_kernel"
  assert row["unseen_mean_pose_rmse"] > 0
  assert np.isfinite([row["seen_pct"], row["unseen_pct"]]).all()
  # Noise that nothing was learnt from: it may not help.
  assert row["unseen_pct"] < 20


def test_the_picture_shows_each_row_at_its_figures(tmp_path, monkeypatch):
  drawn = []
  point = figure._point

  def note(axes, row, field, at, colour, filled):
    before = len(axes.lines)
    point(axes, row, field, at, colour, filled)
    *_, mark = axes.lines[before:]
    drawn.append((row["case"], mark.get_xdata()[0], at, colour, filled))

  monkeypatch.setattr(figure, "_point", note)
  rows = [
    _row("as recorded", "logmel_intensity", "whole", 33.0, 6.0),
    _row("as recorded", "music_kernel", "whole", 43.0, 32.0),
    _row("as recorded, causal", "music_kernel", "causal", 32.0, 29.0),
    _row("clock 50 ppm", "music_kernel", "around:20", -19.0, -22.0),
  ]
  figure.plot(rows, str(tmp_path / "study.png"))
  assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")
  for row, seen, unseen in zip(rows, drawn[::2], drawn[1::2], strict=True):
    at_colour = seen[2:4]
    assert seen == (row["case"], row["seen_pct"], *at_colour, False)
    assert unseen == (row["case"], row["unseen_pct"], *at_colour, True)
  places = [each[2] for each in drawn[::2]]
  # The causal line stands with its case, the next case apart.
  assert np.allclose(np.diff(places), [1.0, 1.0, 1.6])
  assert len({each[3] for each in drawn}) == 4


def _row(case, features, static, seen, unseen):
  return {
    "simulated": True,
    "case": case,
    "features": features,
    "static": static,
    "seen_pct": seen,
    "unseen_pct": unseen,
    "seen_interval_pct": (seen - 5, seen + 5),
    "unseen_interval_pct": None,
  }
