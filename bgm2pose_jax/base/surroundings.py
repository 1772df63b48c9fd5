"""What a command finds around it, looked at once and before any work.

Nothing here opens a device or imports more than the standard library:
`runtime.platforms` looks at what JAX was told to compute on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path

from absl import logging

from bgm2pose_jax.base.errors import InputError

try:
  import resource
except ImportError:  # Windows
  resource = None

# A training on a CPU was seen to hold 25 open at once.
_FEWEST_FILES = 40
# Raised to, where the system lets us: far below what makes other programs slow.
_GOOD_FILES = 4096
_SHARED = "/dev/shm"
_NO_BACKEND = "Unable to initialize backend"
_CACHE = "XDG_CACHE_HOME"


def check() -> None:
  """Looks at what every command needs.

  Raises:
    InputError: too few open files are allowed, or an argument has characters
      that this locale cannot name. The message names the setting that mends
      it.
  """
  _check_arguments()
  _check_open_files()
  _check_temporary()


def cache_folder() -> Path:
  """Returns this package's folder in the user's cache.

  Raises:
    InputError: nothing says where that is.
  """
  given = os.environ.get(_CACHE)
  try:
    above = Path(given) if given else Path.home() / ".cache"
  except RuntimeError:
    raise _no_home() from None
  return above / "bgm2pose_jax"


def _check_arguments() -> None:
  encoding = sys.getfilesystemencoding().lower()
  if encoding == "utf-8":
    return  # odd bytes are the name of a file like any other
  for argument in sys.argv[1:]:
    if any("\udc80" <= character <= "\udcff" for character in argument):
      raise InputError(
        argument,
        f"cannot be named where text is {encoding} (LC_ALL, PYTHONUTF8)",
        "set PYTHONUTF8=1",
      )


def _check_open_files() -> None:
  if resource is None:
    return
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if soft == resource.RLIM_INFINITY or soft >= _GOOD_FILES:
    return
  most = _GOOD_FILES if hard == resource.RLIM_INFINITY else hard
  try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _GOOD_FILES), hard))
  except (OSError, ValueError):
    most = soft
  if most < _FEWEST_FILES:
    raise InputError(
      "open files",
      f"{most} are allowed at once, {_FEWEST_FILES} are needed",
      f"allow more (ulimit -n {_GOOD_FILES})",
    )


def _check_temporary() -> None:
  given = os.environ.get("TMPDIR")
  if not given:
    return
  with contextlib.suppress(OSError):
    found = tempfile.gettempdir()
    if Path(found) != Path(os.path.abspath(given)):
      logging.warning(
        "TMPDIR=%s is missing, closed or full: temporary files go to %s",
        given,
        found,
      )


def check_shared_memory(needed_bytes: int, workers: int) -> None:
  """Looks whether worker processes can hand over what they read.

  A container has 64 MB for it unless it was given more; a process that
  writes to a page that is not there is killed without a word.

  Args:
    needed_bytes: the bytes of all that waits there at once.
    workers: the number of processes, for the message.

  Raises:
    InputError: there is too little.
  """
  if not hasattr(os, "statvfs") or not sys.platform.startswith("linux"):
    return
  fix = "give the container more (docker run --shm-size), or batch.workers=0"
  try:
    found = os.statvfs(_SHARED)
  except OSError as error:
    said = f"cannot be used ({error.strerror})"
    raise InputError(_SHARED, said, fix) from None
  if not os.access(_SHARED, os.W_OK | os.X_OK):
    raise InputError(_SHARED, "may not be written to", fix)
  free = found.f_bavail * found.f_frsize
  if free < needed_bytes:
    raise InputError(
      _SHARED,
      f"has {free / 1e6:.1f} MB free, {workers} worker processes need "
      f"{needed_bytes / 1e6:.1f} MB of shared memory",
      fix,
    )


def explained(error: BaseException) -> InputError | None:
  """Says what is missing around a command, where an error only hints at it.

  Args:
    error: what ended the work.

  Returns:
    The error to show; None for one that has another cause.
  """
  said = str(error)
  if isinstance(error, OSError) and "No usable temporary directory" in said:
    tried = said.partition("in ")[2].strip("[]").replace("'", "")
    return InputError(
      "temporary files",
      f"no folder takes them: {tried} are missing, closed or full",
      "set TMPDIR to a folder that may be written to",
    )
  if isinstance(error, RuntimeError) and "determine home directory" in said:
    return _no_home()
  if os.strerror(errno.EMFILE) in said:
    return InputError(
      "open files",
      "no more are allowed at once",
      f"allow more (ulimit -n {_GOOD_FILES})",
    )
  asked = os.environ.get("JAX_PLATFORMS", "")
  is_lone_assertion = isinstance(error, AssertionError) and not said
  if (isinstance(error, RuntimeError) and said.startswith(_NO_BACKEND)) or (
    is_lone_assertion and asked not in ("", "cpu") and _is_of_jax(error)
  ):
    return no_platform(asked, said)
  return None


def no_platform(asked: str, said: str) -> InputError:
  """Returns the error of platforms that cannot be computed on.

  Args:
    asked: what JAX_PLATFORMS names.
    said: JAX's own words; of a GPU that is not there it asserts without one.
  """
  said = said.partition(" (set")[0] or "no such device is found"
  return InputError(
    f"JAX_PLATFORMS={asked}",
    f"cannot be computed on here ({said})",
    "set JAX_PLATFORMS=cpu, leave it unset to take what is there, or install "
    "what drives it (jax[cuda12], jax[cuda13], jax[tpu])",
  )


def _is_of_jax(error: BaseException) -> bool:
  """Whether JAX itself raised an error."""
  *_, (frame, _) = traceback.walk_tb(error.__traceback__)
  return "jax" in Path(frame.f_code.co_filename).parts


def _no_home() -> InputError:
  return InputError(
    "the cache folder",
    f"user {_user()} has no home: neither HOME nor {_CACHE} is set",
    f"set {_CACHE} to a folder of your own, or give --data_dir",
  )


def _user() -> str:
  return str(os.getuid()) if hasattr(os, "getuid") else "unnamed"
