"""Text files of motion, tables and JSON that are not what they should be."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.config import run_folder
from bgm2pose_jax.poses import mediapipe
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.ampl import released_table
from tests.hostile import files
from tests.hostile.files import Case, of_bytes

_POSITIONS_HEAD = ",".join(f"{j}_{a}" for j in BODY21.joints for a in "xyz")
_CELLS = len(BODY21.joints) * 3


def bvh(
  depth: int = 3, frames: str | int = 4, rows: int = 4, row: str | None = None
) -> bytes:
  """A chain of joints and its motion."""
  lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0"]
  lines.append("CHANNELS 3 Zrotation Yrotation Xrotation")
  for number in range(depth):
    lines += [f"JOINT j{number}", "{", "OFFSET 0 10 0"]
    lines.append("CHANNELS 3 Zrotation Yrotation Xrotation")
  lines += ["End Site", "{", "OFFSET 0 5 0", "}"] + ["}"] * (depth + 1)
  row = row or " ".join(["1.5"] * (3 * depth + 3))
  lines += ["MOTION", f"Frames: {frames}", "Frame Time: .008333"]
  return "\n".join(lines + [row] * rows).encode() + b"\n"


def positions(rows: int = 40, cell: str = "0.5") -> bytes:
  """A table of positions."""
  row = ",".join([cell] * _CELLS)
  return "\n".join([_POSITIONS_HEAD, *[row] * rows]).encode() + b"\n"


def optitrack(rows: int = 20) -> bytes:
  """A take of two bones as Motive exports it."""
  lines = [
    "Format Version,1.23,Export Frame Rate,120,Rotation Type,XYZ,"
    "Length Units,Meters,Coordinate Space,Global",
    "",
    ",Type,Bone,Bone,Bone",
    ",Name,A:Hips,A:Hips,A:Hips",
    ",ID,1,1,1",
    ",,Position,Position,Position",
    "Frame,Time (Seconds),X,Y,Z",
    *(f"{i},{i / 120:.4f},0.1,0.2,0.3" for i in range(rows)),
  ]
  return "\n".join(lines).encode() + b"\n"


def _table_text() -> bytes:
  name = "subject_0_arnor_3_0.6"
  folder = "dataset_spec_2400/music_with_intensity"
  row = (
    f"{folder}/{name}_music_intensity.npy,wave,subject_0,arnor,0.6,"
    f"{folder}/joint_pos_{name}.npy"
  )
  return "\n".join([",".join(released_table.COLUMNS), row]).encode() + b"\n"


def _landmarks() -> list[list[dict[str, float]]]:
  """Six frames of one who stands, as MediaPipe's world landmarks."""
  height = {"shoulder": -0.5, "hip": 0.0, "knee": 0.42, "foot_index": 0.9}
  frame = []
  for name in mediapipe.NAMES:
    side, _, part = name.partition("_")
    x = {"left": 0.15, "right": -0.15}.get(side, 0.0)
    frame.append(
      {"x": x, "y": height.get(part, -0.3), "z": 0.0, "visibility": 0.9}
    )
  return [frame] * 6


@functools.cache
def json_texts() -> dict[str, Any]:
  """Good content of every JSON file that strangers may hand over."""
  config = presets.get_config("demo")
  run = {
    "name": "a", "table": "main", "row": "BGM2Pose", "column": "single",
    "setting": "single", "track": "arnor", "fold": 0, "seed": 0,
    "model": "bgm2pose", "ablation": "none",
  }  # fmt: skip
  return {
    "config": run_folder.description(config, {"fingerprint": "0"}),
    "scene": json.loads(json.dumps(Scene().to_dict())),
    "tracks": {"song": {"genre": "folk", "title": "Song"}},
    "sweep": {"runs": [run]},
    "landmarks": {"fps": 30, "frames": _landmarks()},
  }


TEXTS: dict[str, Callable[[], bytes]] = {
  "bvh": bvh,
  "positions": positions,
  "optitrack": optitrack,
  "clips": lambda: b"file,subject,fps_true,frames\na.bvh,Ann,29.97,4\n",
  "annotations": lambda: b"0.0 1.2 wave\n1.2 2.4 squat, slowly\n",
  "table": _table_text,
  "genres": lambda: b"file,genre\na.wav,jazz\n",
}
FILES = {
  "bvh": "x.bvh", "positions": "x.csv", "optitrack": "take.csv",
  "clips": "clips.csv", "annotations": "subject_0_arnor.txt",
  "table": "music_intensity.csv", "genres": "genres.csv",
  "config": "config.json", "scene": "scene.json", "tracks": "tracks.json",
  "sweep": "sweep.json", "landmarks": "landmarks.json",
}  # fmt: skip


def cases(kind: str, count: int, seed: int) -> Iterator[Case]:
  """All faults of a kind of text.

  Args:
    kind: of `TEXTS` or `json_texts`.
    count: of files damaged at random.
    seed: of these.
  """
  file = FILES[kind]
  is_json = kind not in TEXTS
  good = json.dumps(json_texts()[kind]).encode() if is_json else TEXTS[kind]()
  yield of_bytes(kind, "good", "as it should be", good, file, is_legal=True)
  yield from files.broken_paths(kind, file, good)
  yield from _encodings(kind, file, good)
  yield from files.damaged(kind, file, good, count, seed)
  if is_json:
    yield from _json(kind, file, seed, count)
  else:
    yield from _lines(kind, file, good)
  if kind == "bvh":
    yield from _bvh(kind, file)


def _encodings(kind: str, file: str, good: bytes) -> Iterator[Case]:
  text = good.decode()
  for name, data, is_legal in (
    ("BOM", b"\xef\xbb\xbf" + good, True),
    ("UTF-16", text.encode("utf-16"), True),
    ("UTF-16 without BOM", text.encode("utf-16-le"), False),
    ("UTF-32", text.encode("utf-32"), False),
    ("Latin-1", good + "é".encode("latin-1"), True),
    ("NUL within", good[:-3] + b"\0" + good[-3:], True),
    ("NUL alone", bytes(100), False),
    ("Windows line ends", good.replace(b"\n", b"\r\n"), True),
    ("old Mac line ends", good.replace(b"\n", b"\r"), True),
    ("binary", bytes(range(256)) * 20, False),
    ("blanks", b" \n\t\n" * 50, False),
    ("HTML", b"<!doctype html><script>alert(1)</script>", False),
    ("gzip", gzip.compress(good), True),
    ("half a gzip", gzip.compress(good)[:20], False),
    ("escape codes", b"\x1b]0;owned\x07\x1b[2J" + good, True),
  ):
    yield of_bytes(kind, "encoding", name, data, file, is_legal=is_legal)


def _lines(kind: str, file: str, good: bytes) -> Iterator[Case]:
  head, _, rest = good.partition(b"\n")
  comma, point = (b";", b",") if b"," in head else (b" ", b",")
  local = good.replace(b",", comma).replace(b".", point)
  for name, data, is_legal in (
    (
      "decimal commas",
      local,
      kind in ("bvh", "clips", "genres", "annotations"),  # BVH: with a warning
    ),
    ("a line of 10 MB", good + b"7" * 10_000_000 + b"\n", False),
    ("a first line of 10 MB", b"a" * 10_000_000 + b"\n" + good, False),
    ("ten million cells", good + b"," * 10_000_000, False),
    ("a quote that never closes", good + b'"' + b"x,\n" * 1000, False),
    (
      "no rows",
      head + b"\n",
      kind in ("clips", "genres", "annotations", "table"),
    ),
    ("other columns", b"a,b,c\n" + rest, False),
    (
      "the first column twice",
      head + b"," + head + b"\n" + rest,
      kind in ("annotations", "optitrack"),
    ),
    ("a script", good + b"<script>alert(1)</script>\n", False),
  ):
    yield of_bytes(kind, "text", name, data, file, is_legal=is_legal)
  if kind in ("bvh", "positions", "optitrack"):

    def bomb() -> bytes:
      return gzip.compress(b"0,0,0\n" * 100_000_000, 1)

    yield of_bytes(kind, "bomb", "600 MB of text in a gzip", bomb, file)


_BVH_WITH_A_WARNING = (
  "fewer frames than promised",
  "more frames than promised",
  "decimal commas",
)


def _bvh(kind: str, file: str) -> Iterator[Case]:
  for name, data in (
    ("10,000 deep", bvh(10_000, 1, 1)),
    ("a billion frames", bvh(frames=10**9)),
    ("10^400 frames", bvh(frames="9" * 400)),
    ("minus one frame", bvh(frames=-1)),
    ("half a frame", bvh(frames="1.5")),
    ("fewer frames than promised", bvh(frames=5)),
    ("more frames than promised", bvh(frames=3)),
    ("a row too short", bvh(row="1 2 3")),
    ("NaN", bvh(row=" ".join(["nan"] * 12))),
    ("1e300", bvh(row=" ".join(["1e300"] * 12))),
    ("decimal commas", bvh(row=" ".join(["1,5"] * 12))),
    ("no channels", bvh().replace(b"CHANNELS 3 Zrotation Yrotation Xrotation",
                                  b"")),
    ("channels missing", bvh().replace(b"Yrotation ", b"")),
    ("a channel twice", bvh().replace(b"Yrotation", b"Zrotation")),
    ("a billion channels",
     bvh().replace(b"CHANNELS 3", b"CHANNELS 1000000000")),
    ("2,000 joints beside each other",
     b"HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\n"
     + b"JOINT j\n{\nOFFSET 0 1 0\n}\n" * 2000 + b"}\nMOTION\n"),
    ("frame time zero", bvh().replace(b".008333", b"0")),
    ("braces alone", b"HIERARCHY\nROOT Hips\n" + b"{" * 10_000),
    ("closed too often", bvh().replace(b"MOTION", b"}\nMOTION")),
    ("two roots", bvh().replace(b"MOTION", b"ROOT a\n{\n}\nMOTION")),
    ("a name of a megabyte", bvh().replace(b"j0", b"j" * 10**6)),
  ):  # fmt: skip
    yield of_bytes(
      kind, "motion", name, data, file, is_legal=name in _BVH_WITH_A_WARNING
    )


def _json(kind: str, file: str, seed: int, count: int) -> Iterator[Case]:
  for name, text in (
    ("100,000 lists deep", "[" * 100_000 + "]" * 100_000),
    ("100,000 objects deep", '{"a":' * 100_000 + "1" + "}" * 100_000),
    ("a number of 100,000 digits", '{"config": ' + "9" * 100_000 + "}"),
    ("half a character", '{"config": {"setting": "\\ud800"}}'),
    ("not closed", '{"config": {'),
    ("a list", "[]"),
    ("a text", '"config"'),
    ("null", "null"),
    ("NaN", "NaN"),
    ("20 MB", json.dumps({"a": "x" * 20_000_000})),
  ):
    yield of_bytes(kind, "JSON", name, text.encode(), file)
  for number in range(count):
    rng = np.random.default_rng((seed, number))
    changed, what = _changed(json_texts()[kind], rng)
    yield of_bytes(
      kind, "JSON value", what, json.dumps(changed).encode(), file,
      is_legal=True,
    )  # fmt: skip


_VALUES = (
  None, True, -1, 0, 2**70, 1e308, float("nan"), float("-inf"), "", "x" * 5000,
  "../../../etc/passwd", "<script>alert(1)</script>", "\x1b[2J", "\n", [], {},
  [[]], [None] * 3, {"a": {}}, "[" * 3000, "9" * 5000, "1e999",
)  # fmt: skip


def _changed(value: Any, rng: np.random.Generator) -> tuple[Any, str]:
  """A copy in which one value somewhere is another; and which."""
  if isinstance(value, (dict, list)) and value and rng.random() < 0.9:
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[int(rng.integers(len(keys)))]
    new, what = _changed(value[key], rng)
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if rng.random() < 0.1 and isinstance(copy, dict):
      del copy[key]
      return copy, f"no {key}"
    copy[key] = new
    return copy, f"{key}.{what}"
  new = _VALUES[int(rng.integers(len(_VALUES)))]
  return new, ascii(new)[:30]
