from __future__ import annotations

import numpy as np
import pytest
import raw_fixture
import soundfile
from doctor_case import heard
from raw_fixture import RATE_HZ

from bgm2pose_jax.systems.bgm2pose.doctor import examine

_SECONDS = 17.4


@pytest.mark.slow
def test_late_recordings_and_other_music_are_errors(tmp_path):
  raw_fixture.make_raw_folder(
    tmp_path,
    tracks=("arnor", "cirrus", "mantron"),
    subjects=("0",),
    seconds=_SECONDS,
  )
  folder = tmp_path / "data" / "sound_cut"
  music = {
    track: soundfile.read(folder / f"{track}_input.WAV")[0]
    for track in ("arnor", "cirrus", "mantron")
  }
  recorded = {
    "arnor": music["arnor"],
    "cirrus": music["arnor"],
    # Half a second late.
    "mantron": np.roll(music["mantron"], 24000, axis=0),
  }
  for track, played in recorded.items():
    path = folder / f"subject_0_{track}_cut.wav"
    soundfile.write(path, heard(played, 0), RATE_HZ, "PCM_24")
  found = examine(tmp_path, progress=False)
  facts = found.parts[0].facts
  right = facts["subject_0_arnor"].clock
  assert right.offset_s == pytest.approx(5e-3, abs=1e-4)
  assert right.drift_ppm == pytest.approx(0, abs=0.1)
  assert facts["subject_0_cirrus"].clock is None
  assert [f.kept is None for f in facts.values()] == [False, True, True]
  errors = [f for f in found.findings if f.kind == "alignment"]
  late, other = sorted(errors, key=lambda f: f.where, reverse=True)
  assert late.severity == other.severity == "error"
  assert "subject_0_mantron_cut.wav" in late.where
  assert "begins +505.0 ms" in late.what
  assert "trim 0.500" in late.fix
  assert "take the first 60 rows off" in late.fix
  assert "not hold the music of track cirrus, but that of arnor" in other.what
  assert "subject_0_arnor_cut.wav" in other.fix


def test_short_recordings_are_not_aligned_and_it_is_said(good_raw):
  found = examine(good_raw, progress=False)
  (note,) = [f for f in found.findings if f.kind == "alignment"]
  assert note.severity == "note"
  assert "4.8 s are too short" in note.what
