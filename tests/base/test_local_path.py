"""Buckets are refused where a folder is written to."""

from __future__ import annotations

import pytest

from bgm2pose_jax.base import local_path
from bgm2pose_jax.base.errors import InputError


@pytest.mark.parametrize("path", ["gs://bucket/run", "s3://bucket", "HDFS://x"])
def test_an_address_is_no_path(path):
  with pytest.raises(InputError, match=f"--out={path}: .*; mount the bucket"):
    local_path.check("out", path)


@pytest.mark.parametrize("path", [None, "", "runs/a", "/mnt/gs:/a", "C:\\runs"])
def test_a_path_is_given_back(path):
  assert local_path.check("out", path) == path
