"""How programs are compiled: where they are kept, and whether they repeat.

A compiled program is code that is loaded without a look into it, so it is kept
only where nobody else can write.
"""

from __future__ import annotations

import os
import pathlib
import stat

import jax
from absl import logging

from bgm2pose_jax.base import surroundings
from bgm2pose_jax.base.errors import InputError

_DETERMINISTIC = "--xla_gpu_deterministic_ops"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def own_folder() -> pathlib.Path | None:
  """Returns where the user's cache keeps programs; None without a home."""
  try:
    return surroundings.cache_folder() / "compiled"
  except InputError:
    return None


def keep_programs(folder: pathlib.Path | None) -> bool:
  """Keeps compiled programs in a private folder for later processes.

  The folder is made if it is missing, for its owner alone. A folder that JAX
  was given through JAX_COMPILATION_CACHE_DIR stays the one in use.

  Args:
    folder: a folder of the user's own; None where there is none.

  Returns:
    Whether programs are kept; if not, a warning said why.
  """
  if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
    return True
  if folder is None:
    logging.warning(
      "compiled programs are not kept, every run compiles anew: this user has "
      "no home; set XDG_CACHE_HOME"
    )
    return False
  folder = folder.expanduser().absolute()
  try:
    # One by one: `parents=True` would leave those above to the umask.
    for place in reversed((folder, *folder.parents)):
      if not place.exists():
        place.mkdir(mode=0o700, exist_ok=True)
    folder = folder.resolve()
    reason = _unsafe(folder)
    if reason is None and stat.S_IMODE(folder.stat().st_mode) != 0o700:
      folder.chmod(0o700)
  except OSError as error:
    reason = f"{folder}: {error.strerror}"
  if reason is not None:
    logging.warning(
      "compiled programs are not kept, every run compiles anew: %s", reason
    )
    return False
  jax.config.update("jax_compilation_cache_dir", str(folder))
  return True


def _unsafe(folder: pathlib.Path) -> str | None:
  """Says who but its owner could put programs into a folder, or None.

  Whoever can write to a folder above can put another one in its place, unless
  the sticky bit keeps entries to their owners, as in /tmp.

  Args:
    folder: without symbolic links.
  """
  if not hasattr(os, "getuid"):
    return None  # Windows: a user's own folders are closed to others
  user = os.getuid()
  if folder.stat().st_uid != user:
    return f"{folder} belongs to another user"
  for place in (folder, *folder.parents):
    found = place.stat()
    if found.st_uid not in (user, 0):
      return f"{place} belongs to another user"
    shared = found.st_mode & _OTHERS_WRITE
    if shared and (place == folder or not found.st_mode & stat.S_ISVTX):
      return f"others can write to {place} (chmod go-w {place})"
  return None


def set_deterministic(on: bool) -> None:
  """Chooses GPU operations that give the same bits each time, or the fastest.

  A resumed run then equals one that was never stopped, as it does on CPUs,
  where this changes nothing. XLA reads the choice when JAX opens its first
  device: call this before. A choice in the environment's XLA_FLAGS stays.

  Args:
    on: same bits each time.
  """
  given = os.environ.get("XLA_FLAGS", "")
  if _DETERMINISTIC in given:
    return
  choice = f"{_DETERMINISTIC}={str(on).lower()}"
  os.environ["XLA_FLAGS"] = f"{given} {choice}".strip()
