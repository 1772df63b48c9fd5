"""From a raw folder to a table: whole, once, and refused when damaged."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import types

import librosa
import numpy as np
import pytest
import raw_fixture
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import build, load, manifest
from bgm2pose_jax.data import prepared as prepared_lib
from bgm2pose_jax.poses.body21 import normalize_pose
from bgm2pose_jax.systems.bgm2pose import features, prepare
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout
from bgm2pose_jax.systems.bgm2pose.config import SimulateConfig
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


def one_track(tmp_path, **kwargs):
  raw = raw_fixture.make_raw_folder(
    tmp_path / "raw", subjects=("0",), seconds=1.8
  )

  def make():
    source = prepare.open_source("ampl/raw", str(raw), **kwargs)
    return prepared_lib.prepare(
      source, data_dir=tmp_path / "cache", progress=False
    )

  return raw, make


def test_every_window_is_there_in_sequence(corpus):
  table = corpus.table
  assert table.tracks == ("arnor", "jazz")
  assert table.genres == ("ambient", "jazz")
  assert table.subjects == ("0", "6", "7")
  assert table.recordings[:3] == tuple(
    f"subject_{s}_arnor" for s in table.subjects
  )
  np.testing.assert_array_equal(table.window_index, np.tile(np.arange(8), 6))
  np.testing.assert_array_equal(table.recording, np.repeat(np.arange(6), 8))
  np.testing.assert_array_equal(table.subject, np.tile([0, 1, 2], 2).repeat(8))
  labels = [table.labels[i] for i in table.label[:8]]
  assert labels == ["wave"] * 3 + ["", ""] + ["squat"] * 3
  np.testing.assert_array_equal(table.valid[:8], [bool(x) for x in labels])
  assert table.has_pose.all()
  assert not table.simulated
  assert table.fingerprint == corpus.prepared.fingerprint
  assert table.spec == features.get_feature_set("logmel_intensity").spec


def test_stored_arrays_are_those_of_the_files(corpus):
  index = raw_layout.scan_raw(corpus.raw)
  recording = index.of_track("jazz", "6")[0]
  assert recording.music is not None
  assert recording.poses is not None
  row = corpus.table.recordings.index(recording.name) * 8
  # librosa in float64 is the oracle, on window 5 of the files themselves.
  part = slice(5 * 28800, 6 * 28800)
  recorded = soundfile.read(recording.wav)[0][part]
  played = soundfile.read(recording.music)[0][part]
  mel = librosa.filters.mel(sr=48000, n_fft=2400, n_mels=128, dtype=np.float64)
  sounds = np.concatenate([recorded, played], axis=1).T
  for channel, sound in enumerate(sounds):
    stft = librosa.stft(
      sound, n_fft=2400, hop_length=2400, center=False, dtype=np.complex128
    )
    wanted = 10 * np.log10(np.maximum(mel @ np.abs(stft) ** 2, 1e-10)).T
    got = corpus.table.features[row + 5, :, :, channel]
    np.testing.assert_allclose(got, wanted, atol=2e-3)
  positions = np.loadtxt(recording.poses, delimiter=",", skiprows=1)
  positions = positions.reshape(-1, 21, 3)
  # Window 3 covers rows 216 .. 287; its last target is row 287 itself.
  wanted = normalize_pose(positions[[216, 287]])
  got = corpus.table.pose[row + 3][[0, 11]]
  np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_tracks_are_loaded_in_the_order_asked_for(corpus):
  table = load.load(corpus.prepared, ["jazz"], MusicWindows)
  assert table.tracks == ("jazz",)
  np.testing.assert_array_equal(table.pose, corpus.table.pose[24:])
  with pytest.raises(InputError, match="track polka: was not prepared"):
    load.load(corpus.prepared, ["polka"], MusicWindows)


def test_made_once_and_only_what_is_asked_for(tmp_path, corpus):
  before = {p: p.stat().st_mtime_ns for p in corpus.cache.rglob("*.json")}
  again = prepared_lib.prepare(
    prepare.open_source("ampl/raw", str(corpus.raw)),
    data_dir=corpus.cache,
    sections=["jazz"],
    progress=False,
  )
  assert list(again.dirs) == ["jazz"]
  assert again.fingerprint == corpus.prepared.fingerprint
  after = {p: p.stat().st_mtime_ns for p in corpus.cache.rglob("*.json")}
  assert before == after


def test_a_changed_source_gets_another_folder(tmp_path):
  raw, make = one_track(tmp_path)
  first = make()
  notes = raw / "data" / "annotations" / "subject_0_arnor.txt"
  notes.write_text("0 1.8 bow\n")
  second = make()
  assert first.fingerprint != second.fingerprint
  before, after = (
    load.load(first, None, MusicWindows),
    load.load(second, None, MusicWindows),
  )
  assert before.labels == ("wave", "")
  assert after.labels == ("bow",)
  assert before.recordings_digest != after.recordings_digest


def test_unusable_recording_leaves_nothing_and_is_named(tmp_path):
  raw, make = one_track(tmp_path)
  path = raw / "data" / "poses_synchronized" / "subject_0_arnor_position.csv"
  path.write_text(path.read_text().replace("Neck_z", "Neck_q"))
  # As it is: not wrapped by what TFDS says around it.
  with pytest.raises(InputError, match=r"subject_0_arnor_position\.csv"):
    make()
  assert not list((tmp_path / "cache").rglob("*.array_record*"))


def test_unknown_tracks_datasets_and_full_disks_are_refused(
  tmp_path, corpus, monkeypatch
):
  with pytest.raises(
    InputError, match="polka: unknown in ampl/raw; choose one of"
  ):
    prepared_lib.prepare(
      prepare.open_source("ampl/raw", str(corpus.raw)),
      data_dir=tmp_path,
      sections=["polka"],
    )
  with pytest.raises(InputError, match="choose ampl/simulated, ampl/raw or"):
    prepare.open_source("ampl/other")
  with pytest.raises(InputError, match="--ampl_dir: is missing"):
    prepare.open_source("ampl/raw")
  _, make = one_track(tmp_path)
  full = dataclasses.make_dataclass("Usage", ["free"])(1000)
  monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
  with pytest.raises(InputError, match="free some room"):
    make()


def test_holdings_need_no_features(corpus):
  held = prepare.open_source("ampl/raw", str(corpus.raw)).holdings()
  assert held.subjects == {"arnor": ("0", "6", "7"), "jazz": ("0", "6", "7")}
  made = prepare.open_source(
    simulate=SimulateConfig(subjects=3, minutes=0.1)
  ).holdings()
  assert set(made.genres.values()) == {"ambient", "jazz"}
  assert all(len(names) == 3 for names in made.subjects.values())


def test_identify_says_what_prepare_will(tmp_path, corpus):
  where = prepare.open_source("ampl/raw", str(corpus.raw))
  assert prepared_lib.identify(where) == (corpus.prepared.fingerprint, False)
  other = dataclasses.replace(where, recipe=Recipe(pose_resample="mean6"))
  assert prepared_lib.identify(other)[0] != corpus.prepared.fingerprint
  plan = SimulateConfig(subjects=1, minutes=0.03)
  first, simulated = prepared_lib.identify(prepare.open_source(simulate=plan))
  assert simulated
  plan = dataclasses.replace(plan, seed=1)
  assert prepared_lib.identify(prepare.open_source(simulate=plan))[0] != first


def test_noise_is_in_the_stored_windows(tmp_path):
  _, make = one_track(tmp_path)
  _, make_noisy = one_track(tmp_path, recipe=Recipe(noise_snr_db=10.0))
  plain, noisy = (
    load.load(prepared, ("arnor",), MusicWindows)
    for prepared in (make(), make_noisy())
  )
  np.testing.assert_array_equal(plain.pose, noisy.pose)
  # White noise on white sound, 10 dB below: 10 log10(1.1) = 0.41 dB.
  lifted = (noisy.features - plain.features)[..., :6].mean()
  assert 0.3 < lifted < 0.7


def test_excluded_subjects_are_neither_checked_nor_built(tmp_path):
  raw, make = one_track(tmp_path)
  broken = raw / "data" / "sound_cut" / "subject_3_arnor_cut.wav"
  broken.write_bytes(b"no sound")
  alone = raw / "data" / "sound_cut" / "subject_1_jazz_cut.wav"
  alone.write_bytes(b"no sound")
  prepared = make()
  assert list(prepared.dirs) == ["arnor"]
  assert load.load(prepared, None, MusicWindows).subjects == ("0",)
  with pytest.raises(InputError, match="excluded subjects alone"):
    prepared_lib.prepare(
      prepare.open_source("ampl/raw", str(raw)),
      data_dir=tmp_path / "cache",
      sections=["jazz"],
    )


def test_recordings_of_a_finished_track_are_tidied_away(tmp_path):
  where = prepare.open_source(simulate=SimulateConfig(subjects=1, minutes=0.03))
  fingerprint, _ = prepared_lib.identify(where)
  name = prepared_lib.folder_name(where, fingerprint)
  # What a process leaves that was killed between its last two steps.
  (tmp_path / "prepared" / name / "haze").mkdir(parents=True)
  for track in ("haze", "swing"):
    (tmp_path / "raw" / name / track / "data").mkdir(parents=True)
  prepared_lib.prepare(
    where, data_dir=tmp_path, sections=["haze"], progress=False
  )
  left = [path.name for path in (tmp_path / "raw" / name).iterdir()]
  assert left == ["swing"]


def test_room_for_simulated_recordings_is_counted(tmp_path, monkeypatch):
  # 1000 windows last 600 s: 390 MB of recordings beside 59 MB of windows,
  # twice while they are kept by recording.
  each = prepare.open_source().window_bytes
  made_here = prepare.open_source().raw_bytes
  for free, raw_bytes, fits in (
    (300e6, 0, True),
    (300e6, made_here, False),
    (550e6, made_here, True),
  ):
    usage = types.SimpleNamespace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path, u=usage: u)
    if fits:
      context = contextlib.nullcontext()
    else:
      context = pytest.raises(InputError, match="free some room")
    with context:
      build.check_disk(
        tmp_path, {"a": 1000}, each, raw_bytes=raw_bytes, progress=False
      )


def test_damaged_manifests_are_named(tmp_path):
  with pytest.raises(InputError, match=r"manifest.json: is missing"):
    manifest.read(tmp_path)
  path = tmp_path / manifest.FILE_NAME
  for text in ("{", "[]", '{"format": 1}', '{"format": 99}'):
    path.write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
      manifest.read(tmp_path)


def test_shards_read_through_tfds_as_well(corpus):
  import tensorflow_datasets as tfds

  folder = corpus.prepared.dirs["arnor"] / "ampl" / "raw" / "1.0.0"
  builder = tfds.builder_from_directory(str(folder))
  examples = builder.as_data_source("windows")  # pyright: ignore
  assert len(examples) == 24
  example = examples[10]
  assert example["recording"] == b"subject_6_arnor"
  assert example["window_index"] == 2
  np.testing.assert_array_equal(example["features"], corpus.table.features[10])


def test_killed_build_is_swept_and_made_again(tmp_path):
  raw, make = one_track(tmp_path)
  script = textwrap.dedent(f"""
    import os, signal
    from bgm2pose_jax.data import manifest, prepared
    from bgm2pose_jax.systems.bgm2pose import prepare
    # Everything is written but the manifest: the last moment before the end.
    manifest.write = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
    prepared.prepare(prepare.open_source("ampl/raw", {str(raw)!r}),
                     data_dir={str(tmp_path / "cache")!r}, progress=False)
  """)
  killed = subprocess.run([sys.executable, "-c", script], check=False)
  assert killed.returncode == -signal.SIGKILL
  home = next((tmp_path / "cache" / "prepared").iterdir())
  left = list(home.glob(".*.incomplete-*"))
  assert len(left) == 1
  assert list(left[0].rglob("*.array_record*"))
  assert not (home / "arnor").exists()
  # The name of a living process protects its folder.
  alive = (
    home / f".arnor.incomplete-{left[0].name.split('-')[1]}-{os.getpid()}-0"
  )
  alive.mkdir()
  table = load.load(make(), None, MusicWindows)
  assert not left[0].exists()
  assert alive.exists()
  assert len(table) == 3


def test_command_prints_one_line_for_unusable_input(tmp_path):
  command = [sys.executable, "-m", "bgm2pose_jax.data.prepare"]
  arguments = ["--dataset=ampl/raw", f"--ampl_dir={tmp_path / 'none'}"]
  result = subprocess.run(
    command + arguments, capture_output=True, text=True, check=False
  )
  assert result.returncode == 2
  assert result.stderr.count("\n") == 1
  assert result.stderr.startswith("error: ")
  assert "none: no such folder; check the path" in result.stderr
