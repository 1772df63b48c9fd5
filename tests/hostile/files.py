"""Broken and hostile inputs: what a case is, and faults that any file may have.

A case writes a file, or something in its place, into an empty folder. Half of
the cases are made by hand, the other half breaks good files at random places.
"""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ODD_NAMES = (
  "two\nlines",
  "\x1b[31mred",
  "<script>alert(1)<b>",
  "quote'\"&amp;",
  "-rf",
  "--out=elsewhere",
  "\udcff\udcfe",
  "\u202egnp",
  "x" * 200,
  "${HOME}`id`;|&",
  "%s%n{0}{title}",
)


@dataclasses.dataclass(frozen=True)
class Case:
  """One input.

  Attributes:
    kind: of `readers.READERS`.
    fault: its class, a row of the table.
    name: what is wrong with it, in words.
    make: writes it into a folder; returns its path.
    is_legal: it may be read all the same; otherwise it must be refused.
  """

  kind: str
  fault: str
  name: str
  make: Callable[[Path], Path]
  is_legal: bool = False


def of_bytes(
  kind: str,
  fault: str,
  name: str,
  data: bytes | Callable[[], bytes],
  file: str,
  *,
  is_legal: bool = False,
) -> Case:
  """A case that is a file of these bytes."""

  def make(folder: Path) -> Path:
    path = folder / file
    path.write_bytes(data() if callable(data) else data)
    return path

  return Case(kind, fault, name, make, is_legal)


def broken_paths(kind: str, file: str, good: bytes) -> Iterator[Case]:
  """Everything that may be in a file's place."""
  fault = "path"

  def place(name: str, act: Callable[[Path], object], is_legal=False) -> Case:
    def make(folder: Path) -> Path:
      path = folder / file
      act(path)
      return path

    return Case(kind, fault, name, make, is_legal)

  yield place("nothing there", lambda path: None)
  yield place("a folder", Path.mkdir)
  yield place("a pipe nobody writes to", os.mkfifo)
  yield place("a link to itself", lambda path: path.symlink_to(path))
  yield place("a link to nothing", lambda path: path.symlink_to("none"))
  yield place("an endless device", lambda path: path.symlink_to("/dev/zero"))
  yield place("a terminal", lambda path: path.symlink_to("/dev/tty"))
  yield place("a socket", _bind)
  yield place("no permission", lambda path: _forbid(path, good), _is_root())
  yield place("empty", lambda path: path.write_bytes(b""))

  def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(good)
    return folder / "file" / file

  yield Case(kind, fault, "below a file", below_a_file)
  yield Case(
    kind, fault, "a name too long", lambda folder: folder / ("y" * 300 + file)
  )
  yield Case(
    kind, fault, "a name with NUL", lambda folder: folder / f"a\0{file}"
  )


def odd_names(kind: str, file: str, good: bytes) -> Iterator[Case]:
  """Good and broken files whose names are hard to print."""
  for name in ODD_NAMES:
    for data, is_legal in ((good, True), (b"\x00\xff" * 40, False)):
      what = "good" if is_legal else "broken"
      odd = f"{name.replace('/', '_')}{file}"
      yield of_bytes(
        kind, "name", f"{what} {name!a}", data, odd, is_legal=is_legal
      )


def damaged(
  kind: str, file: str, good: bytes, count: int, seed: int
) -> Iterator[Case]:
  """A good file, damaged at random places; it may still be readable."""
  for number in range(count):
    rng = np.random.default_rng((seed, number, len(good)))
    act = _DAMAGES[number % len(_DAMAGES)]
    # Headers come first: half of the places are there.
    end = len(good) if rng.random() < 0.5 else min(len(good), 512)
    at = int(rng.integers(0, max(end, 1)))
    yield of_bytes(
      kind,
      act.__name__.strip("_").replace("_", " "),
      f"at byte {at} of {len(good)}",
      act(good, at, rng),
      file,
      is_legal=True,
    )


def _truncated(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  del rng
  return good[:at]


def _flipped_byte(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  new = (good[at] + int(rng.integers(1, 256))) % 256
  return good[:at] + bytes([new]) + good[at + 1 :]


def _random_bytes(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  size = int(rng.integers(1, 65))
  return good[:at] + rng.bytes(size) + good[at + size :]


def _part_twice(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  size = int(rng.integers(1, 2000))
  return good[: at + size] + good[at:]


def _part_missing(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  return good[:at] + good[at + int(rng.integers(1, 2000)) :]


def _largest_numbers(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  # Lengths in headers are mostly four bytes.
  del rng
  return good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :]


def _odd_number(good: bytes, at: int, rng: np.random.Generator) -> bytes:
  """Another number in the place of one that is text."""
  odd = (
    b"nan", b"-inf", b"1e999", b"-1", b"0", b"99999999999999999999", b"1_0",
    b"0x10", b"1,5", b"\xd9\xa3", b"", b"1e-320", b"--1", b"true", b"[]",
  )  # fmt: skip
  digits = b"0123456789.-"
  while at < len(good) and good[at] not in digits:
    at += 1
  stop = at
  while stop < len(good) and good[stop] in digits:
    stop += 1
  return good[:at] + odd[int(rng.integers(len(odd)))] + good[stop:]


_DAMAGES = (
  _truncated,
  _flipped_byte,
  _random_bytes,
  _odd_number,
  _part_twice,
  _part_missing,
  _largest_numbers,
)


def _bind(path: Path) -> None:
  # The name of a socket has at most 108 bytes.
  with socket.socket(socket.AF_UNIX) as made:
    made.bind(os.path.relpath(path))


def _forbid(path: Path, good: bytes) -> None:
  path.write_bytes(good)
  path.chmod(0)


def _is_root() -> bool:
  return os.geteuid() == 0
