"""A shared room does not know the words of one system.

The layer test holds imports; this one holds names, messages, comments and
docstrings. A word counts wherever it stands, also inside `snake_case`.
"""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]

SHARED = (
  "base",
  "files",
  "runtime",
  "config",
  "state",
  "nn",
  "data",
  "report",
  "evaluation",
  "contract",
  "training",
  "comparison",
  "inference",
  "poses",
  "audio",
  "simulate",
  "main.py",
)
ENDINGS = (".py", ".js", ".css", ".html")

# No shared room says these. The package is called bgm2pose_jax and its command
# bgm2pose: these names and its environment variables (BGM2POSE_) may stand
# anywhere.
SYSTEM_WORDS: tuple[str, ...] = (
  "ampl",
  "arnor",
  "mantron",
  "cirrus",
  "genres?",
  "rmse",
  "mae",
  "pckh(?:50)?",
  "bgm",
  r"(?!(?-i:BGM2POSE_))bgm2pose(?![_-]jax| (?:train|audit|predict)\b)",
  "tracks?",
  r"0\.6[ -]?s",
  "21 joints",
  "wipose",
  "acousticpose",
  "speech2gesture",
  "mocap",
  "mapnet",
  "mapdat",
  "telmi",
  "repovizz",
  "mpjpe",
  "pose[- _]?kernels?(?:lifter|[- _]lifter)?",
  "frankmocap",
  "pck",
)
# These belong to the rooms, or the file, that they are the subject of.
SUBJECT_WORDS = {
  "joints?": ("poses", "simulate", "report"),
  "music": ("simulate", "audio"),
  "violin(?:s|ists?)?": ("simulate",),
  "loudspeakers?": ("simulate", "audio"),
  "ambisonics?": ("audio", "simulate"),
  "W,? ?X,? ?Y,? ?Z": ("audio", "simulate"),
  # Who moves in a motion file; elsewhere it is a column of one system.
  "subjects?": ("poses", "simulate"),
  # The unit of one skeleton.
  "hip[- _]spine": ("poses/body21.py",),
}
# `trackRow` and `PoseTrack` say the word too; OptiTrack is a maker's name.
_CAMEL_CASE = re.compile("(?<=[a-z])(?<!Opti)(?=[A-Z])")


def _words_of(file: str, text: str) -> list[tuple[int, str]]:
  """[(line, word)] that a file, named as below `bgm2pose_jax`, may not say."""
  words = list(SYSTEM_WORDS)
  for word, places in SUBJECT_WORDS.items():
    if file not in places and file.split("/")[0] not in places:
      words.append(word)
  pattern = re.compile(
    rf"(?<![a-z0-9])(?:{'|'.join(words)})(?![a-z0-9])", re.IGNORECASE
  )
  return [
    (number, hit.group())
    for number, line in enumerate(text.splitlines(), start=1)
    for hit in pattern.finditer(_CAMEL_CASE.sub("_", line))
  ]


def mentions(root: pathlib.Path = ROOT) -> dict[str, list[tuple[int, str]]]:
  """Finds the shared files that say a system's word.

  Args:
    root: folder that holds `bgm2pose_jax`.

  Returns:
    {file below `bgm2pose_jax`: [(line, word)]}; files that say none are
    left out.
  """
  package = root / "bgm2pose_jax"
  found = {}
  for room in SHARED:
    for path in sorted([package / room, *(package / room).rglob("*")]):
      if path.suffix in ENDINGS and path.is_file():
        file = path.relative_to(package).as_posix()
        if words := _words_of(file, path.read_text()):
          found[file] = words
  return found


def test_shared_rooms_know_no_word_of_a_system():
  assert mentions() == {}


def test_every_folder_is_shared_or_a_system_s():
  package = ROOT / "bgm2pose_jax"
  found = {p.parent.name for p in package.glob("*/__init__.py")}
  assert found == {*SHARED, "systems", "commands", "api"} - {"main.py"}


@pytest.mark.parametrize(
  ("file", "line", "word"),
  [
    ("training/loop.py", "# one music track", "music"),
    ("data/load.py", "test_track = names[0]", "track"),
    ("report/player.js", "const trackRow = 1;", "track"),
    ("report/document.css", ".tracks { margin: 0 }", "tracks"),
    ("report/document.html", "<td>RMSE</td>", "RMSE"),
    ("poses/clips.py", "class PoseTrack:", "Track"),
    ("contract/system.py", '"""Such as `single-bgm2pose`."""', "bgm2pose"),
    ("inference/weights.py", "bgm2pose_rows = 3", "bgm2pose"),
    ("data/table.py", "# windows of 0.6 s", "0.6 s"),
    ("simulate/body.py", "# of the 21 joints", "21 joints"),
    ("evaluation/figures.py", "mean_joints = 0", "joints"),
    ("main.py", "# AMPL", "AMPL"),
    ("simulate/echo.py", '"""Makes pose kernels."""', "pose kernels"),
    ("nn/volumes.py", "class PoseKernelLifter:", "Pose_Kernel_Lifter"),
  ],
)
def test_a_planted_word_is_found(tmp_path, file, line, word):
  planted = tmp_path / "bgm2pose_jax" / file
  planted.parent.mkdir(parents=True)
  planted.write_text(f"first\n{line}\n")
  found = mentions(tmp_path)
  assert found.keys() == {file}
  assert (2, word) in found[file]


@pytest.mark.parametrize(
  ("file", "line"),
  [
    ("training/loop.py", "from bgm2pose_jax.state import checkpoint"),
    ("base/command.py", 'VARIABLE = "BGM2POSE_TRACEBACK"'),
    ("poses/optitrack.py", '"""Reader of OptiTrack exports: joints."""'),
    ("poses/body21.py", 'unit = "hip-spine lengths"'),
    ("simulate/music.py", '"""Music for a loudspeaker."""'),
    ("audio/warp.py", "# ambisonic: W, X, Y, Z"),
    ("files/lock.py", "logging.error(traceback)"),
    ("systems/bgm2pose/task.py", '"""RMSE of the track."""'),
  ],
)
def test_what_a_room_may_say(tmp_path, file, line):
  written = tmp_path / "bgm2pose_jax" / file
  written.parent.mkdir(parents=True)
  written.write_text(f"{line}\n")
  assert mentions(tmp_path) == {}
