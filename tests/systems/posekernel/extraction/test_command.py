"""The command: from a sweep to kernels, or one line."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import swept_room_fixture as swept
from absl import flags

from bgm2pose_jax.audio.sweep import Excitation
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.systems.posekernel.extraction import __main__ as command

FORMATS = (("PCM_16", "wav"), ("PCM_24", "flac"), ("FLOAT", "wav"))


def _run(action, *given):
  values = flags.FlagValues()
  command.define_flags(values)
  rest = values(["kernel", action, *given])
  return command.run(rest, values)


def _write(path, samples, subtype="PCM_24", rate_hz=swept.RATE_HZ):
  path.parent.mkdir(exist_ok=True)
  soundfile.write(path, samples.T, rate_hz, subtype=subtype)


@pytest.fixture
def place(tmp_path):
  """Three samples and four empty rooms; the loopback is channel 2."""
  for i in range(3):
    subtype, suffix = FORMATS[i]
    samples = np.insert(
      swept.sample(i, latency=700 + i), 1, swept.loopback(latency=700 + i), 0
    )
    # In a room 0.5 would be as loud; 16 bits need the level.
    _write(tmp_path / "person" / f"take {i}.{suffix}", 0.8 * samples, subtype)
  for i in range(4):
    samples = np.insert(swept.recording(None), 1, swept.loopback(), 0)
    _write(tmp_path / "empty" / f"e{i}.wav", 0.8 * samples)
  _write(tmp_path / "sweep.wav", swept.SWEEP, "FLOAT")
  return tmp_path


def _extract(place, *more):
  return _run(
    "extract",
    f"--recordings={place / 'person'}",
    f"--empty={place / 'empty'}",
    f"--sweep={place / 'sweep.wav'}",
    f"--out={place / 'out'}",
    f"--taps={swept.TAPS}",
    "--loopback=2",
    *more,
  )


def test_sweep_is_written_as_asked(tmp_path):
  out = tmp_path / "sweep.wav"
  said = _run("sweep", f"--out={out}")
  assert "100 ms from 19 to 32000 Hz at 96000 Hz" in said[0]
  samples, rate_hz = soundfile.read(out)
  assert rate_hz == 96_000
  assert soundfile.info(out).subtype == "PCM_24"
  np.testing.assert_allclose(samples, Excitation().samples(), atol=2**-23)
  gains = ",".join(str(-each) for each in range(32))
  out = tmp_path / "other.wav"
  _run(
    "sweep",
    f"--out={out}",
    f"--gains_db={gains}",
    "--kind=log",
    "--rate_hz=48000",
    "--high_hz=20000",
    "--duration_s=0.5",
  )
  samples, _ = soundfile.read(out)
  expected = Excitation(
    rate_hz=48_000,
    duration_s=0.5,
    high_hz=20_000.0,
    kind="log",
    gains_db=tuple(-float(each) for each in range(32)),
  )
  np.testing.assert_allclose(samples, expected.samples(), atol=2**-23)


def test_recordings_become_kernels(place):
  said = "\n".join(_extract(place))
  assert "3 samples of 3 pairs, aligned by loopback" in said
  assert "no faults found" in said
  out = place / "out"
  assert sorted(os.listdir(out)) == [
    "kernels.npz",
    "report.html",
    "report.json",
  ]
  found = array_file.read_npz(
    out / "kernels.npz", ("kernels", "rate_hz", "names", "usable"), ""
  )
  assert found["kernels"].dtype == np.float32
  assert int(found["rate_hz"]) == swept.RATE_HZ
  assert found["names"].tolist() == ["take 0", "take 1", "take 2"]
  assert found["usable"].all()
  true = np.array([[swept.kernel(i, j) for j in range(3)] for i in range(3)])
  for sample, rest in enumerate((0.05, 0.02, 0.02)):
    off = np.linalg.norm(found["kernels"][sample] - true[sample])
    # The first has 16 bits.
    assert off < rest * np.linalg.norm(true[sample])
  report = json.loads((out / "report.json").read_text())
  assert report["faults"] == []
  assert report["usable"] == [3, 3, 3]
  page = (out / "report.html").read_text()
  assert "Echoes over distance" in page
  assert "person" in page
  assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_same_recordings_give_the_same_bytes(place):
  names = ("kernels.npz", "report.json", "report.html")
  _extract(place)
  first = [(place / "out" / name).read_bytes() for name in names]
  os.rename(place / "out", place / "before")
  _extract(place)
  assert [(place / "out" / name).read_bytes() for name in names] == first


def test_the_page_escapes_names(place):
  os.rename(place / "person", place / "<b>x")
  path = place / "<b>x" / "<script>.wav"
  path.write_bytes(b"nothing")
  values = _extract(place, f"--recordings={place / '<b>x'}")
  assert any("<script>" in line for line in values)
  page = (place / "out" / "report.html").read_text()
  assert "<script>" not in page
  assert "&lt;script&gt;" in page
  assert "<b>x" not in page


def test_bad_files_are_named_and_the_others_used(place):
  person = place / "person"
  whole = (person / "take 2.wav").read_bytes()
  (person / "cut.wav").write_bytes(whole[: len(whole) // 2])
  (person / "empty.flac").write_bytes(b"")
  (person / "text.wav").write_text("no sound")
  nan = np.full((4, 9_000), np.nan)
  _write(person / "nan.wav", nan, "FLOAT")
  _write(person / "slow.wav", swept.sample(0), rate_hz=48_000)
  _write(person / "one.wav", swept.sample(0)[:1])
  _write(person / "two.wav", np.insert(swept.sample(0), 1, 0, 0)[:3])
  os.mkfifo(person / "pipe.wav")
  os.mkdir(person / "folder.wav")
  os.symlink("nowhere", person / "link.wav")
  (person / ".hidden.wav").write_bytes(b"")
  (person / "notes.txt").write_text("no sound")
  said = "\n".join(_extract(place))
  report = json.loads((place / "out" / "report.json").read_text())
  faults = {(f["name"], f["pair"]): f for f in report["faults"]}
  assert faults.keys() == {
    ("unreadable", 0),
    ("sample_rate", 0),
    ("missing_pair", 0),
    ("missing_pair", 3),
    ("loopback_silent", 0),
  }
  assert faults["unreadable", 0]["recordings"] == [
    "cut", "empty", "folder", "link", "nan", "pipe", "text",
  ]  # fmt: skip
  assert faults["sample_rate", 0]["recordings"] == ["slow"]
  assert faults["missing_pair", 0]["recordings"] == ["one"]
  assert "48000 Hz" in said
  with np.load(place / "out" / "kernels.npz") as arrays:
    usable = dict(zip(arrays["names"].tolist(), arrays["usable"].all(axis=1)))
    assert {name for name, is_ok in usable.items() if is_ok} == {
      "take 0", "take 1", "take 2",
    }  # fmt: skip
    assert np.isfinite(arrays["kernels"]).all()


@pytest.mark.parametrize(
  ("more", "said"),
  [
    (["--recordings="], "--recordings: is missing"),
    (["--recordings=none"], "--recordings=none: no such folder"),
    (["--sweep=none.wav"], "--sweep=none.wav: no such file"),
    (["--loopback=9"], "--loopback=9: .* has 4 channels"),
    (["--taps=100"], "taps: 100"),
    (["--taps=99999999"], "3 recordings make kernels of 3.6 GB"),
    (["--low_hz=50000"], "band_hz"),
    (["--spacing_m=2"], "spacing_m: is 2"),
    (["--out=gs://bucket"], "--out=gs://bucket"),
  ],
)
def test_refuses(place, more, said):
  before = sorted(place.rglob("*"))
  with pytest.raises(InputError, match=said):
    _extract(place, *more)
  assert sorted(place.rglob("*")) == before


def test_keeps_what_is_there(place):
  (place / "out").mkdir()
  with pytest.raises(InputError, match="out: exists already"):
    _extract(place)
  sweep = place / "sweep.wav"
  before = sweep.read_bytes()
  with pytest.raises(InputError, match=r"sweep\.wav: exists already"):
    _run("sweep", f"--out={sweep}")
  assert sweep.read_bytes() == before


def test_refuses_sweeps(place):
  _write(place / "stereo.wav", np.stack([swept.SWEEP, swept.SWEEP]))
  _write(place / "silent.wav", np.zeros(9600))
  for name, said in (
    ("stereo.wav", "has 2 channels; give one"),
    ("silent.wav", "is silent"),
  ):
    with pytest.raises(InputError, match=said):
      _extract(place, f"--sweep={place / name}")
  for flag, said in (
    ("--out=sweep.mp3", "no name of a WAV file"),
    ("--gains_db=a,b", "--gains_db: is a,b"),
    ("--gains_db=1,2", "gains_db: 2 values"),
    ("--duration_s=0", "duration_s: is 0"),
    ("--rate_hz=0", "at 0 Hz"),
    ("--peak=nan", "peak: is nan"),
    ("--duration_s=nan", "duration_s: is nan"),
    ("--low_hz=nan", "from nan to"),
  ):
    with pytest.raises(InputError, match=said):
      _run("sweep", f"--out={place / 'new.wav'}", flag)
  assert not (place / "new.wav").exists()


def test_refuses_names(place):
  person = place / "person"
  _write(person / "take 1.wav", swept.sample(0))
  with pytest.raises(InputError, match="has the name of"):
    _extract(place)
  os.rename(person / "take 1.wav", person / "a,b.wav")
  with pytest.raises(InputError, match="cannot name a sample"):
    _extract(place)


def test_says_what_to_do():
  with pytest.raises(InputError, match="begin with sweep, extract or simulate"):
    _run("--out=x")
  with pytest.raises(InputError, match="play: is no action"):
    _run("play")
  with pytest.raises(InputError, match="more: is no flag"):
    _run("sweep", "more")


@pytest.mark.slow
def test_as_a_user_types_it(place):
  def typed(*given):
    return subprocess.run(
      [sys.executable, "-m", "bgm2pose_jax.kernel", *given],
      capture_output=True,
      text=True,
      cwd=place,
      env=os.environ | {"XDG_CACHE_HOME": str(place / "cache")},
    )

  helped = typed("--help")
  assert "kernel extract --recordings" in helped.stdout
  for name in ("--empty", "--loopback", "--gains_db", "--spacing_m"):
    assert name in helped.stdout
  done = typed("sweep", "--out=s.wav")
  assert done.returncode == 0, done.stderr
  assert "wrote s.wav" in done.stdout
  done = typed("extract", "--recordings=person", "--empty=empty")
  assert done.returncode == 2
  assert done.stderr.splitlines()[-1].startswith("error: --sweep: is missing")
  done = typed(
    "extract",
    "--recordings=person",
    "--empty=empty",
    "--sweep=sweep.wav",
    "--loopback=2",
    "--out=out",
  )
  assert done.returncode == 0, done.stderr
  assert "wrote out/kernels.npz" in done.stdout
  assert pathlib.Path(place, "out", "report.json").exists()
