"""Which recordings train and which test: the settings as data.

AMPL's rules (paper, section 4; the official code's list of track
combinations) in a form that any set of tracks with genres can use:

- `single`: train and test on the same track, other subjects.
- `cross_music`: test on a track that training never heard, of a genre it did;
  training takes every other track.
- `cross_genre`: test on a track of a genre that training never heard.
- `plain_clothes`: train on everybody with poses; test on recordings without.

Folds leave one subject out. Their order is the natural order of the subjects
who have the test track ("2" before "10"), excluded ones left out.

A performer shows captured performances that others may show too, so leaving a
performer out leaves those out as well (`performer_folds`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import Dealt, Split, natural_key
from bgm2pose_jax.poses import subject_evidence
from bgm2pose_jax.systems.bgm2pose import performer_folds
from bgm2pose_jax.systems.bgm2pose.performances import Performances

# Genres of AMPL's tracks; the order is the paper's.
AMPL_GENRES = {
  "arnor": "ambient",
  "mantron": "ambient",
  "cirrus": "ambient",
  "jazz": "jazz",
}
# Test tracks in the order of the official list: versions 1, 6, 7 (single),
# 10, 11, 12 (cross-music) and 13 (cross-genre).
AMPL_TEST_TRACKS = {
  "single": ("arnor", "mantron", "cirrus"),
  "plain_clothes": ("arnor", "mantron", "cirrus"),
  "cross_music": ("mantron", "arnor", "cirrus"),
  "cross_genre": ("jazz",),
}
# Raw subject ids the official code never uses: 3 has broken motion capture, 1
# is left out of training and testing alike.
AMPL_EXCLUDED_SUBJECTS = ("1", "3")
# The files count people otherwise than the paper does (table in the authors'
# README); 3 is in the paper under no number.
AMPL_PAPER_SUBJECTS = {
  "paper:1": "0",
  "paper:2": "6",
  "paper:3": "7",
  "paper:4": "8",
  "paper:5": "9",
  "paper:6": "2",
  "paper:7": "4",
  "paper:8": "5",
  "paper:9": "1",
}
# Groups of clips when folds are made of clips instead of people.
CLIP_FOLDS = 5


@dataclasses.dataclass(frozen=True)
class CapturedPeople:
  """What is known of the motion files behind simulated recordings.

  Attributes:
    subject_from: what says who moves, the weakest of all people's, one of
      `subject_evidence.EVIDENCE`.
    warnings: what is odd about the files, a sentence each, the first few.
  """

  subject_from: str
  warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Holdings:
  """What a dataset has, known before any feature is computed.

  Attributes:
    genres: {track: genre}, in the dataset's order.
    subjects: {track: subjects with poses}.
    without_pose: {track: subjects recorded without poses}.
    excluded: subjects that neither train nor test.
    aliases: {other name: subject}.
    people: how captured people are known, and what is odd about their motion;
      None where nobody says.
    performances: what performers show; None where subjects are no performers.
  """

  genres: Mapping[str, str]
  subjects: Mapping[str, Sequence[str]]
  without_pose: Mapping[str, Sequence[str]] = dataclasses.field(
    default_factory=dict
  )
  excluded: Sequence[str] = ()
  aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
  people: CapturedPeople | None = None
  performances: Performances | None = None

  def named(self, subjects: Sequence[str]) -> str:
    """Lists subjects with their other names, for messages."""
    others = {subject: f" ({name})" for name, subject in self.aliases.items()}
    return ", ".join(s + others.get(s, "") for s in subjects)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MusicSplit(Split):
  """The rows of one run, by track and subject.

  Attributes:
    setting: the setting's name.
    people: see `Holdings`.
    performances: see `Holdings`.
  """

  setting: str
  people: CapturedPeople | None = None
  performances: Performances | None = None

  @property
  def train_tracks(self) -> tuple[str, ...]:
    """Names of the tracks that are trained on."""
    return self.train["track"]

  @property
  def test_tracks(self) -> tuple[str, ...]:
    """Names of the tracks that are tested on."""
    return self.test["track"]

  @property
  def train_subjects(self) -> tuple[str, ...]:
    """Names of the people who are trained on."""
    return self.train["subject"]

  @property
  def test_subjects(self) -> tuple[str, ...]:
    """Names of the people who are tested on; all where folds are clips."""
    return self.test["subject"]


def make_split(
  setting: str,
  *,
  train_tracks: Sequence[str],
  test_tracks: Sequence[str],
  train_subjects: Sequence[str],
  test_subjects: Sequence[str],
  fold_order: Sequence[str],
  fold: int = 0,
  fold_by: str = "subject",
) -> MusicSplit:
  """Puts names together to a split.

  Args:
    setting: `single`, `cross_music`, `cross_genre` or `plain_clothes`.
    train_tracks: tracks that are trained on.
    test_tracks: tracks that are tested on.
    train_subjects: people who are trained on.
    test_subjects: people who are tested on; with clip folds the same.
    fold_order: what `fold` counts.
    fold: position of the test subject (or clip group) in the fold order.
    fold_by: `subject`, `clip` or `person`. Clips are annotation labels.
  """
  return MusicSplit(
    setting=setting,
    train={"track": tuple(train_tracks), "subject": tuple(train_subjects)},
    test={"track": tuple(test_tracks), "subject": tuple(test_subjects)},
    fold=fold,
    fold_by=fold_by,
    fold_order=tuple(fold_order),
    sections=tuple(dict.fromkeys([*train_tracks, *test_tracks])),
    label=f"--setting={setting}",
    dealt=(
      Dealt("label", within="subject", groups=CLIP_FOLDS)
      if fold_by == "clip"
      else None
    ),
    test_lacks=("has_pose",) if setting == "plain_clothes" else (),
  )


def test_tracks(setting: str, genres: Mapping[str, str]) -> tuple[str, ...]:
  """Returns the tracks a setting may be tested on, the default first.

  Args:
    setting: the setting's name.
    genres: {track: genre} of the dataset.

  Raises:
    InputError: when the tracks cannot make this setting.
  """
  ampl = AMPL_TEST_TRACKS[setting]
  if set(genres) <= set(AMPL_GENRES) and set(ampl) & set(genres):
    known = [track for track in ampl if track in genres]
  else:
    sizes: dict[str, int] = {}
    for genre in genres.values():
      sizes[genre] = sizes.get(genre, 0) + 1
    # Most-heard genre first, as AMPL's ambient tracks; cross-genre the other
    # way round, as its single jazz track.
    sign = 1 if setting == "cross_genre" else -1
    known = sorted(genres, key=lambda t: sign * sizes[genres[t]])
  usable = [t for t in known if _train_tracks(setting, t, genres)]
  if not usable:
    raise InputError(
      f"--setting={setting}",
      "the dataset's tracks cannot make it: "
      + ", ".join(f"{t} ({g})" for t, g in genres.items()),
      "cross_music needs two tracks of one genre, cross_genre two genres",
    )
  return tuple(usable)


def resolve(
  setting: str,
  holdings: Holdings,
  *,
  test_track: str | None = None,
  test_subject: str | None = None,
  fold: int = 0,
  fold_by: str = "subject",
) -> MusicSplit:
  """Turns a setting and a fold into names of tracks and subjects.

  Args:
    setting: `single`, `cross_music`, `cross_genre` or `plain_clothes`.
    holdings: what the dataset has.
    test_track: null takes the setting's first.
    test_subject: or one of its aliases; null takes `fold`.
    fold: position in the fold order.
    fold_by: `subject`, `clip` or `person`.

  Returns:
    The split. Where subjects are performers its training leaves out the
    performances that are tested, and with `person` all of the captured person
    whom the test performers are made of.

  Raises:
    InputError: for a track, subject or fold that the dataset cannot give.
  """
  genres = holdings.genres
  options = test_tracks(setting, genres)
  if test_track is None:
    test_track = options[0]
  elif test_track not in genres:
    raise InputError(
      f"--test_track={test_track}",
      "unknown track",
      f"choose one of {', '.join(options)}",
    )
  elif test_track not in options:
    raise InputError(
      f"--test_track={test_track}",
      f"cannot be tested in --setting={setting}",
      f"choose one of {', '.join(options)}",
    )
  train_tracks = _train_tracks(setting, test_track, genres)

  def usable(names: Sequence[str]) -> list[str]:
    kept = {n for n in names if n not in holdings.excluded}
    return sorted(kept, key=natural_key)

  asked = test_subject
  if test_subject is not None:
    test_subject = holdings.aliases.get(test_subject, test_subject)
  everyone = usable(
    [s for t in train_tracks for s in holdings.subjects.get(t, ())]
  )
  if setting == "plain_clothes":
    bare = usable(holdings.without_pose.get(test_track, ()))
    if not bare:
      raise InputError(
        "--setting=plain_clothes",
        f"no recording of {test_track} without poses",
        "add a recording named subject_<s>_wo_mocap_<track>",
      )
    if test_subject is not None:
      if test_subject not in bare:
        raise InputError(
          f"--test_subject={asked}",
          f"has no recording of {test_track} without poses",
          f"choose one of {holdings.named(bare)}",
        )
      bare = [test_subject]
    return make_split(
      setting,
      train_tracks=train_tracks,
      test_tracks=(test_track,),
      train_subjects=everyone,
      test_subjects=bare,
      fold_order=bare,
    )
  order = usable(holdings.subjects.get(test_track, ()))
  if not order:
    raise InputError(
      f"--test_track={test_track}",
      "has no recording with poses",
      "choose another track, or --setting=plain_clothes",
    )
  performances = holdings.performances
  performer_folds.check(fold_by, performances)
  if fold_by == "person" and performances is not None:
    found = performer_folds.without_person(
      performances, everyone=everyone, tested=order, asked=asked, fold=fold
    )
    split = make_split(
      setting,
      train_tracks=train_tracks,
      test_tracks=(test_track,),
      train_subjects=found.train,
      test_subjects=found.test,
      fold_order=found.order,
      fold=fold,
      fold_by="person",
    )
    return dataclasses.replace(
      split,
      test={**split.test, "label": found.clips},
      left_out={"label": found.clips},
      performances=performances,
    )
  if fold_by == "clip":
    if test_subject is not None:
      raise InputError(
        f"--test_subject={asked}",
        "given together with --fold_by=clip",
        "drop one: clip folds test on everybody",
      )
    if not fold < CLIP_FOLDS:
      raise InputError(
        f"--fold={fold}", "no such fold", f"give 0 to {CLIP_FOLDS - 1}"
      )
    return make_split(
      setting,
      train_tracks=train_tracks,
      test_tracks=(test_track,),
      train_subjects=everyone,
      test_subjects=order,
      fold_order=[f"clips{k}" for k in range(CLIP_FOLDS)],
      fold=fold,
      fold_by="clip",
    )
  if test_subject is not None:
    if test_subject not in order:
      raise InputError(
        f"--test_subject={asked}",
        f"has no usable recording of {test_track}",
        f"choose one of {holdings.named(order)}",
      )
    fold = order.index(test_subject)
  if not fold < len(order):
    raise InputError(
      f"--fold={fold}",
      f"only {len(order)} subjects have {test_track}",
      f"give 0 to {len(order) - 1}, in the order {', '.join(order)}",
    )
  train = [s for s in everyone if s != order[fold]]
  if not train:
    fix = "add recordings of other subjects"
    if performances is not None:
      fix = "make more performers with --performers"
    elif holdings.people is not None:
      fix = (
        "all motion counts as one person's"
        f" (known by: {holdings.people.subject_from}); name who moves in the"
        " column subject of clips.csv, or use --fold_by=clip"
      )
    raise InputError(
      f"--setting={setting}",
      f"nobody but subject {order[fold]} has {', '.join(train_tracks)}",
      fix,
    )
  split = make_split(
    setting,
    train_tracks=train_tracks,
    test_tracks=(test_track,),
    train_subjects=train,
    test_subjects=(order[fold],),
    fold_order=order,
    fold=fold,
  )
  if performances is None:
    return split
  shown = performances.same_performances(order[fold])
  return dataclasses.replace(
    split, left_out={"label": shown}, performances=performances
  )


def doubt(split: MusicSplit) -> str | None:
  """A sentence on a test of other people who may be the same; else None.

  Args:
    split: the run's split.
  """
  if split.people is None:
    return None
  # Performers' own performances are left out by file, whoever moves there.
  by = "subject" if split.performances is None else "person"
  if split.fold_by != by:
    return None
  people = sorted({*split.test_subjects, *split.train_subjects},
                  key=natural_key)  # fmt: skip
  if split.performances is not None:
    people = list(split.performances.people())
  guessed = subject_evidence.explain(split.people.subject_from, people)
  if guessed is None:
    return None
  other = "clip" if split.performances is None else "subject"
  return (
    f"{guessed}, so fold_by={by} means nothing: name who moves in the column"
    f" subject of clips.csv, or use --fold_by={other}"
  )


def _train_tracks(
  setting: str, test_track: str, genres: Mapping[str, str]
) -> tuple[str, ...]:
  if setting in ("single", "plain_clothes"):
    return (test_track,)
  if setting == "cross_music":
    others = tuple(t for t in genres if t != test_track)
    heard = any(genres[t] == genres[test_track] for t in others)
    return others if heard else ()
  return tuple(t for t in genres if genres[t] != genres[test_track])
