"""The table of what a folder holds."""

from __future__ import annotations

import subprocess
import sys

import raw_fixture
import released_fixture

from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.ampl import inventory


def lines(text):
  """{(first word, plain clothes): words of the line}."""
  table = [line.split() for line in text.splitlines()]
  return {(words[0], "plain" in words): words for words in table}


def test_published_counts_are_ampls():
  assert inventory.PUBLISHED_TOTAL == 25354


def test_counts_stand_beside_the_published_ones(tmp_path):
  root = released_fixture.make_released_folder(
    tmp_path,
    {("6", "arnor"): 4, ("6", "cirrus"): 3, ("1", "jazz"): 2},
    bare=[("0", "arnor")],
  )
  (root / released_fixture.FILES / "stray.txt").touch()
  text = prepare.open_source("ampl/released", str(root)).inventory()
  assert text is not None
  found = lines(text)
  assert found["subject", False][2:5] == ["arnor", "cirrus", "jazz"]
  assert found["6", False] == ["6", "2", "4", "3", "-", "7", "2544", "-2537"]
  assert found["1", False][:8] == [
    "1", "9", "-", "-", "2", "2", "4021", "-4019",
  ]  # fmt: skip
  assert found["1", False][8:] == ["excluded:", "never", "used"]
  assert found["9", False][-5:] == ["0", "2544", "-2544", "not", "here"]
  assert found["0", True][:6] == ["0", "1", "6", "-", "-", "6"]
  assert found["total", False][:4] == ["total", "9", "25354", "-25345"]
  assert "files that no table names, ignored: 1" in text


def test_other_peoples_folders_have_nothing_to_compare_with(tmp_path):
  root = released_fixture.make_released_folder(tmp_path, {("6", "arnor"): 2})
  (root / released_fixture.FOLDER / "simulated.json").write_text("{}")
  text = prepare.open_source("ampl/released", str(root)).inventory()
  assert text is not None
  assert lines(text)["6", False] == ["6", "-", "2", "2", "-", "-"]
  assert "25354" not in text


def test_raw_windows_count_as_annotated_and_broken_ones_do_not_stop_it(
  tmp_path,
):
  root = raw_fixture.make_raw_folder(
    tmp_path, subjects=("0", "3", "6"), seconds=4.8
  )
  # 3 is excluded and not opened, 6 cannot be used.
  for subject in ("3", "6"):
    sound = root / "data" / "sound_cut" / f"subject_{subject}_arnor_cut.wav"
    sound.write_bytes(b"no sound")
  text = prepare.open_source("ampl/raw", str(root)).inventory()
  assert text is not None
  # 8 windows, two of them kept by no line.
  assert lines(text)["0", False][2:4] == ["6", "6"]
  assert lines(text)["3", False][2:6] == ["?", "?", "2149", "?"]
  assert lines(text)["6", False][2:6] == ["?", "?", "2544", "?"]
  assert lines(text)["total", False][1:4] == ["?", "25354", "?"]


def test_report_only_builds_nothing(tmp_path):
  root = released_fixture.make_released_folder(
    tmp_path / "ampl", {("0", "arnor"): 1}
  )
  command = [
    sys.executable,
    "-m",
    "bgm2pose_jax.data.prepare",
    "--dataset=ampl/released",
    f"--ampl_dir={root}",
    f"--data_dir={tmp_path / 'cache'}",
    "--report_only",
  ]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr
  assert lines(done.stdout)["0", False][2] == "1"
  assert not (tmp_path / "cache").exists()
  table = root / released_fixture.TABLE
  table.write_text(table.read_text().replace("arnor", "polka"))
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == 2
  assert done.stderr.startswith("error: ")
  assert done.stderr.count("\n") == 1
  assert "line 2: unknown track 'polka'" in done.stderr
