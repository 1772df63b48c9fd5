"""Reading recordings: the right samples, and every way they can be wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import raw_fixture
import soundfile

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.audio.wav_check import check_wav_complete
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout, recordings
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic

NAME = "subject_0_arnor"


@pytest.fixture
def root(tmp_path):
  return raw_fixture.make_raw_folder(tmp_path, subjects=("0",), seconds=2.4)


def paths(root: Path) -> tuple[Path, Path]:
  sound = root / "data" / "sound_cut"
  return sound / f"{NAME}_cut.wav", sound / "arnor_input.WAV"


def read_all(root: Path):
  """Reads the folder's one recording as the builder does."""
  index = raw_layout.scan_raw(root)
  recording = index.recordings[0]
  sound = index.root / raw_layout.SOUND
  with TrackMusic(recording.music, recording.track, sound) as music:
    windows = recordings.read_windows(recording, music.frames, music.path)
    blocks = list(recordings.sound_blocks(recording.wav, music, len(windows)))
  return windows, blocks


def test_blocks_hold_the_samples_of_both_files(root, monkeypatch):
  monkeypatch.setattr(recordings, "BLOCK_WINDOWS", 3)
  windows, blocks = read_all(root)
  assert [(b.first_window, b.windows) for b in blocks] == [(0, 3), (3, 1)]
  for path, name in zip(paths(root), ("audio", "music"), strict=True):
    wanted = soundfile.read(path, dtype="float32")[0].T
    got = np.concatenate([getattr(b, name) for b in blocks], axis=1)
    np.testing.assert_array_equal(got, wanted)
  assert len(windows) == 4


def test_labels_and_poses_of_the_windows(root):
  windows, _ = read_all(root)
  assert windows.labels == ["wave", "", "", "squat"]
  np.testing.assert_array_equal(windows.valid, [True, False, False, True])
  assert windows.has_pose.all()
  # Hips above the origin, Spine at distance one, the lowest joint at zero.
  np.testing.assert_allclose(windows.pose[:, :, 0, [0, 2]], 0.0, atol=1e-6)
  bone = np.linalg.norm(windows.pose[:, :, 1] - windows.pose[:, :, 0], axis=-1)
  np.testing.assert_allclose(bone, 1.0, rtol=1e-5)
  np.testing.assert_allclose(windows.pose[..., 1].min(-1), 0.0, atol=1e-6)


def test_poses_shorter_than_audio_decide(root):
  path = root / "data" / "poses_synchronized" / f"{NAME}_position.csv"
  lines = path.read_text().splitlines()
  path.write_text("\n".join(lines[: 1 + 3 * 72 + 10]) + "\n")
  windows, blocks = read_all(root)
  assert len(windows) == 3
  assert sum(b.windows for b in blocks) == 3


def test_without_mocap_there_is_no_pose(root):
  wav, _ = paths(root)
  wav.rename(wav.with_name(f"{NAME}_wo_mocap_cut.wav"))
  windows, _ = read_all(root)
  assert len(windows) == 4
  assert not windows.has_pose.any()
  assert windows.valid.all()
  assert not windows.pose.any()


def test_music_of_another_rate_is_resampled_to_the_microphone(root):
  _, path = paths(root)
  time_s = np.arange(round(2.4 * 44100)) / 44100
  tone = 0.3 * np.sin(2 * np.pi * 1000.0 * time_s)
  soundfile.write(path, np.stack([tone, -tone], 1), 44100)
  _, blocks = read_all(root)
  got = np.concatenate([b.music for b in blocks], axis=1)
  wanted = 0.3 * np.sin(2 * np.pi * 1000.0 * np.arange(got.shape[1]) / 48000)
  inside = slice(4800, -4800)
  np.testing.assert_allclose(got[0, inside], wanted[inside], atol=1e-4)
  np.testing.assert_allclose(got[1], -got[0], atol=1e-4)


def test_mp3_music_is_read(root):
  _, path = paths(root)
  samples, rate = soundfile.read(path)
  smooth = np.apply_along_axis(np.convolve, 0, samples, np.ones(20) / 20)
  path.unlink()
  soundfile.write(
    path.with_name("arnor_input.mp3"), smooth[: len(samples)], rate
  )
  _, blocks = read_all(root)
  got = blocks[0].music
  best = np.corrcoef(got[0], smooth[: got.shape[1], 0])[0, 1]
  assert best > 0.9


def rewrite(path: Path, change, rate=48000, subtype="FLOAT"):
  samples = soundfile.read(path)[0]
  soundfile.write(path, change(samples), rate, subtype)


def nan_at_two_seconds(samples):
  samples[96000, 1] = np.nan
  return samples


def silent_y(samples):
  samples[:, 2] = 0.0
  return samples


@pytest.mark.parametrize(
  ("change", "rate", "found"),
  [
    (lambda x: x[:, :2], 48000, "has 2 channels instead of 4"),
    (lambda x: x, 44100, "has 44100 Hz; resample it to 48000 Hz"),
    (lambda x: x[:20000], 48000, "lasts 0.42 s"),
    (
      nan_at_two_seconds,
      48000,
      "NaN or infinite samples, the first at 2.000 s",
    ),
    (silent_y, 48000, "channel Y is digital silence"),
    (lambda x: 0 * x, 48000, "channel W is digital silence"),
  ],
)
def test_unusable_recordings_are_named(root, change, rate, found):
  wav, _ = paths(root)
  rewrite(wav, change, rate)
  with pytest.raises(InputError, match=found) as error:
    read_all(root)
  assert wav.name in str(error.value)


@pytest.mark.parametrize(
  ("change", "found"),
  [
    (lambda x: x[:, [0, 1, 0]], "has 3 channels instead of 1 or 2"),
    (lambda x: 0 * x, "is digital silence"),
    (
      lambda x: x[:96000],
      r"lasts 2.00 s, shorter than the 2.40 s of subject_0",
    ),
    (nan_at_two_seconds, "NaN or infinite"),
  ],
)
def test_unusable_music_is_named(root, change, found):
  _, path = paths(root)
  rewrite(path, change)
  with pytest.raises(InputError, match=found) as error:
    read_all(root)
  assert path.name in str(error.value)


@pytest.mark.parametrize("keep", [6, 30, 0.5, 0.999])
def test_truncated_wav_is_noticed(root, keep):
  wav, _ = paths(root)
  data = wav.read_bytes()
  wav.write_bytes(data[: keep if keep > 1 else int(keep * len(data))])
  with pytest.raises(InputError) as error:
    read_all(root)
  assert wav.name in str(error.value)


def test_length_of_long_and_streamed_files(tmp_path):
  samples = np.zeros((1000, 4))
  long = tmp_path / "long.wav"
  soundfile.write(long, samples, 48000, "PCM_24", format="RF64")
  check_wav_complete(long)
  long.write_bytes(long.read_bytes()[:-100])
  with pytest.raises(InputError, match="100 of 12000 bytes"):
    check_wav_complete(long)
  streamed = tmp_path / "streamed.wav"
  soundfile.write(streamed, samples, 48000, "PCM_24")
  data = streamed.read_bytes()
  at = data.index(b"data") + 4
  streamed.write_bytes(
    data[:at] + struct.pack("<I", 0xFFFFFFFF) + data[at + 4 :]
  )
  check_wav_complete(streamed)


@pytest.mark.parametrize(
  ("folder", "found"),
  [
    ("poses_synchronized", "position file is missing"),
    ("annotations", "annotation file is missing"),
    ("sound_cut", "the music of track arnor is missing"),
  ],
)
def test_missing_files_are_named(root, folder, found):
  for path in (root / "data" / folder).iterdir():
    if "_cut" not in path.name:
      path.unlink()
  with pytest.raises(InputError, match=found):
    read_all(root)


def test_missing_column_is_named(root):
  path = root / "data" / "poses_synchronized" / f"{NAME}_position.csv"
  path.write_text(path.read_text().replace("Head_y", "Hat_q"))
  with pytest.raises(InputError, match="Head"):
    read_all(root)


def test_no_audio_at_all(root):
  wav, _ = paths(root)
  wav.write_bytes(b"this is a text" * 1000)
  with pytest.raises(InputError, match="cannot be read as audio"):
    audio_files.read_header(wav, 4, 48000)


def test_annotations_that_keep_nothing(root):
  notes = root / "data" / "annotations" / f"{NAME}.txt"
  notes.write_text("100 200 wave\n")
  with pytest.raises(InputError, match="keeps none of 4 windows"):
    read_all(root)
