from __future__ import annotations

import shlex
import sys

import numpy as np
import pytest
import soundfile

from bgm2pose_jax import poses
from bgm2pose_jax.systems.bgm2pose.doctor import examine

NAME = "subject_0_arnor"
WAV = f"sound_cut/{NAME}_cut.wav"
MUSIC = "sound_cut/arnor_input.WAV"
NOTES = f"annotations/{NAME}.txt"
POSES = f"poses_synchronized/{NAME}_position.csv"


def _sound(change, rate_hz=48000, subtype="PCM_24", file=WAV):
  def break_it(data):
    samples, _ = soundfile.read(data / file)
    soundfile.write(data / file, change(samples), rate_hz, subtype)

  return break_it


def _positions(change):
  def break_it(data):
    positions = change(poses.read_position_csv(data / POSES).astype(float))
    poses.write_position_csv(data / POSES, positions)

  return break_it


def _text(text, file=NOTES):
  return lambda data: (data / file).write_text(text)


def _cells(change):
  """Changes the rows of the position file as text."""

  def break_it(data):
    lines = (data / POSES).read_text().splitlines()
    (data / POSES).write_text("\n".join(change(lines)) + "\n")

  return break_it


def _move(old, new):
  def break_it(data):
    (data / old).rename(data / new)

  return break_it


def _remove(file):
  return lambda data: (data / file).unlink()


def _with(array, index, value):
  array = np.array(array)
  array[index] = value
  return array


def _capsules(samples):
  """W X Y Z as the capsules of a tetrahedron give them."""
  axes = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
  rng = np.random.default_rng(0)
  field = rng.standard_normal((len(samples), 4)) * [1, 0.58, 0.58, 0.58]
  return 0.05 * field @ np.concatenate([np.ones((4, 1)), axes / 3**0.5], 1).T


def _timed(lines):
  """Every second row, with a column of the rows' times."""
  rows = (f"{i / 60:.5f},{row}" for i, row in enumerate(lines[1::2]))
  return [f"time,{lines[0]}", *rows]


def _emptied(lines):
  lines[101] = "," + lines[101].split(",", 1)[1]
  return lines


FAULTS = {
  "rate": (
    _sound(lambda x: x, 44100), "error", "sample rate", WAV, "44100 Hz"
  ),
  "two channels": (
    _sound(lambda x: x[:, :2]), "error", "channels", WAV, "2 channels"
  ),
  "a column of times": (
    _cells(_timed), "note", "pose rate", POSES, "say 60 rows a second"
  ),
  "six channels": (
    _sound(lambda x: np.tile(x, 2)[:, :6]), "error", "channels", WAV, "6 chan"
  ),
  "truncated": (
    lambda data: (data / WAV).write_bytes((data / WAV).read_bytes()[:-9000]),
    "error", "sound file", WAV, "truncated",
  ),
  "empty": (_text("", WAV), "error", "sound file", WAV, "is empty"),
  "no sound": (_text("RIFF?", WAV), "error", "sound file", WAV, "cannot be"),
  "NaN": (
    _sound(lambda x: _with(x, (777, 1), np.nan), subtype="FLOAT"),
    "error", "sound file", WAV, "NaN",
  ),
  "dead": (
    _sound(lambda x: _with(x, np.s_[:, 2], 0)),
    "error", "silence", WAV, "channel Y is digital silence",
  ),
  "silent": (_sound(lambda x: 0 * x), "error", "silence", WAV, "is digital"),
  "mono": (
    _sound(lambda x: x[:, [0, 0, 0, 0]]), "error", "channels", WAV, "W and X"
  ),
  "copied lower": (
    _sound(lambda x: _with(x, np.s_[:, 3], 0.5 * x[:, 1])),
    "warning", "channels", WAV, "X and Z",
  ),
  "clipped": (
    _sound(lambda x: np.clip(9 * x, -1, 1)), "error", "clipping", WAV, "full"
  ),
  "crackles": (
    _sound(lambda x: _with(x, np.s_[50:60, 0], 1)),
    "warning", "clipping", WAV, "10 samples",
  ),
  "offset": (
    _sound(lambda x: x + np.array([0, 0, 0, 0.05])),
    "warning", "offset", WAV, "Z has",
  ),
  "gap": (
    _sound(lambda x: _with(x, np.s_[28800:201600], 0)),
    "warning", "silence", WAV, "from 0.6 to 4.2 s",
  ),
  "low": (_sound(lambda x: 1e-3 * x), "warning", "level", WAV, "loudest"),
  "W last": (
    _sound(lambda x: x[:, [3, 1, 2, 0]]),
    "warning", "channel order", WAV, "Z the most",
  ),
  "capsules": (_sound(_capsules), "warning", "channel order", WAV, "A-format"),
  "short": (
    _sound(lambda x: x[:9600]), "error", "length", WAV, "lasts 0.20 s"
  ),
  "no music": (
    _remove(MUSIC), "error", "missing file", MUSIC, "2 recordings"
  ),
  "short music": (
    _sound(lambda x: x[:150000], file=MUSIC),
    "error", "length", MUSIC, "shorter than",
  ),
  "mono music": (
    _sound(lambda x: x[:, 0], file=MUSIC), "note", "channels", MUSIC, "is mono"
  ),
  "silent music": (
    _sound(lambda x: 0 * x, file=MUSIC), "error", "silence", MUSIC, "silence"
  ),
  "no poses": (_remove(POSES), "error", "missing file", POSES, "missing"),
  "no annotations": (_remove(NOTES), "error", "missing file", NOTES, "missing"),
  "other name": (
    _move(NOTES, "annotations/subject_0_Arnor.txt"),
    "error", "missing file", NOTES, "subject_0_Arnor.txt belongs to no",
  ),
  "no recording": (
    _move(WAV, "sound_cut/subject_0_arnor.wav"),
    "warning", "file name", "subject_0_arnor.wav", "ends in _cut.wav",
  ),
  "poses alone": (
    _remove(WAV), "warning", "file without a partner", POSES, "no recording"
  ),
  "music alone": (
    lambda data: (data / "sound_cut/jazz_input.WAV").hardlink_to(data / MUSIC),
    "warning", "file without a partner", "jazz_input.WAV", "track jazz",
  ),
  "foreign": (
    _text("x", "notes.doc"), "note", "unused file", "notes.doc", "nothing"
  ),
  "bad name": (
    _move(WAV, "sound_cut/somebody_cut.wav"),
    "error", "file name", "somebody_cut.wav", "does not follow",
  ),
  "of a Mac": (
    _text("x", f"sound_cut/._{NAME}_cut.wav"),
    "note", "unused file", f"._{NAME}", "is ignored",
  ),
  "nested": (
    _text("[" * 200_000, "tracks.json"),
    "error", "genres", "tracks.json", "is nested too deep",
  ),
  "gaps": (
    _cells(_emptied), "error", "position gaps", POSES, "1 of 576 rows"
  ),
  "cut table": (
    _cells(lambda lines: [*lines[:-1], lines[-1][:40]]),
    "error", "positions", POSES, "cells where",
  ),
  "no joint": (
    _cells(lambda lines: [lines[0].replace("Hips", "Hat"), *lines[1:]]),
    "error", "positions", POSES, "no joint 'Hips'",
  ),
  "centimetres": (
    _positions(lambda p: 100 * p), "warning", "pose unit", POSES, "centimetre"
  ),
  "z up": (
    _positions(lambda p: p[..., [0, 2, 1]] * [1, -1, 1]),
    "error", "up axis", POSES, "along +z",
  ),
  "mirrored": (
    _positions(lambda p: p * [1, 1, -1]), "error", "sides", POSES, "mirrored"
  ),
  "swapped arms": (
    _positions(lambda p: p[:, [*range(5), *range(9, 13), *range(5, 9),
                               *range(13, 21)]]),
    "error", "sides", POSES, "arms or legs alone",
  ),
  "no forearm": (
    _positions(lambda p: _with(p, np.s_[:, 8], p[:, 7])),
    "warning", "bones", POSES, "no length between LeftHand",
  ),
  "long forearm": (
    _positions(lambda p: _with(p, np.s_[:, 8], 2 * p[:, 8] - p[:, 7])),
    "warning", "bones", POSES, "2.00 times the right",
  ),
  "leans": (
    _positions(lambda p: p @ np.array([[.6, .8, 0], [-.8, .6, 0], [0, 0, 1]])),
    "warning", "up axis", POSES, "never stands upright",
  ),
  "hurried": (
    _positions(lambda p: np.concatenate([p[::12], p[::-12]] * 6)),
    "warning", "rate", POSES, "faster than",
  ),
  "jump": (
    _positions(lambda p: _with(p, (300, 8), p[300, 8] + 1)),
    "warning", "jumps", POSES, "LeftHand",
  ),
  "frozen": (
    _positions(lambda p: _with(p, np.s_[200:320], p[200])),
    "warning", "frozen poses", POSES, "no joint moves",
  ),
  "stuck": (
    _positions(lambda p: _with(p, np.s_[:400, 12], p[0, 12])),
    "warning", "frozen poses", POSES, "RightHand keeps",
  ),
  "lost": (
    _positions(lambda p: _with(p, np.s_[10:20], 0)),
    "error", "lost person", POSES, "in 10 rows, first at row 10",
  ),
  "100 Hz": (
    _positions(lambda p: p[:480]), "error", "pose rate", POSES, "100 it seems"
  ),
  "fewer poses": (
    _positions(lambda p: p[:300]), "warning", "length", POSES, "2.5 s at 120"
  ),
  "outside": (
    _text("0 3 wave\n3 9 squat\n"), "warning", "annotations", NOTES, "3 to 9"
  ),
  "milliseconds": (
    _text("600 2400 wave\n2400 4800 squat\n"),
    "error", "annotations", NOTES, "none of 8",
  ),
  "overlap": (
    _text("0 3 wave\n2 4 squat\n"), "warning", "annotations", NOTES, "overlap"
  ),
  "no line": (_text("0 wave\n"), "error", "annotations", NOTES, "2 fields"),
  "binary": (
    lambda data: (data / NOTES).write_bytes(b"\xff\xfe\0\0"),
    "error", "annotations", NOTES, "UTF-8",
  ),
  "people": (
    _text("0 3 wave\n3 4 No people\n"), "error", "labels", NOTES, "no_people"
  ),
  "spelling": (
    _text("0 3 Wave\n"), "warning", "labels", "annotations", "'wave' in 1"
  ),
}  # fmt: skip


def _show(findings):
  return "\n".join(
    f"{f.severity} {f.kind} {f.where}: {f.what}" for f in findings
  )


def test_a_good_folder_has_nothing_to_repair(good_raw):
  found = examine(good_raw, align="none", progress=False)
  assert _show(f for f in found.findings if f.severity != "note") == ""
  (part,) = found.parts
  assert [f.kept for f in part.facts.values()] == [6, 6]
  assert [row.setting for row in part.settings if not row.reason] == ["single"]
  assert part.settings[0].folds == 2
  assert part.settings[0].train_windows == part.settings[0].test_windows == 6


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(raw, fault):
  break_it, severity, kind, where, what = FAULTS[fault]
  break_it(raw / "data")
  found = examine(raw, align="none", progress=False)
  hits = [
    f
    for f in found.findings
    if (f.severity, f.kind) == (severity, kind)
    and where in f.where
    and what in f.what
  ]
  assert hits, _show(found.findings)
  assert all(f.fix for f in found.findings)
  # The other recording is looked at all the same.
  assert [f for f in found.findings if "subject_6_arnor_" in f.where] == []


@pytest.mark.parametrize(
  ("fault", "kind"),
  [
    ("gaps", "position gaps"),
    ("centimetres", "pose unit"),
    ("z up", "up axis"),
    ("mirrored", "sides"),
    ("100 Hz", "pose rate"),
  ],
)
def test_the_commands_for_poses_repair_them(
  raw, fault, kind, tmp_path, monkeypatch
):
  wanted = poses.read_position_csv(raw / "data" / POSES)
  FAULTS[fault][0](raw / "data")
  found = examine(raw, align="none", progress=False)
  (finding,) = [f for f in found.findings if f.kind == kind]
  words = shlex.split(finding.fix.partition("python ")[2].split(", and put")[0])
  assert words[0] == "-c"
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, "argv", words[1:])
  exec(compile(words[1], "fix", "exec"), {})
  repaired = poses.read_position_csv("fixed.csv")
  if fault == "100 Hz":
    assert len(repaired) == 575
  else:
    assert np.abs(repaired - wanted).max() < 1e-3


def test_all_faults_of_a_folder_are_told_at_once(raw):
  for fault in ("rate", "z up", "outside", "foreign", "no music"):
    FAULTS[fault][0](raw / "data")
  found = examine(raw, align="none", progress=False)
  kinds = {f.kind for f in found.findings}
  assert {"sample rate", "up axis", "annotations", "missing file"} <= kinds
  assert {f.kept for f in found.parts[0].facts.values()} == {None}
  # What cannot be built is no part of what could be trained.
  assert all(row.reason for row in found.parts[0].settings)
