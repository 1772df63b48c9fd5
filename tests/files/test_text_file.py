from __future__ import annotations

import gzip
import os

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file


def test_plain_and_gzip_give_the_same_text_without_byte_order_mark(tmp_path):
  (tmp_path / "a").write_bytes(b"\xef\xbb\xbfabc\r\nd")
  (tmp_path / "b").write_bytes(gzip.compress(b"\xef\xbb\xbfabc\r\nd"))
  for name in "ab":
    data = text_file.read_bytes(tmp_path / name)
    assert list(text_file.lines(data, name)) == [(1, b"abc"), (2, b"d")]


def test_a_bomb_is_not_unpacked_beyond_the_limit(tmp_path):
  path = tmp_path / "bomb.gz"
  path.write_bytes(gzip.compress(b"1 " * 2**24))
  assert path.stat().st_size < 2**16
  with pytest.raises(InputError, match="more than 1048576 bytes"):
    text_file.read_bytes(path, max_bytes=2**20)
  assert len(text_file.read_head(path, 100)) == 100


def test_size_limit_is_exact(tmp_path):
  path = tmp_path / "a"
  path.write_bytes(b"x" * 10)
  assert text_file.read_bytes(path, max_bytes=10) == b"x" * 10
  with pytest.raises(InputError, match="more than 9 bytes"):
    text_file.read_bytes(path, max_bytes=9)


def test_damaged_gzip_is_refused(tmp_path):
  data = bytearray(gzip.compress(os.urandom(5000)))
  for name, bad in (("cut", data[:-20]), ("head", data[:2]), ("flip", data)):
    if name == "flip":
      bad[1000] ^= 0xFF
    path = tmp_path / name
    path.write_bytes(bytes(bad))
    with pytest.raises(InputError, match="damaged or truncated gzip"):
      text_file.read_bytes(path)


def test_long_lines_are_refused_by_number():
  data = b"short\n" + b"x" * 11 + b"\n"
  with pytest.raises(InputError, match="f line 2: a line of 11 bytes"):
    list(text_file.lines(data, "f", max_line_bytes=10))


def test_only_regular_files_are_opened(tmp_path):
  os.mkfifo(tmp_path / "pipe")
  for name, found in (("pipe", "not a regular"), ("none", "no such file")):
    with pytest.raises(InputError, match=found):
      text_file.read_bytes(tmp_path / name)
  with pytest.raises(InputError, match="is a folder"):
    text_file.read_bytes(tmp_path)


def test_quoted_text_is_short_and_printable():
  assert text_file.clip_text("a\x1b[31m\n" + "b" * 100, 10) == "a?[31m?..."
