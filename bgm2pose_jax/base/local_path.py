"""Folders that are written to: on a file system, not in a bucket."""

from __future__ import annotations

import re

from bgm2pose_jax.base.errors import InputError

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def check(flag: str, path: str | None) -> str | None:
  """Refuses the address of an object store where a folder is asked for.

  `pathlib` would quietly make a folder named `gs:` of it.

  Args:
    flag: its name, for the message.
    path: the path, as given.

  Returns:
    The path.

  Raises:
    InputError: for an address such as gs://bucket/folder.
  """
  if path is not None and _SCHEME.match(path):
    raise InputError(
      f"--{flag}={path}",
      "is no path of a file system: runs append to logs and rename files, "
      "which object stores do not do atomically",
      # Not Mountpoint for S3 nor SkyPilot's MOUNT: they cannot append.
      "mount the bucket (gcsfuse, s3fs, SkyPilot's MOUNT_CACHED mode) and give "
      "the mounted path",
    )
  return path
