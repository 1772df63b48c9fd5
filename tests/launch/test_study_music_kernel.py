"""The study's disturbances, and one case of it on recordings seconds long."""

from __future__ import annotations

import numpy as np
import pytest
import raw_fixture
import study_cases
import study_sound


def _sound():
  rng = np.random.default_rng(0)
  return (
    rng.standard_normal((4, 48_000)).astype(np.float32),
    rng.standard_normal((2, 48_000)).astype(np.float32),
  )


def test_disturbances_are_what_they_say():
  recording, music = _sound()
  noisy, same = study_sound.noise(20.0)(recording, music)
  assert same is music
  left = np.sqrt(np.mean((noisy - recording) ** 2))
  np.testing.assert_allclose(left, 0.1 * np.std(recording[0]), rtol=0.02)
  louder, _ = study_sound.gain(-6.0)(recording, music)
  np.testing.assert_allclose(louder, recording * 10 ** (-0.3), rtol=1e-6)
  windy, _ = study_sound.source(20.0, turn_s=1.0)(recording, music)
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
  _, late = study_sound.late(0.001)(recording, music)
  np.testing.assert_array_equal(late[:, 48:], music[:, :-48])
  _, early = study_sound.late(-0.001)(recording, music)
  np.testing.assert_array_equal(early[:, :-48], music[:, 48:])
  _, moved = study_sound.drift(50.0)(recording, music)
  # After a second the clock is 2.4 samples off; in the middle half of that.
  assert np.corrcoef(moved[0, 100:900], music[0, 100:900])[0, 1] > 0.95
  end = slice(40_000, 47_000)
  assert abs(np.corrcoef(moved[0, end], music[0, end])[0, 1]) < 0.9


@pytest.mark.slow
def test_one_case_from_recordings_to_a_line(tmp_path):
  raw = raw_fixture.make_raw_folder(
    tmp_path, tracks=("arnor", "jazz"), seconds=6.0
  )
  study = study_cases.Study(str(raw), ["arnor"], "jazz")
  case = study_cases.Case("plain", "as recorded")
  row = study.line("music_kernel", case, None)
  assert row["features"] == "music_kernel"
  assert row["unseen_mean_pose_rmse"] > 0
  assert np.isfinite([row["seen_pct"], row["unseen_pct"]]).all()
  # Noise that nothing was learnt from: it may not help.
  assert row["unseen_pct"] < 20
