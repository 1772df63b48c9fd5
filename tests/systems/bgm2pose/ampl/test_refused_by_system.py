"""Full disks and closed folders: one line, and nothing half-built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
import raw_fixture

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError

pytest.importorskip("resource")

_SCRIPT = textwrap.dedent("""
  import json, os, pathlib, resource, sys
  from bgm2pose_jax.systems.bgm2pose import prepare
  from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
  from bgm2pose_jax.data import load as source
  from bgm2pose_jax.data import prepared as prepared_lib
  from bgm2pose_jax.systems.bgm2pose.ampl import track_music
  from bgm2pose_jax.base.errors import InputError

  root = pathlib.Path(sys.argv[1])
  enter = track_music.TrackMusic.__enter__
  told = {}

  def prepared(name, raw="raw", kib=None):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(self):
      # Files may grow so large from here on, also those of the C++ writer.
      if kib is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, limits[1]))
      return enter(self)

    track_music.TrackMusic.__enter__ = limited
    try:
      found = prepare.open_source("ampl/raw", str(root / raw))
      made = prepared_lib.prepare(found, data_dir=root / name, progress=False)
      return source.load(made, None, MusicWindows), made
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, limits)

  def refused(case, *args, **kwargs):
    try:
      prepared(*args, **kwargs)
    except InputError as error:
      told[case] = str(error)

  for kib in (1, 100, 300, 600):
    refused(f"full {kib}", "full", kib=kib)
    left = [p.name for p in (root / "full").rglob("*")]
    assert not any("incomplete" in n or "array_record" in n for n in left), left
  table, made = prepared("full")
  assert len(table) == 12
  refused("a file", "raw/data/sound_cut/arnor_input.WAV")
  shard = next(made.dirs["arnor"].rglob("*.array_record*"))
  for path, case in (
    (root / "closed", "read-only"),
    (shard, "shard"),
    (made.dirs["arnor"] / "manifest.json", "manifest"),
    (made.dirs["arnor"], "track"),
    (made.dirs["arnor"].parent, "home"),
    (root / "raw" / "data" / "sound_cut", "source"),
    (root / "raw", "whole source"),
  ):
    mode = path.stat().st_mode
    path.chmod(0o555 if case == "read-only" else 0)
    if os.getuid() == 0:
      os.seteuid(65534)  # nothing is closed to root
    refused(case, "closed" if "only" in case else "full")
    if os.getuid() == 0:
      os.seteuid(0)
    path.chmod(mode)
  assert len(prepared("full")[0]) == 12
  print(json.dumps(told))
""")


@pytest.fixture(scope="module")
def told():
  """{case: message} of a process that runs into all of them."""
  # Not below pytest's own folder, which is closed to others.
  root = Path(tempfile.mkdtemp(prefix="refused-"))
  try:
    root.chmod(0o755)
    raw_fixture.make_raw_folder(root / "raw", seconds=2.4)
    (root / "closed").mkdir()
    # Shared: what is made in it stays as open as it is.
    (root / "full").mkdir()
    done = subprocess.run(
      [sys.executable, "-c", _SCRIPT, str(root)],
      capture_output=True,
      text=True,
      check=False,
      env={**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
  finally:
    shutil.rmtree(root)


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_and_the_next_build_is_whole(told):
  full = [told[f"full {kib}"] for kib in (1, 100, 300, 600)]
  assert all("File too large); free some room" in text for text in full)
  assert all("what is done is kept" in text for text in full)


@pytest.mark.slow
@pytest.mark.parametrize(
  "case",
  ["read-only", "shard", "manifest", "track", "home", "source", "whole source"],
)
def test_a_closed_folder_is_named(told, case):
  assert "Permission denied" in told[case]
  assert "\n" not in told[case]
  named = {
    "read-only": "/closed/prepared",
    "shard": ".array_record-00000-of-00001",
    "manifest": "manifest.json",
    "track": "arnor",
    "home": "/full/prepared/raw-",
    "source": "sound_cut",
    "whole source": "/raw",
  }
  assert named[case] in told[case].split(":")[0]


@pytest.mark.slow
def test_a_file_is_no_data_folder(told):
  assert "arnor_input.WAV" in told["a file"]
  assert "give the name of a folder" in told["a file"]


def test_command_ends_with_code_2(tmp_path):
  raw = raw_fixture.make_raw_folder(tmp_path / "raw", seconds=1.8)
  file = tmp_path / "file"
  file.write_text("mine")
  done = subprocess.run(
    [
      sys.executable,
      "-m",
      "bgm2pose_jax.data.prepare",
      f"--ampl_dir={raw}",
      f"--data_dir={file}",
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2
  assert done.stderr.count("\n") == 1
  assert done.stderr.startswith(f"error: {file}")
  assert file.read_text() == "mine"


def _dealt_with():
  try:
    open("/none/of/this")  # noqa: SIM115
  except FileNotFoundError:
    raise KeyError("a mistake of ours") from None


def _wrapped():
  try:
    raise OSError(28, "No space left on device")
  except OSError as error:
    raise RuntimeError("while writing") from error


def _quoted():  # by a library in another language
  raise RuntimeError("write() failed: No space left on device; at byte 9")


def _through(work):
  with system_errors.in_one_line("x"):
    work()


def test_what_is_no_fault_of_the_system_keeps_its_traceback():
  with pytest.raises(KeyError):
    _through(lambda: {}["a mistake of ours"])
  with pytest.raises(KeyError):
    _through(_dealt_with)
  words = r"x: cannot be used \(No space left on device\); free some room"
  for work in (_wrapped, _quoted):
    with pytest.raises(InputError, match=words):
      _through(work)
