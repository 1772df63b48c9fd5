"""The published table of windows, line by line.

Nothing in it is trusted: paths stay in the folder, names say what the columns
say.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index

COLUMNS = (
  "sound_path",
  "label",
  "testee",
  "music_type",
  "spec_duration",
  "joint_path",
)
# A window must say something: '' means that no annotation keeps it.
UNLABELLED = "unlabelled"

_DURATION = "0.6"
# AMPL's own is 8 MB.
_MAX_BYTES = 64 << 20
_SOUND = re.compile(
  rf"(?P<name>.+)_(?P<index>0|[1-9][0-9]{{0,5}})_{re.escape(_DURATION)}"
  r"_music_intensity\.npy",
  re.DOTALL,
)
_FIX = "copy the published table again"
_PATTERN = "files are named subject_<s>_<track>_<idx>_0.6_music_intensity.npy"


@dataclasses.dataclass(frozen=True)
class ReleasedWindow:
  """One line of the table.

  Attributes:
    index: position of the window in its recording, in units of 0.6 s.
    label: its annotation, never empty.
    sound: file of features, relative to the index's root.
    joint: file of poses, alike; None without motion capture.
  """

  index: int
  label: str
  sound: str
  joint: str | None


@dataclasses.dataclass(frozen=True)
class Row:
  """A checked line: whose window it is.

  Attributes:
    where: file and line number.
    recording, subject, track, has_pose: what its names say.
    window: the window.
  """

  where: str
  recording: str
  subject: str
  track: str
  has_pose: bool
  window: ReleasedWindow


def read_bytes(path: Path) -> bytes:
  """Returns a table's bytes.

  Args:
    path: the table.

  Raises:
    InputError: larger than any such table.
  """
  return plain_file.read(path, _MAX_BYTES, _FIX)


def lines(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, str]]]:
  """Splits a table.

  Args:
    path: named in errors.
    data: its bytes.

  Yields:
    (file and line number, {column: text}) for each line but the first.

  Raises:
    InputError: no UTF-8 CSV, a missing column, or a line of another length.
  """
  try:
    text = data.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(path, f"is no UTF-8 text ({error.reason})", _FIX) from (
      None
    )
  reader = csv.reader(io.StringIO(text, newline=""), strict=True)
  try:
    header = next(reader, [])
    for column in COLUMNS:
      if header.count(column) != 1:
        raise InputError(
          f"{path}, line 1",
          f"has {header.count(column)} columns named {column}",
          f"columns are {', '.join(COLUMNS)}; more are ignored",
        )
    for values in reader:
      where = f"{path}, line {reader.line_num}"
      if not values:
        continue
      if len(values) != len(header):
        raise InputError(
          where,
          f"has {len(values)} fields instead of {len(header)}",
          "repair the line, or copy the table again",
        )
      yield where, dict(zip(header, values, strict=True))
  except csv.Error as error:
    raise InputError(
      f"{path}, line {reader.line_num}",
      f"cannot be read ({error})",
      "repair the line, or copy the table again",
    ) from None


def parse(where: str, values: dict[str, str]) -> Row:
  """Checks a line by itself.

  Args:
    where: file and line number.
    values: {column: text}; the track is known.

  Returns:
    Whose window it is.

  Raises:
    InputError: another duration, a path that leads out of the folder, or names
      that do not say the same.
  """
  testee, track = values["testee"], values["music_type"]
  try:
    right = float(values["spec_duration"]) == float(_DURATION)
  except ValueError:
    right = False
  if not right:
    raise InputError(
      where,
      f"spec_duration is {shown(values['spec_duration'])}",
      f"only windows of {_DURATION} s can be read",
    )
  sound = _relative(where, "sound_path", values["sound_path"])
  match = _SOUND.fullmatch(PurePosixPath(sound).name)
  name = recording_index.parse_name(match["name"]) if match else None
  # Names are printed: no control characters.
  if match is None or name is None or not match["name"].isprintable():
    raise InputError(where, f"sound_path is {shown(sound)}", _PATTERN)
  said = (f"subject_{name.subject}", name.track)
  if said != (testee, track):
    raise InputError(
      where,
      f"{shown(match.group())} does not fit testee {shown(testee)} and "
      f"music_type {shown(track)}",
      "correct the line: both must say the same",
    )
  joint = None
  if name.has_pose:
    if not values["joint_path"]:
      raise InputError(
        where,
        "joint_path is empty",
        "add it, or name the recording subject_<s>_wo_mocap_<track>",
      )
    joint = _relative(where, "joint_path", values["joint_path"])
    wanted = f"joint_pos_{match['name']}_{match['index']}_{_DURATION}.npy"
    if PurePosixPath(joint).name != wanted:
      raise InputError(
        where, f"joint_path is {shown(joint)}", f"its name must be {wanted}"
      )
  label = values["label"].strip() or UNLABELLED
  window = ReleasedWindow(int(match["index"]), label, sound, joint)
  return Row(where, match["name"], name.subject, track, name.has_pose, window)


def _relative(where: str, column: str, text: str) -> str:
  """A path below the root, without `./`; nothing may lead out of there."""
  path = PurePosixPath(text)
  if path.is_absolute() or ".." in path.parts or "\0" in text:
    raise InputError(
      where,
      f"{column} {shown(text)} leaves the folder",
      "paths are relative to the folder that holds dataset_spec_2400",
    )
  return path.as_posix()


def shown(text: str) -> str:
  """A text from the file, safe to print and not too long."""
  return ascii(text if len(text) <= 120 else text[:117] + "...")
