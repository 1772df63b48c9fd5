"""Preparing through Apache Beam: the same records, and the same refusals."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import raw_fixture
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import beam_pipeline, load
from bgm2pose_jax.data import prepared as prepared_lib
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

_PROCESSES = ("direct_num_workers=2", "direct_running_mode=multi_processing")


@pytest.fixture
def beam():
  return pytest.importorskip("apache_beam")


@pytest.fixture
def raw(tmp_path):
  return raw_fixture.make_raw_folder(
    tmp_path / "raw", subjects=("0", "6", "7"), seconds=2.4
  )


def make(raw, data_dir, beam_options):
  found = prepare.open_source("ampl/raw", str(raw))
  return prepared_lib.prepare(
    found, data_dir=data_dir, progress=False, beam_options=beam_options
  )


def equal(one: MusicWindows, other: MusicWindows) -> None:
  for name in ("features", "pose", "window_index", "valid", "has_pose"):
    np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
  for code in ("subject", "track", "genre", "recording", "label"):
    np.testing.assert_array_equal(getattr(one, code), getattr(other, code))
    assert getattr(one, f"{code}s") == getattr(other, f"{code}s")
  assert one.spec == other.spec
  assert one.fingerprint == other.fingerprint


@pytest.mark.slow
def test_records_equal_those_of_plain_generation(beam, raw, tmp_path):
  plain = load.load(make(raw, tmp_path / "plain", None), None, MusicWindows)
  assert len(plain.features) == 12
  assert plain.recordings == tuple(f"subject_{s}_arnor" for s in "067")
  for name, options in (("one", ()), ("two", _PROCESSES)):
    made = make(raw, tmp_path / name, options)
    equal(plain, load.load(made, None, MusicWindows))


@pytest.mark.slow
def test_a_broken_recording_is_named_and_nothing_is_left(beam, raw, tmp_path):
  path = raw / "data" / "sound_cut" / "subject_6_arnor_cut.wav"
  samples = soundfile.read(path)[0]
  samples[70000, 2] = np.nan
  soundfile.write(path, samples, 48000, "FLOAT")
  for options in ((), _PROCESSES):
    with pytest.raises(
      InputError, match=r"subject_6_arnor_cut\.wav: holds NaN"
    ):
      make(raw, tmp_path / "cache", options)
    (home,) = (tmp_path / "cache" / "prepared").iterdir()
    # The other recordings are kept for the next attempt.
    assert {p.name for p in home.iterdir()} <= {".arnor.lock", ".arnor.parts"}


def test_options_that_beam_does_not_take_are_refused(beam, raw, tmp_path):
  for options, words in (
    (["direct_num_worker=2"], "no option 'direct_num_worker'"),
    (["direct_num_workers=two"], "refuses 'direct_num_workers=two'"),
  ):
    with pytest.raises(InputError, match=words):
      make(raw, tmp_path / "cache", options)
  assert not (tmp_path / "cache").exists()


def test_options_reach_the_pipeline(beam):
  found = beam_pipeline.pipeline_options(
    ["--direct_num_workers=3", "runner=DataflowRunner", "project=p", ""]
  ).get_all_options()
  assert found["direct_num_workers"] == 3
  assert (found["runner"], found["project"]) == ("DataflowRunner", "p")


def test_without_beam_the_extra_is_named(monkeypatch, raw, tmp_path):
  for name in ("apache_beam", "apache_beam.options"):
    monkeypatch.setitem(sys.modules, name, None)
  with pytest.raises(InputError, match=r"bgm2pose-jax\[beam\]"):
    make(raw, tmp_path / "cache", [])
  assert not (tmp_path / "cache").exists()
