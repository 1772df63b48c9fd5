"""Digests of folders."""

from __future__ import annotations

import os

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums


def test_a_folder_s_digest_sees_contents(tmp_path):
  (tmp_path / "a").write_text("1")
  first = checksums.of_folder(tmp_path)
  (tmp_path / "a").write_text("2")
  os.utime(tmp_path / "a", ns=(1, 1))  # clocks of file systems are coarse
  assert checksums.of_folder(tmp_path) != first


def test_a_folder_s_digest_takes_names_that_are_no_text(tmp_path):
  try:
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_text("1")
  except OSError:
    pytest.skip("this file system takes UTF-8 names alone")
  assert len(checksums.of_folder(tmp_path)) == 64


def test_a_folder_that_is_not_there_is_refused(tmp_path):
  with pytest.raises(InputError, match="no such folder"):
    checksums.of_folder(tmp_path / "none")
