"""NumPy's, PyTorch's and safetensors' files that lie or carry more."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterator

import numpy as np

from bgm2pose_jax.systems.bgm2pose.ampl.released_windows import SOUND_SHAPE
from tests.hostile import files
from tests.hostile.files import Case, of_bytes

MARK = "executed-by-a-pickle"


class Trap:
  """Leaves a mark in the current folder if it is ever unpickled."""

  def __reduce__(self):
    return os.mkdir, (MARK,)


def npy(array: np.ndarray, **changes: str) -> bytes:
  """A .npy file whose header may say something else.

  Args:
    array: its content.
    **changes: header entries as text, e.g. shape="(10**11,)".
  """
  fields = {
    "descr": repr(array.dtype.str),
    "fortran_order": "False",
    "shape": repr(array.shape),
  }
  text = ", ".join(f"'{k}': {v}" for k, v in (fields | changes).items())
  head = f"{{{text}, }}".encode()
  head += b" " * (-(len(head) + 11) % 64) + b"\n"
  start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) % 65536)
  return start + head + array.tobytes()


def archive(
  members: dict[str, bytes], method: int = zipfile.ZIP_STORED
) -> bytes:
  """A zip file."""
  file = io.BytesIO()
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # two members of one name
    with zipfile.ZipFile(file, "w", method) as made:
      for name, data in members.items():
        made.writestr(name, data)
  return file.getvalue()


@functools.cache
def _window() -> np.ndarray:
  rng = np.random.default_rng(0)
  return rng.normal(size=SOUND_SHAPE).astype("<f4")


def _response() -> dict[str, bytes]:
  rng = np.random.default_rng(0)
  taps = rng.normal(size=(4, 2, 100)).astype("<f4")
  return {
    "response.npy": npy(taps),
    "sample_rate_hz.npy": npy(np.array(48000)),
  }


def npy_cases(count: int, seed: int) -> Iterator[Case]:
  """Faults of a published window."""
  kind, file = "npy", "window.npy"
  good = npy(_window())
  yield of_bytes(kind, "good", "as it should be", good, file, is_legal=True)
  yield from files.broken_paths(kind, file, good)
  yield from files.odd_names(kind, ".npy", good)
  yield from files.damaged(kind, file, good, count, seed)
  for name, data in _lies(_window()):
    yield of_bytes(kind, "array", name, data, file)
  for value in (np.nan, np.inf):
    odd = _window().copy()
    odd[0, 0, 0] = value
    yield of_bytes(kind, "array", str(value), npy(odd), file)
  with_trap = io.BytesIO()
  np.save(with_trap, np.array([Trap()], object), allow_pickle=True)
  for name, data in (
    ("of objects", with_trap.getvalue()),
    ("alone", pickle.dumps(Trap())),
  ):
    yield of_bytes(kind, "pickle", name, data, file)


def _lies(good: np.ndarray) -> Iterator[tuple[str, bytes]]:
  for name, shape in (
    ("400 GB", "(100000000000,)"),
    ("2^80 values", "(1208925819614629174706176,)"),
    ("a negative shape", "(-1, 128, 12)"),
    ("a shape of text", "'abc'"),
    ("40 axes", repr((1,) * 40)),
    ("half an axis", "(1.5, 2)"),
    ("a shape of code", "(__import__('os').mkdir('" + MARK + "'),)"),
  ):
    yield name, npy(good, shape=shape)
  for name, descr in (
    ("objects", "'|O'"),
    ("a gigabyte a value", "'|V1073741824'"),
    ("text", "'<U9'"),
    ("dates", "'<M8[s]'"),
    ("records", "[('a', '<f4')]"),
    ("records of objects", "[('a', '|O')]"),
    ("complex", "'<c8'"),
    ("big-endian", "'>f4'"),
    ("no type", "'zzz'"),
    ("a type of lists", "[[]]"),
  ):
    yield name, npy(good, descr=descr)
  whole = npy(good)
  yield "cut", whole[:-1]
  yield "one byte too many", whole + b"x"
  yield "version 9", whole[:6] + b"\x09\x00" + whole[8:]
  yield "a header of 64 kB", whole[:8] + b"\xff\xff" + whole[10:]
  yield "a header nested deep", npy(good, shape="(" * 5000 + ")" * 5000)
  yield "an empty header", b"\x93NUMPY\x01\x00\x00\x00"


def npz_cases(count: int, seed: int) -> Iterator[Case]:
  """Faults of a static response."""
  kind, file = "npz", "room.npz"
  parts = _response()
  for name, method in (
    ("stored", zipfile.ZIP_STORED),
    ("deflated", zipfile.ZIP_DEFLATED),
    ("bzip2", zipfile.ZIP_BZIP2),
    ("LZMA", zipfile.ZIP_LZMA),
  ):
    good = archive(parts, method)
    yield of_bytes(kind, "good", name, good, file, is_legal=True)
    yield from files.damaged(kind, file, good, count // 4, seed)
  good = archive(parts)
  yield from files.broken_paths(kind, file, good)
  yield from files.odd_names(kind, ".npz", good)
  response = np.zeros((4, 2, 100), "<f4")
  for name, data in _lies(response):
    yield of_bytes(
      kind, "array", name, archive({**parts, "response.npy": data}), file
    )
  for name, make in (
    ("200 MB of zeros",
     lambda: {"response.npy": npy(response) + bytes(200 << 20)}),
    ("200 MB beside", lambda: {**parts, "more.npy": bytes(200 << 20)}),
    ("a thousand arrays of zeros",
     lambda: {f"{i}.npy": bytes(99999) for i in range(1001)}),
  ):  # fmt: skip

    def bomb(make=make) -> bytes:
      return archive(make(), zipfile.ZIP_DEFLATED)

    yield of_bytes(kind, "bomb", name, bomb, file)
  # The size that the archive promises, in both of its lists.
  lying = good.replace(
    struct.pack("<I", len(parts["response.npy"])), struct.pack("<I", 2**31)
  )
  yield of_bytes(kind, "bomb", "2 GB promised", lying, file)
  locked = good.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00",
                        b"PK\x01\x02\x14\x03\x14\x00\x01\x00")  # fmt: skip
  yield of_bytes(kind, "array", "locked", locked, file, is_legal=True)
  outside = archive({**parts, "../../outside.npy": parts["response.npy"]})
  yield of_bytes(kind, "array", "outside", outside, file, is_legal=True)
  for name, members in (
    ("no arrays", {}),
    ("another name", {"x.npy": parts["response.npy"]}),
    ("no rate", {"response.npy": parts["response.npy"]}),
    ("pickled", {**parts, "response.npy": pickle.dumps(Trap())}),
    ("rate of text", {**parts, "sample_rate_hz.npy": npy(np.array("abc"))}),
    ("many rates", {**parts, "sample_rate_hz.npy": npy(np.zeros(3))}),
    ("NaN", {**parts, "response.npy": npy(response * np.nan)}),
  ):
    yield of_bytes(kind, "array", name, archive(members), file)


def safetensors_cases(count: int, seed: int) -> Iterator[Case]:
  """Faults of an export's weights."""
  kind, file = "safetensors", "model.safetensors"

  def made(header: dict | bytes, data: bytes = bytes(16), size=None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data

  one = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
  good = made(one)
  yield of_bytes(kind, "good", "as it should be", good, file, is_legal=True)
  yield from files.broken_paths(kind, file, good)
  yield from files.damaged(kind, file, good, count, seed)

  def entry(**changes) -> dict:
    return {"a": {**one["a"], **changes}}

  for name, data in (
    ("a header of 2^63 bytes", made(one, size=2**63 - 1)),
    ("a header of 400 GB", made(one, size=400 * 10**9)),
    ("10^12 values", made(entry(shape=[10**12]))),
    ("a negative shape", made(entry(shape=[-4]))),
    ("no such type", made(entry(dtype="Q9"))),
    ("beyond the end", made(entry(data_offsets=[0, 10**9]))),
    ("backwards", made(entry(data_offsets=[16, 0]))),
    ("nested deep", made(b"[" * 100_000)),
    ("no JSON", made(b"pickle!!")),
    ("a list", made(b"[]")),
    ("a pickle", pickle.dumps(Trap())),
  ):
    yield of_bytes(kind, "array", name, data, file)
  for dtype in ("BF16", "F8_E4M3", "BOOL"):
    size = {"BF16": 2, "F8_E4M3": 1, "BOOL": 1}[dtype]
    odd = made(entry(dtype=dtype, shape=[16 // size]))
    yield of_bytes(kind, "array", dtype, odd, file, is_legal=True)
