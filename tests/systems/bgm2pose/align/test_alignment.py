from __future__ import annotations

import numpy as np
import pytest
import room_case

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import align, result


@pytest.mark.slow
@pytest.mark.parametrize(
  ("offset", "drift_ppm"), [(206_437, -73.0), (-436_800, 95.0)]
)
def test_offset_and_drift_are_found(offset, drift_ppm):
  music = room_case.piece()
  found = align(room_case.record(music, offset, drift_ppm), music)
  assert abs(found.offset_samples - offset - room_case.DELAY) < 0.5
  assert abs(found.drift_ppm - drift_ppm) < 0.1
  assert found.confidence > 0.9
  assert found.channels == "as expected"
  assert found.polarity == "normal"
  assert found.warnings == ()
  first, end = found.kept_windows()[0]
  assert first == max(0, int(np.ceil(found.offset_samples / 28800)))
  assert end == 40


@pytest.mark.slow
def test_swapped_channels_and_polarity_are_told_and_nothing_is_changed():
  music = room_case.piece()
  recording = -room_case.record(music[::-1], 48000, 20.0, 18.0)
  found = align(recording, music)
  assert found.channels == "swapped"
  assert found.polarity == "inverted"
  assert len(found.warnings) == 2
  assert abs(found.offset_samples - 48000 - room_case.DELAY) < 0.5
  # Turned by 180 degrees the microphone's left is the other side.
  assert align(recording, music, left="-Y").channels == "as expected"


def test_the_same_in_both_channels_is_mono():
  music = room_case.piece()[:1].repeat(2, axis=0)
  found = align(room_case.record(music, 0, 0.0, 16.0), music)
  assert found.channels == "mono music"
  assert [s.name for s in found.loudspeakers] == ["both"]


@pytest.mark.slow
def test_one_loop_is_not_taken_for_the_next():
  bar = room_case.piece("swing", 26.0)[:, 20 * 48000 : 25 * 48000]
  music = np.tile(bar, (1, 8))
  found = align(room_case.record(music, 6 * 48000, 15.0, 24.0), music)
  assert abs(found.offset_samples - 6 * 48000 - room_case.DELAY) < 1
  # All of the recording inside: no one can tell, and that is said.
  found = align(room_case.record(music, -10 * 48000, 15.0, 16.0), music)
  assert found.rival_s is not None
  assert abs(abs(found.rival_s) / 5 - round(abs(found.rival_s) / 5)) < 1e-3
  assert "repeats" in " ".join(found.warnings)


def test_silence_is_left_out():
  music = room_case.piece().copy()
  music[:, 10 * 48000 : 14 * 48000] = 0
  recording = room_case.record(music, 2 * 48000, -40.0)
  recording[:, 18 * 48000 : 20 * 48000] = 0
  found = align(recording, music)
  assert abs(found.offset_samples - 2 * 48000 - room_case.DELAY) < 0.5
  assert result.SILENT in found.block_state
  assert result.OUTSIDE in found.block_state
  windows = np.array(found.window_state)
  assert set(windows[21:26]) == {result.SILENT}
  assert set(windows[31:33]) == {result.SILENT}
  assert np.isfinite(found.offset_samples + found.drift_ppm)


def test_lost_samples_are_told():
  music = room_case.piece()
  recording = room_case.record(music, 0, 0.0, 24.0)
  recording = np.delete(recording, np.arange(576_000, 576_480), axis=1)
  found = align(recording, music)
  assert found.jump_s == pytest.approx(-0.01, abs=1e-4)
  assert abs(found.jump_at_s - 12) < 6
  assert "samples were lost" in " ".join(found.warnings)


def test_other_music_and_noise_are_refused():
  recording = room_case.record(room_case.piece(), 48000, 20.0, 16.0)
  with pytest.raises(InputError, match="not heard"):
    align(recording, room_case.piece("haze"))
  noise = np.random.default_rng(0).normal(size=(4, 16 * 48000))
  with pytest.raises(InputError, match="not heard"):
    align(noise.astype(np.float32), room_case.piece())


@pytest.mark.parametrize(
  ("recording", "music", "match"),
  [
    ((2, 960_000), (2, 960_000), "shape"),
    ((4, 960_000), (4, 960_000), "shape"),
    ((4, 48_000), (2, 960_000), "lasts 1.0 s"),
    ((4, 960_000), (2, 48_000), "lasts 1.0 s"),
  ],
)
def test_wrong_shapes_are_refused(recording, music, match):
  with pytest.raises(InputError, match=match):
    align(np.ones(recording, np.float32), np.ones(music, np.float32))


def test_an_unknown_axis_is_refused():
  with pytest.raises(InputError, match="left"):
    align(np.ones((4, 960_000)), np.ones((2, 960_000)), left="Y")
