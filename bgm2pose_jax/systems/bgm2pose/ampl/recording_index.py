"""What AMPL's two layouts share: names, genres, and who is left out."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.files import json_file
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.poses import subject_evidence
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.performances import Performances

TRACKS_FILE = "tracks.json"
SIMULATED_FILE = "simulated.json"
# Of an upright first-order microphone whose front faces the loudspeakers.
DEFAULT_LEFT = "+Y"
# The official build always skips this token.
SKIPPED_TRACKS = ("techno",)
# A description may come from a stranger.
_MOST_WARNINGS, _LONGEST_WARNING = 6, 400

# Without motion capture the official names read subject_0_wo_mocap_arnor; this
# package also takes subject_0_arnor_wo_mocap. A track's token becomes a
# folder's name: no hidden one, no `..`.
_BARE = r"wo_mocap\d*"
_NAME = re.compile(
  rf"subject_(?P<subject>[^_/\\]+)_(?P<before>{_BARE}_)?"
  rf"(?P<track>[^.\s/\\][^/\\]*?)(?P<after>_{_BARE})?"
)


@dataclasses.dataclass(frozen=True)
class Name:
  """What a recording's name says.

  Attributes:
    subject: the raw id.
    track: the track's token.
    has_pose: False where the name says `wo_mocap`.
  """

  subject: str
  track: str
  has_pose: bool


class RecordingLike(Protocol):
  """What the index needs of a recording."""

  @property
  def name(self) -> str:
    """`subject_<s>_<track>`."""
    ...

  @property
  def subject(self) -> str:
    """The raw id."""
    ...

  @property
  def track(self) -> str:
    """The track's token."""
    ...

  @property
  def genre(self) -> str:
    """Of the track."""
    ...

  @property
  def has_pose(self) -> bool:
    """Whether motion capture ran."""
    ...


R = TypeVar("R", bound=RecordingLike)

# What becomes of a file or line that cannot be used, while others can.
Refuse = Callable[[InputError], None]


def stop(error: InputError) -> None:
  """Ends the work at the first such file: nothing is left out unnoticed."""
  raise error


@dataclasses.dataclass(frozen=True)
class RecordingIndex(Generic[R]):
  """What a folder of AMPL's holds.

  Attributes:
    root: the folder that file names are relative to.
    recordings: the recordings by track, then by subject in natural order.
    simulated: whether the simulator made them.
  """

  root: Path
  recordings: tuple[R, ...]
  simulated: bool

  @property
  def genres(self) -> dict[str, str]:
    """{track: genre}, AMPL's order first, then by name."""
    return {r.track: r.genre for r in self.recordings}

  @property
  def subjects_by_track(self) -> dict[str, tuple[str, ...]]:
    """{track: subjects recorded with poses}."""
    return self._subjects(with_pose=True)

  @property
  def without_pose(self) -> dict[str, tuple[str, ...]]:
    """{track: subjects recorded without poses}."""
    return self._subjects(with_pose=False)

  @property
  def ambisonic_format(self) -> str | None:
    """What simulated recordings say of their channels' gains, else None.

    Raises:
      InputError: the folder's own description cannot be read.
    """
    # Before AMPL-like folders had scenes they had none here either.
    stated = self._described("scene").get("format")
    return stated if isinstance(stated, str) else None

  @property
  def people(self) -> splits.CapturedPeople | None:
    """What simulated recordings say of captured people, else None.

    Raises:
      InputError: the folder's own description cannot be read.
    """
    known = self._described("people")
    evidence, warnings = known.get("subject_from"), known.get("warnings")
    if evidence not in subject_evidence.EVIDENCE:
      return None
    said = warnings if isinstance(warnings, list) else []
    return splits.CapturedPeople(
      evidence,
      tuple(clip_text(str(w), _LONGEST_WARNING) for w in said[:_MOST_WARNINGS]),
    )

  @property
  def performances(self) -> Performances | None:
    """What the performers of simulated recordings show, else None.

    Raises:
      InputError: the folder's own description cannot be read.
    """
    known = self._described("performances")
    if not known:
      return None
    return Performances.from_dict(known, self.root / SIMULATED_FILE)

  def _described(self, key: str) -> Mapping[str, Any]:
    """An entry of the simulator's description; empty without one."""
    path = self.root / SIMULATED_FILE
    if not self.simulated or not path.is_file():
      return {}
    fix = "make the recordings again"
    entry = json_file.read(path, fix).get(key, {})
    if not isinstance(entry, dict):
      raise InputError(path, f"{key} is no object", fix)
    return entry

  @property
  def is_ampl(self) -> bool:
    """Whether these are AMPL's own people and tracks."""
    return not self.simulated and set(self.genres) <= set(splits.AMPL_GENRES)

  @property
  def excluded(self) -> tuple[str, ...]:
    """Subjects that are never used: 1 and 3 of real AMPL."""
    return splits.AMPL_EXCLUDED_SUBJECTS if self.is_ampl else ()

  def holdings(self) -> splits.Holdings:
    """Returns what `settings.resolve` needs; real AMPL leaves out 1 and 3."""
    return splits.Holdings(
      genres=self.genres,
      subjects=self.subjects_by_track,
      without_pose=self.without_pose,
      excluded=self.excluded,
      aliases=splits.AMPL_PAPER_SUBJECTS if self.is_ampl else {},
      people=self.people,
      performances=self.performances,
    )

  def of_track(self, track: str, subject: str | None = None) -> tuple[R, ...]:
    """Returns a track's recordings.

    Args:
      track: its token.
      subject: only this one's.

    Raises:
      InputError: unknown track, or a subject without it.
    """
    known = self.genres
    if track not in known:
      raise InputError(
        f"{self.root}, track {track}",
        "unknown track",
        f"choose one of {', '.join(known)}",
      )
    found = [r for r in self.recordings if r.track == track]
    if subject is None:
      return tuple(found)
    chosen = tuple(r for r in found if r.subject == subject)
    if not chosen:
      having = dict.fromkeys(r.subject for r in found)
      raise InputError(
        f"{self.root}, subject {subject}",
        f"has no recording of track {track}",
        f"choose one of {', '.join(having)}",
      )
    return chosen

  def to_build(self, track: str) -> tuple[R, ...]:
    """Returns a track's recordings without those of excluded subjects.

    Args:
      track: its token.

    Raises:
      InputError: unknown track, or nobody else recorded it.
    """
    excluded = self.excluded
    kept = tuple(r for r in self.of_track(track) if r.subject not in excluded)
    if not kept:
      raise InputError(
        f"{self.root}, track {track}",
        f"has recordings of excluded subjects alone ({', '.join(excluded)})",
        "choose another track",
      )
    return kept

  def left_out(self, track: str) -> tuple[R, ...]:
    """Returns a track's recordings of excluded subjects."""
    return tuple(r for r in self.of_track(track) if r.subject in self.excluded)

  def _subjects(self, with_pose: bool) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for r in self.recordings:
      if r.has_pose == with_pose:
        found.setdefault(r.track, {})[r.subject] = None
    return {track: tuple(names) for track, names in found.items()}


def simulated_root(recording: Path) -> Path | None:
  """The folder of the simulator that a recording's file lies in.

  Args:
    recording: a sound file.

  Returns:
    Folder with the simulator's scene file: the file's own or the one above;
    None where there is no scene, and nothing is known of the recording.
  """
  for folder in recording.absolute().parents[:2]:
    if (folder / SIMULATED_FILE).is_file():
      return folder
  return None


def left_of(recording: Path, stated: str | None) -> str:
  """Axis of a recording's microphone that points left.

  Args:
    recording: its sound file.
    stated: the axis that somebody gave; None asks the simulator's scene.
  """
  root = simulated_root(recording)
  if stated is not None:
    return stated
  return DEFAULT_LEFT if root is None else left_axis(root)


def left_axis(root: Path) -> str:
  """Axis of the microphone that points left.

  Args:
    root: folder of the recordings; the simulator says there how it turned the
      microphone.
  """
  try:
    path = root / SIMULATED_FILE
    plain = json_file.read(path, "")["scene"]["axes"] == "scene"
  except (InputError, KeyError, TypeError):
    plain = False
  return "-X" if plain else DEFAULT_LEFT


def parse_name(name: str) -> Name | None:
  """Reads a recording's name, `subject_<s>_<track>`.

  Args:
    name: without any ending.

  Returns:
    What it says, or None where it does not follow the pattern.
  """
  match = _NAME.fullmatch(name)
  if match is None or re.fullmatch(_BARE, match["track"]):
    return None
  bare = match["before"] or match["after"]
  return Name(match["subject"], match["track"], not bare)


def in_order(recordings: Iterable[R]) -> tuple[R, ...]:
  """Sorts by track (AMPL's order, then by name), subject and name."""
  order = list(splits.AMPL_GENRES)

  def key(r: R) -> tuple:
    place = order.index(r.track) if r.track in order else len(order)
    return place, r.track, natural_key(r.subject), r.name

  return tuple(sorted(recordings, key=key))


def read_genres(path: Path, refuse: Refuse = stop) -> Mapping[str, str]:
  """Returns {track: genre}: AMPL's own, then those of a `tracks.json`.

  Args:
    path: the file, present or not.
    refuse: called when the file is not as it should be; without it AMPL's
      genres are known, and those of the entries before the broken one.

  Raises:
    InputError: by default, a file that is not as it should be.
  """
  genres = dict(splits.AMPL_GENRES)
  if not os.path.lexists(path):
    return genres
  fix = 'write {"<track>": {"genre": "<genre>", "title": "<title>"}}'
  try:
    for track, entry in json_file.read(path, fix).items():
      genres[str(track)] = str(entry["genre"])
  except InputError as error:
    refuse(error)
  except (KeyError, TypeError) as error:
    refuse(InputError(path, f"cannot be read ({error!r})", fix))
  return genres
