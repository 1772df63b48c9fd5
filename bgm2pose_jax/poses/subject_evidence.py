"""Who moves in a motion file, and what says so.

`clips.csv` says it; a folder's name does, unless it is that of an action; the
file names of public sets do in a known way. Whatever else stands before the
first `_` of a name is a guess, and often the action: `walk1_take2.bvh`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

CLIPS_CSV, FOLDER, NAME_PATTERN, GUESS, NOTHING = (
  "clips.csv",
  "folder",
  "name pattern",
  "guess",
  "nothing",
)
# Best first.
EVIDENCE = (CLIPS_CSV, FOLDER, NAME_PATTERN, GUESS, NOTHING)
LONE_SUBJECT = "subject_00"

_LONGEST_NAME = 200
# Names that say who moves in so many words, as `walk1_subject1` of LaFAN1.
_WORDED = re.compile(
  r"(?<![a-z0-9])((?:subject|subj|sub|person|actor|actress|performer|dancer"
  r"|participant|player|speaker|volunteer)[-_ ]?\d{1,6})(?![a-z0-9])",
  re.IGNORECASE,
)
# Public sets whose names hold the person in a place of its own.
_KNOWN = tuple(
  re.compile(pattern)
  for pattern in (
    # AIST++ and Motorica: dancer behind style, situation and camera.
    r"(?:[a-z]{1,20}_)?g[A-Z]{2}_s[A-Z]{2}_c\w{2,3}_(d\d\d)_m[A-Z]{2}\d?"
    r"_ch\d\d(?:_\w{1,99})?",
    # Berkeley MHAD: person, action, repetition.
    r"(?:skl_)?(s\d\d)_a\d\d_r\d\d(?:_\w{1,20})?",
    # HDM05: person, scene, take, rate.
    r"HDM_([a-z]{2})_\d\d-\d\d_\d\d_\d{2,3}",
    # BEAT: speaker's number and name, kind, first and last text.
    r"(\d{1,2}_[a-z]{2,20})_\d_\d{1,3}_\d{1,3}",
    # SFU: person, action with take.
    r"(\d{4})_[A-Za-z]{2,40}\d{3}",
  )
)
# Numbers alone: person and trial of CMU, also as AMASS names it.
_NUMBERED = re.compile(
  r"((?:cmu_?)?\d{2,3})_\d{1,3}(?:_(?:poses|stageii))?", re.IGNORECASE
)
# Public sets whose names hold style and action, and never the person:
# Bandai-Namco's, 100STYLE (8 ways of walking and standing), ZeroEGGS.
_NAMELESS = tuple(
  re.compile(pattern)
  for pattern in (
    r"dataset-\d_[a-z0-9-]{1,40}_[a-z-]{1,40}_\d{3}",
    r"[A-Z][A-Za-z0-9]{1,40}_(?:BR|BW|FR|FW|ID|SR|SW|TR\d)",
    r"\d{3}_[A-Z][A-Za-z]{2,20}_\d{1,2}_x_\d_\d",
  )
)
# What people do, and how; a folder or a name of such words names nobody.
_ACTIONS = """
aim act action angry arm art attack backward balance ballet basketball bend bow
box break breakdance carry cartwheel catch celebrate cheer chi clap climb combat
conversation cough crawl crouch cycle dance depressed dip dodge down drink drive
drunk eat elderly exercise fall fast feminine fight fit football forward gesture
get golf greet grab ground gymnastics happy high hit hop idle in jazz jog jump
kick kneel left lie lift limp loco locomotion look low march martial masculine
mix move multiple neutral normal obstacle old open pick play point pose proud
pull punch push reach rest right roll rope rotate row rub run sad salsa sing sit
skip slash slow sneak soccer speak spin sport sprint squat stair stand step stop
strike stretch stroll strut stumble style sway sweep swim swing sword swordplay
tai taichi talk tennis throw tiptoe tired to tpose trot turn type up vault wait
walk waltz warm wash wave work workout yoga zombie
"""
# What holds files, whoever moves in them.
_CONTAINERS = """
anim animation bvh capture clip csv data dataset day export file motion part raw
scene session set take test train trial val validation
"""
_NO_PERSON = frozenset(_ACTIONS.split()) | frozenset(_CONTAINERS.split())


@dataclasses.dataclass(frozen=True)
class Subject:
  """Who moves in a file.

  Attributes:
    name: the person's name.
    evidence: one of `EVIDENCE`.
  """

  name: str
  evidence: str


def subjects(
  files: Sequence[str], listed: Mapping[str, str | None]
) -> dict[str, Subject]:
  """Finds who moves in each file of a folder.

  Args:
    files: paths relative to the folder, with `/`.
    listed: {file: its `subject` in `clips.csv`}, None for an empty cell.

  Returns:
    {file: who moves}. A name that says the action alone gives
    `LONE_SUBJECT`: it names nobody.
  """
  folders = {
    pathlib.PurePosixPath(name).parts[0]
    for name in files
    if "/" in name and not listed.get(name)
  }
  return {
    name: Subject(str(listed[name]), CLIPS_CSV)
    if listed.get(name)
    else _of_name(name, only_folder=len(folders) == 1)
    for name in files
  }


def _of_name(name: str, only_folder: bool) -> Subject:
  path = pathlib.PurePosixPath(name)
  stem = re.sub(r"(?i)(\.gz)?$", "", path.name).rpartition(".")[0]
  stem = stem[:_LONGEST_NAME]
  worded = _person_in(stem)
  folder = path.parts[0] if len(path.parts) > 1 else None
  if folder is not None:
    # A folder of an action, or one around a whole set, names nobody.
    doubtful = only_folder or _names_no_person(folder)
    if worded and doubtful:
      return Subject(worded, NAME_PATTERN)
    if _is_nameless(stem) and (doubtful or stem.startswith(f"{folder}_")):
      return Subject(LONE_SUBJECT, NOTHING)
    numbered = _NUMBERED.fullmatch(stem)
    if numbered and doubtful and _names_no_person(folder):
      return Subject(numbered[1], NAME_PATTERN)
    return Subject(folder, GUESS if _names_no_person(folder) else FOLDER)
  if _is_nameless(stem):
    return Subject(LONE_SUBJECT, NOTHING)
  if worded:
    return Subject(worded, NAME_PATTERN)
  if numbered := _NUMBERED.fullmatch(stem):
    return Subject(numbered[1], NAME_PATTERN)
  head, underscore, _ = path.name.partition("_")
  if underscore and head:
    return Subject(head, GUESS)
  return Subject(LONE_SUBJECT, NOTHING)


def _person_in(stem: str) -> str | None:
  """What a name says of the person in a known way; None for nothing."""
  for pattern in _KNOWN:
    if match := pattern.fullmatch(stem):
      return match[1]
  # `_` is no part of a word here.
  match = _WORDED.search(stem)
  return match[1] if match else None


def _is_nameless(stem: str) -> bool:
  return any(pattern.fullmatch(stem) for pattern in _NAMELESS)


def _names_no_person(text: str) -> bool:
  """Whether every word of a name is an action, or one of a container."""
  text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text[:_LONGEST_NAME])
  words = re.findall(r"[a-z]+", text.lower())
  return bool(words) and all(map(_is_action, words))


def _is_action(word: str) -> bool:
  forms = {word, word.removesuffix("s"), word.removesuffix("es")}
  if word.endswith("ing"):
    stem = word.removesuffix("ing")
    # dancing, walking, running.
    forms |= {stem, f"{stem}e"}
    if stem[-1:] == stem[-2:-1]:
      forms.add(stem[:-1])
  return not forms.isdisjoint(_NO_PERSON)


def weakest(evidence: Iterable[str]) -> str | None:
  """The least of several kinds of evidence; None for none at all."""
  return max(evidence, key=EVIDENCE.index, default=None)


def explain(evidence: str | None, names: Sequence[str]) -> str | None:
  """A sentence on people who are guessed; None where they are not.

  Args:
    evidence: the weakest of all people's.
    names: names of the people, each once; one alone is told from nobody.
  """
  if evidence not in (GUESS, NOTHING) or len(names) < 2:
    return None
  shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
  return f"people are guessed from file names ({shown})"
