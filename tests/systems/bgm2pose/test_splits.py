"""Splits against the published rules, and on tracks nobody has seen."""

from __future__ import annotations

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.systems.bgm2pose import splits

# Who holds which track in AMPL, raw ids (derived from the published counts).
AMBIENT = ("0", "1", "6", "7", "8", "9")
AMPL = splits.Holdings(
  genres=splits.AMPL_GENRES,
  subjects={
    "arnor": AMBIENT,
    "mantron": AMBIENT,
    "cirrus": tuple("0123456789"),
    "jazz": ("1", "2", "3", "4", "5"),
  },
  without_pose={"arnor": ("10",)},
  excluded=splits.AMPL_EXCLUDED_SUBJECTS,
  aliases=splits.AMPL_PAPER_SUBJECTS,
)
SIMULATED = splits.Holdings(
  genres={"swing": "jazz", "haze": "ambient", "tide": "ambient"},
  subjects={t: ("0", "1", "2") for t in ("swing", "haze", "tide")},
)


@pytest.mark.parametrize(
  ("setting", "track", "train_tracks", "folds"),
  [
    ("single", "arnor", {"arnor"}, "06789"),
    ("single", "mantron", {"mantron"}, "06789"),
    ("cross_music", "mantron", {"cirrus", "arnor", "jazz"}, "06789"),
    ("cross_music", "cirrus", {"mantron", "arnor", "jazz"}, "02456789"),
    ("cross_genre", "jazz", {"mantron", "arnor", "cirrus"}, "245"),
  ],
)
def test_ampl_settings(setting, track, train_tracks, folds):
  split = splits.resolve(setting, AMPL, test_track=track, fold=1)
  assert set(split.train_tracks) == train_tracks
  assert split.test_tracks == (track,)
  assert split.fold_order == tuple(folds)
  assert split.test_subjects == (folds[1],)
  assert not {"1", "3", folds[1]} & set(split.train_subjects)


def test_default_tracks_are_the_papers():
  for setting, track in (
    ("single", "arnor"),
    ("cross_music", "mantron"),
    ("cross_genre", "jazz"),
  ):
    assert splits.resolve(setting, AMPL).test_tracks == (track,)


def test_simulated_tracks_follow_the_same_rules():
  assert splits.resolve("single", SIMULATED).test_tracks == ("haze",)
  cross = splits.resolve("cross_music", SIMULATED)
  assert cross.test_tracks == ("haze",)
  assert set(cross.train_tracks) == {"swing", "tide"}
  genre = splits.resolve("cross_genre", SIMULATED)
  assert genre.test_tracks == ("swing",)
  assert set(genre.train_tracks) == {"haze", "tide"}


def test_plain_clothes_takes_recordings_without_poses():
  split = splits.resolve("plain_clothes", AMPL)
  assert split.test_subjects == ("10",)
  assert split.train_tracks == ("arnor",)


def test_plain_clothes_by_name():
  split = splits.resolve("plain_clothes", AMPL, test_subject="10")
  assert split.test_subjects == ("10",)
  with pytest.raises(InputError, match="choose one of 10"):
    splits.resolve("plain_clothes", AMPL, test_subject="0")


def test_track_without_poses_is_refused():
  bare = splits.Holdings({"haze": "ambient"}, {"haze": ()})
  for fold_by in ("subject", "clip"):
    with pytest.raises(InputError, match="no recording with poses"):
      splits.resolve("single", bare, fold_by=fold_by)


def test_subject_by_name_and_clip_folds():
  split = splits.resolve("single", AMPL, test_subject="8")
  assert split.fold == 3
  paper = splits.resolve("single", AMPL, test_subject="paper:4")
  assert paper == split
  clips = splits.resolve("single", AMPL, fold=4, fold_by="clip")
  assert clips.train_subjects == clips.test_subjects


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ({"setting": "single", "test_track": "techno"}, "unknown track"),
    (
      {"setting": "single", "test_subject": "3"},
      r"choose one of 0 \(paper:1\), 6 \(paper:2\)",
    ),
    (
      {"setting": "single", "test_subject": "paper:6"},
      "--test_subject=paper:6: has no usable",
    ),
    ({"setting": "single", "test_subject": "paper:10"}, "no usable recording"),
    ({"setting": "single", "fold": 5}, "only 5 subjects"),
    ({"setting": "cross_music", "test_track": "jazz"}, "cannot be tested"),
    ({"setting": "single", "fold": 5, "fold_by": "clip"}, "give 0 to 4"),
  ],
)
def test_refusals_name_the_choices(arguments, words):
  arguments = dict(arguments)
  with pytest.raises(InputError, match=words):
    splits.resolve(arguments.pop("setting"), AMPL, **arguments)


def test_one_track_cannot_cross():
  one = splits.Holdings({"haze": "ambient"}, {"haze": ("0", "1")})
  with pytest.raises(InputError, match="needs two tracks"):
    splits.resolve("cross_music", one)


def test_natural_order():
  assert sorted(["10", "2", "a1"], key=natural_key) == [
    "2", "10", "a1",
  ]  # fmt: skip


def test_digits_that_are_no_numbers_sort_too():
  assert sorted(["²", "1"], key=natural_key) == ["1", "²"]


def test_papers_numbers_of_people():
  """Raw id -> the paper's (specification 2.1); raw 3 is unused."""
  paper = {0: 1, 1: 9, 2: 6, 4: 7, 5: 8, 6: 2, 7: 3, 8: 4, 9: 5}
  assert dict(splits.AMPL_PAPER_SUBJECTS) == {
    f"paper:{number}": str(raw) for raw, number in paper.items()
  }


@pytest.mark.parametrize(
  ("setting", "versions"),
  [
    # Training tracks and the test track of each version (specification 3).
    ("single", ["arnor=>arnor", "mantron=>mantron", "cirrus=>cirrus"]),
    (
      "cross_music",
      [
        "cirrus,arnor,jazz=>mantron",
        "cirrus,mantron,jazz=>arnor",
        "mantron,arnor,jazz=>cirrus",
      ],
    ),
    ("cross_genre", ["mantron,arnor,cirrus=>jazz"]),
  ],
)
def test_versions_of_a_setting_in_the_official_order(setting, versions):
  found = splits.test_tracks(setting, AMPL.genres)
  assert list(found) == [version.split("=>")[1] for version in versions]
  for version in versions:
    train, test = version.split("=>")
    split = splits.resolve(setting, AMPL, test_track=test)
    assert sorted(split.train_tracks) == sorted(train.split(","))
