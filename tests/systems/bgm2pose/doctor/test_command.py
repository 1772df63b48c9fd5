"""The command: what it prints, how it ends, and folders of strangers."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.doctor import __main__ as command
from bgm2pose_jax.systems.bgm2pose.doctor import examine, findings


def _run(*arguments: str) -> tuple[str, int]:
  values = flags.FlagValues()
  command.define_flags(values)
  rest = values(["doctor", "--align=none", *arguments])
  return command.run(values, rest)


def test_a_good_folder_ends_with_0(good_raw, tmp_path):
  told = tmp_path / "out" / "found.json"
  text, status = _run(str(good_raw), f"--json={told}")
  assert status == 0
  assert "0 errors, 0 warnings" in text
  assert re.search("single +arnor +2 +6 +6\n", text)
  values = json.loads(told.read_text())
  assert values["errors"] == 0
  assert values["layouts"][0]["recordings"][0]["kept"] == 6


def test_errors_come_first_and_end_with_1(raw, tmp_path):
  for subject in ("0", "6"):
    path = raw / f"data/annotations/subject_{subject}_arnor.txt"
    path.write_text("no line\n")
  text, status = _run(
    f"--dir={raw}", "--lines=1", f"--json={tmp_path / 'found.json'}"
  )
  assert status == 1
  assert text.index("ERRORS") < text.index("NOTES")
  assert "  annotations (2)\n    data/annotations/subject_0" in text
  assert "\n    and 1 more\n" in text
  values = json.loads((tmp_path / "found.json").read_text())
  assert values["errors"] == 3
  assert [f["kind"] for f in values["findings"]].count("annotations") == 2


@pytest.mark.parametrize(
  ("arguments", "found"),
  [
    ([], "0 folders given"),
    (["a", "b"], "2 folders given"),
    (["a", "--dir=b"], "2 folders given"),
    (["/nowhere/at/all"], "no such folder"),
    ([__file__], "is no folder"),
    (["/tmp", "--json=gs://bucket/x"], "no path of a file system"),
  ],
)
def test_a_command_that_cannot_run_is_refused(arguments, found):
  with pytest.raises(InputError, match=found):
    _run(*arguments)


def test_the_command_line_ends_with_2_in_one_line(tmp_path):
  done = subprocess.run(
    [
      sys.executable,
      "-m",
      "bgm2pose_jax.doctor",
      str(tmp_path / "gone"),
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2
  assert done.stdout == ""
  assert done.stderr.startswith("error: ")
  assert done.stderr.count("\n") == 1


def test_a_layout_nearby_is_named(raw):
  for given, held in (
    (raw / "data" / "sound_cut", raw / "data"),
    (raw.parent, raw),
  ):
    text, status = _run(str(given))
    assert status == 1
    assert "holds neither data/sound_cut" in text
    assert f"fix: python -m bgm2pose_jax.doctor {held}\n" in text


def test_a_folder_almost_named_right_is_told(raw):
  sound = raw / "data" / "sound_cut"
  sound.rename(raw / "data" / "soundcut")
  text, status = _run(str(raw / "data"))
  assert status == 1
  assert f"fix: mv {raw}/data/soundcut {sound}" in text


def test_recordings_lying_loose_are_told(raw, tmp_path):
  loose = tmp_path / "loose"
  (raw / "data" / "sound_cut").rename(loose)
  text, _ = _run(str(loose))
  assert "but 2 recordings" in text
  assert f"mkdir -p {loose}/data/sound_cut && mv" in text


def test_foreign_files_stay_bounded(raw):
  for number in range(10_000):
    (raw / "data" / "annotations" / f"x{number}.doc").touch()
  told = raw.parent / "found.json"
  text, status = _run(str(raw), f"--json={told}")
  assert status == 0
  assert "unused file (10000)" in text
  assert "and 9995 more" in text
  assert text.count("\n") < 60
  assert len(json.loads(told.read_text())["findings"]) < 250


def test_hostile_names_are_shown_and_quoted(raw):
  sound = raw / "data" / "sound_cut"
  names = [
    b"subject_0_a\nb_cut.wav",
    b"subject_0_\x1b[31m_cut.wav",
    b"subject_0_\xff_cut.wav",
    b"subject_0_$(touch pwned).wav",
    b"subject_0_it's.wav",
  ]
  for name in names:
    (raw / "data" / "sound_cut" / "x").touch()
    os.rename(sound / "x", os.path.join(os.fsencode(sound), name))
  os.mkfifo(raw / "data" / "annotations" / "subject_9_arnor.txt")
  (sound / "loop_cut.wav").symlink_to(sound / "loop_cut.wav")
  text, status = _run(str(raw), "--lines=50")
  assert status == 1
  text.encode("utf-8")
  assert "\x1b" not in text
  assert "\\x1b[31m" in text
  assert "'subject_0_it'\"'\"'s" in text.replace(f"{sound}/", "")
  for name in names:
    path = os.fsdecode(os.path.join(os.fsencode(sound), name))
    quoted = findings.quoted(path)
    done = subprocess.run(
      ["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True
    )
    assert done.stdout == os.fsencode(path)
  assert shlex.split(findings.quoted("-x")) == ["./-x"]


def test_both_layouts_in_one_folder_are_looked_at(raw, good_released):
  (raw / "dataset_spec_2400").symlink_to(good_released / "dataset_spec_2400")
  found = examine(raw, align="none", progress=False)
  assert [part.layout for part in found.parts] == ["raw", "released"]
