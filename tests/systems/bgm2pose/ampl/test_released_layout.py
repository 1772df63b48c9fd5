"""The published table: what is found, and what is refused in one line."""

from __future__ import annotations

import json
import os

import pytest
import released_fixture
from released_fixture import COLUMNS, FILES, FOLDER, TABLE

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import released_layout


@pytest.fixture
def small(tmp_path):
  return released_fixture.make_released_folder(tmp_path, {("0", "arnor"): 2})


def scan(root):
  return released_layout.scan_released(root)


def edit(root, line, **values):
  """Changes one line of the table, counted as in the file."""
  rows = released_fixture.read_rows(root)
  rows[line - 2] |= values
  released_fixture.write_rows(root, rows)


def refusal(root) -> str:
  with pytest.raises(InputError) as error:
    scan(root)
  text = str(error.value)
  assert "\n" not in text
  assert str(root) in text
  return text


def test_finds_ampls_recordings_in_order(tmp_path):
  root = released_fixture.make_released_folder(
    tmp_path,
    {(s, t): 12 for s, t in [("10", "arnor"), ("6", "jazz"), ("6", "arnor"),
                             ("3", "jazz"), ("1", "arnor")]},
    bare=[("0", "arnor")],
  )  # fmt: skip
  index = scan(root)
  assert [r.name for r in index.recordings] == [
    "subject_0_wo_mocap_arnor", "subject_1_arnor", "subject_6_arnor",
    "subject_10_arnor", "subject_3_jazz", "subject_6_jazz",
  ]  # fmt: skip
  assert index.genres == {"arnor": "ambient", "jazz": "jazz"}
  held = index.holdings()
  assert held.subjects["arnor"] == ("1", "6", "10")
  assert held.without_pose == {"arnor": ("0",)}
  assert held.excluded == ("1", "3")
  assert held.aliases["paper:2"] == "6"
  assert [r.name for r in index.left_out("arnor")] == ["subject_1_arnor"]
  windows = index.of_track("arnor", "6")[0].windows
  # In order of time, although the table has them in any; 10 and 11 are absent.
  assert [w.index for w in windows] == [*range(10), 12, 13]
  assert (
    windows[0].sound == f"{FILES}/subject_6_arnor_0_0.6_music_intensity.npy"
  )
  assert windows[1].joint == f"{FILES}/joint_pos_subject_6_arnor_1_0.6.npy"
  assert windows[6].label == "squat, slowly"
  assert not index.simulated
  assert index.notes == ()


def test_order_of_lines_does_not_matter(small):
  before = scan(small).recordings
  rows = released_fixture.read_rows(small)
  released_fixture.write_rows(small, rows[::-1])
  assert scan(small).recordings == before


def test_the_official_folder_of_plain_clothes_is_read_too(tmp_path):
  root = released_fixture.make_released_folder(tmp_path, {("6", "arnor"): 2})
  other = released_fixture.make_released_folder(
    tmp_path / "other", {}, bare=[("0", "arnor")]
  )
  rows = released_fixture.read_rows(other)
  for row in rows:
    row["sound_path"] = row["sound_path"].replace(FOLDER, f"{FOLDER}_wo_mocap")
  released_fixture.write_rows(other, rows)
  (other / FOLDER).rename(root / f"{FOLDER}_wo_mocap")
  index = scan(root)
  assert index.without_pose == {"arnor": ("0",)}
  assert index.subjects_by_track == {"arnor": ("6",)}
  assert len(index.recordings[0].windows) == 6


def test_simulated_folders_exclude_nobody(small):
  (small / FOLDER / "simulated.json").write_text("{}")
  held = scan(small).holdings()
  assert scan(small).simulated
  assert held.excluded == ()
  assert held.aliases == {}


def test_other_tracks_are_named_by_the_folder(tmp_path):
  root = released_fixture.make_released_folder(
    tmp_path, {("0", "my_song"): 1, ("1", "my_song"): 1}
  )
  assert "unknown track 'my_song'; known are arnor" in refusal(root)
  listed = {"my_song": {"genre": "folk"}}
  (root / FOLDER / "tracks.json").write_text(json.dumps(listed))
  index = scan(root)
  assert index.genres == {"my_song": "folk"}
  assert index.excluded == ()
  (root / FOLDER / "tracks.json").write_text("[]")
  assert "tracks.json: holds no JSON object" in refusal(root)


def test_techno_is_skipped_and_unnamed_files_are_counted(tmp_path):
  root = released_fixture.make_released_folder(
    tmp_path, {("0", "arnor"): 2, ("1", "techno"): 3}
  )
  (root / FILES / "notes.txt").touch()
  (root / FILES / "subject_0_arnor_99_0.6_music_intensity.npy").touch()
  index = scan(root)
  assert index.notes == (
    "track techno: 3 windows, never used, skipped",
    "files that no table names, ignored: 2",
  )
  assert list(index.genres) == ["arnor"]


def test_fingerprint_follows_table_and_files(small):
  first = scan(small).fingerprint()
  assert scan(small).fingerprint() == first
  edit(small, 2, label="bow")
  second = scan(small).fingerprint()
  path = small / FILES / "subject_0_arnor_1_0.6_music_intensity.npy"
  os.utime(path, ns=(1, 1))
  third = scan(small).fingerprint()
  (small / FOLDER / "simulated.json").write_text("{}")
  assert len({first, second, third, scan(small).fingerprint()}) == 4


@pytest.mark.parametrize(
  "kind",
  [
    "subject_0_arnor_1_0.6_music_intensity.npy",
    "joint_pos_subject_0_arnor_1_0.6.npy",
  ],
)
def test_missing_half_of_a_pair_is_named(small, kind):
  (small / FILES / kind).unlink()
  text = refusal(small)
  assert f"{TABLE}, line 3: its file '{FILES}/{kind}' is missing" in text
  # A folder of that name is no file either, nor is something to wait for.
  os.mkfifo(small / FILES / kind)
  assert "is missing" in refusal(small)


def test_duplicate_window_names_both_lines(small):
  rows = released_fixture.read_rows(small)
  released_fixture.write_rows(small, [*rows, rows[0] | {"label": "bow"}])
  text = refusal(small)
  assert "line 4: window 0 of subject_0_arnor again, first in" in text
  assert "music_intensity.csv, line 2;" in text


@pytest.mark.parametrize(
  ("values", "words"),
  [
    ({"sound_path": "/etc/passwd"}, "'/etc/passwd' leaves the folder"),
    ({"sound_path": "../x_0_0.6_music_intensity.npy"}, "leaves the folder"),
    ({"joint_path": f"{FILES}/../../../a.npy"}, "leaves the folder"),
    ({"joint_path": "a\0b"}, r"'a\x00b' leaves the folder"),
    ({"sound_path": "x.npy"}, "sound_path is 'x.npy'; files are named"),
    (
      {"sound_path": f"{FILES}/subject_0_arnor_007_0.6_music_intensity.npy"},
      "files are named",
    ),
    (
      {"sound_path": "subject_0_arnor_1234567_0.6_music_intensity.npy"},
      "files are named",
    ),
    ({"joint_path": ""}, "joint_path is empty"),
    ({"joint_path": "joint_pos_subject_0_arnor_1_0.6.npy"}, "its name must be"),
    ({"testee": "subject_6"}, "does not fit testee 'subject_6'"),
    ({"testee": "0"}, "does not fit testee '0'"),
    ({"music_type": "cirrus"}, "and music_type 'cirrus'"),
    ({"music_type": "../x"}, "unknown track '../x'"),
    ({"music_type": "\x1b[31m"}, r"unknown track '\x1b[31m'"),
    ({"spec_duration": "0.3"}, "spec_duration is '0.3'; only windows of 0.6 s"),
    ({"spec_duration": ""}, "spec_duration is ''"),
    (
      {
        "sound_path": "subject_\x1b[2J_arnor_0_0.6_music_intensity.npy",
        "testee": "subject_\x1b[2J",
      },
      "files are named",
    ),
  ],
)
def test_lines_that_cannot_be_right(small, values, words):
  edit(small, 2, **values)
  text = refusal(small)
  assert f"{TABLE}, line 2: " in text
  assert words in text
  assert text.isprintable()


def test_tracks_file_cannot_lead_out_of_the_folder(small):
  listed = {"../../x": {"genre": "folk"}}
  (small / FOLDER / "tracks.json").write_text(json.dumps(listed))
  sound = "subject_0_../../x_0_0.6_music_intensity.npy"
  edit(small, 2, music_type="../../x", sound_path=sound)
  assert "leaves the folder" in refusal(small)


@pytest.mark.parametrize(
  ("data", "words"),
  [
    (b"", "line 1: has 0 columns named sound_path"),
    (",".join(COLUMNS).encode(), "names no window"),
    (",".join(COLUMNS[:-1]).encode(), "has 0 columns named joint_path"),
    (",".join((*COLUMNS, "label")).encode(), "has 2 columns named label"),
    ((",".join(COLUMNS) + "\na,b\n").encode(), "line 2: has 2 fields instead"),
    ((",".join(COLUMNS) + '\n"a\n').encode(), "line 2: cannot be read"),
    (b"\xff\xfe", "is no UTF-8 text"),
  ],
)
def test_malformed_tables(small, data, words):
  (small / TABLE).write_bytes(data)
  assert words in refusal(small)


def test_large_tables_and_other_folders_are_refused(small, tmp_path):
  with open(small / TABLE, "r+b") as file:
    file.truncate((64 << 20) + 1)
  assert "is larger than 64 MiB" in refusal(small)
  (small / TABLE).unlink()
  assert f"holds no {TABLE}; give the folder" in refusal(small)


def test_byte_order_mark_and_empty_labels(small):
  edit(small, 2, label=" ")
  path = small / TABLE
  text = path.read_text().replace(",sound_path", "sound_path", 1)
  lines = [line.partition(",")[2] for line in text.splitlines()[1:]]
  header = text.splitlines()[0]
  path.write_text("\n".join([header, *lines, ""]), encoding="utf-8-sig")
  assert scan(small).recordings[0].windows[0].label == "unlabelled"
