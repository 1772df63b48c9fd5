"""What is found in a raw folder, and what is said when it is not there."""

from __future__ import annotations

import json
import os

import pytest
import raw_fixture

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout


def touch(root, *names):
  sound = root / "data" / "sound_cut"
  sound.mkdir(parents=True, exist_ok=True)
  for name in names:
    (sound / name).touch()
  return root


def test_finds_ampl_recordings_in_natural_order(tmp_path):
  root = touch(
    tmp_path,
    *[f"subject_{s}_arnor_cut.wav" for s in (10, 2, 0)],
    "subject_2_jazz_cut.WAV",
    "subject_1_arnor_wo_mocap_cut.wav",
    "subject_0_techno_cut.wav",
    "arnor_input.WAV",
    "arnor_input.mp3",
    "notes.txt",
    # macOS's companions of files.
    "._subject_0_arnor_cut.wav",
    "._notes_cut.wav",
    "._arnor_input.WAV",
  )
  index = raw_layout.scan_raw(root)
  names = [r.name for r in index.recordings]
  assert names == [
    "subject_0_arnor", "subject_1_arnor_wo_mocap", "subject_2_arnor",
    "subject_10_arnor", "subject_2_jazz",
  ]  # fmt: skip
  assert index.genres == {"arnor": "ambient", "jazz": "jazz"}
  assert index.subjects_by_track == {"arnor": ("0", "2", "10"), "jazz": ("2",)}
  assert index.without_pose == {"arnor": ("1",)}
  assert not index.simulated
  first, bare = index.recordings[:2]
  assert first.music is not None
  assert first.music.name == "arnor_input.WAV"
  assert bare.poses is None
  assert index.recordings[-1].music is None
  assert raw_layout.scan_raw(root / "data") == index


def test_plain_clothes_are_named_as_the_official_code_does_or_at_the_end(
  tmp_path,
):
  names = ("0_wo_mocap_arnor", "0_arnor_wo_mocap2", "6_arnor", "7_wo_mocap")
  root = touch(tmp_path, *[f"subject_{n}_cut.wav" for n in names[:3]])
  index = raw_layout.scan_raw(root)
  assert index.subjects_by_track == {"arnor": ("6",)}
  assert index.without_pose == {"arnor": ("0",)}
  touch(tmp_path, f"subject_{names[3]}_cut.wav")
  with pytest.raises(InputError, match="its name does not follow"):
    raw_layout.scan_raw(root)


def test_real_ampl_leaves_out_subjects_1_and_3(tmp_path):
  root = touch(tmp_path, "subject_1_arnor_cut.wav", "subject_6_arnor_cut.wav")
  assert raw_layout.scan_raw(root).holdings().excluded == ("1", "3")
  (root / "data" / "simulated.json").write_text("{}")
  index = raw_layout.scan_raw(root)
  assert index.simulated
  assert index.holdings().excluded == ()


def test_recordings_of_excluded_subjects_are_left_out(tmp_path):
  names = [f"subject_{s}_arnor_cut.wav" for s in (0, 1)]
  root = touch(tmp_path, *names, "subject_3_jazz_wo_mocap_cut.wav")
  index = raw_layout.scan_raw(root)
  assert [r.name for r in index.to_build("arnor")] == ["subject_0_arnor"]
  assert [r.name for r in index.left_out("arnor")] == ["subject_1_arnor"]
  with pytest.raises(InputError, match="excluded subjects alone"):
    index.to_build("jazz")


def test_genres_of_other_tracks_come_from_the_folder(tmp_path):
  root = touch(tmp_path, "subject_a_my_song_cut.wav", "subject_a_x_cut.wav")
  listed = {"my_song": {"genre": "folk", "title": "My song"}}
  (root / "data" / "tracks.json").write_text(json.dumps(listed))
  genres = raw_layout.scan_raw(root).genres
  assert genres == {"my_song": "folk", "x": "unknown"}
  (root / "data" / "tracks.json").write_text('{"my_song": {}}')
  with pytest.raises(InputError, match=r"tracks\.json: cannot be read"):
    raw_layout.scan_raw(root)


def test_unknown_track_and_subject_without_track(tmp_path):
  root = touch(tmp_path, "subject_0_arnor_cut.wav", "subject_2_jazz_cut.wav")
  index = raw_layout.scan_raw(root)
  with pytest.raises(InputError, match="unknown track; choose one of arnor"):
    index.of_track("polka")
  message = "subject 2: has no recording of track arnor; choose one of 0"
  with pytest.raises(InputError, match=message):
    index.of_track("arnor", "2")
  assert len(index.of_track("arnor", "0")) == 1


@pytest.mark.parametrize(
  ("make", "found"),
  [
    (lambda root: root / "nowhere", "is no folder"),
    (lambda root: root, "holds no data/sound_cut"),
    (lambda root: touch(root, "arnor_input.WAV"), "holds no subject_"),
    (lambda root: touch(root, "mine_cut.wav"), "its name does not follow"),
    *(
      (
        lambda root, track=track: touch(root, f"subject_0_{track}_cut.wav"),
        "its name does not follow",
      )
      for track in (".", "..", ".hidden", " x")
    ),
  ],
)
def test_wrong_folders_are_named(tmp_path, make, found):
  with pytest.raises(InputError, match=found) as error:
    raw_layout.scan_raw(make(tmp_path))
  assert str(tmp_path) in str(error.value)


def test_fingerprint_follows_the_files(tmp_path):
  root = raw_fixture.make_raw_folder(tmp_path, subjects=("0",), seconds=1.2)

  def fingerprint():
    return raw_layout.scan_raw(root).fingerprint()

  first = fingerprint()
  assert first == fingerprint()
  notes = root / "data" / "annotations" / "subject_0_arnor.txt"
  notes.write_text("0 1.2 bow\n")
  second = fingerprint()
  os.utime(notes, ns=(1, 1))
  third = fingerprint()
  (root / "data" / "sound_cut" / "subject_6_arnor_cut.wav").touch()
  assert len({first, second, third, fingerprint()}) == 4
