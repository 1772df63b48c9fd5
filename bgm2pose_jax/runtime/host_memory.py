"""How the C library keeps memory that arrays gave back.

A compiled step on CPU takes and gives back its arrays in every call. glibc
gives large ones back to the system each time and gets new pages, which the
system fills with zeros, one page fault after the other. Kept instead, they are
there for the next step. What it gains: docs/measurements/performance.md.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Names of malloc.h, and settings with which people choose for themselves.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_LARGEST = 2**31 - 1
_CHOICES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


def keep_freed() -> bool:
  """Keeps what this process frees from now on, up to 2 GB at the heap's end.

  Does nothing without glibc, and where the environment has chosen.

  Returns:
    Whether it is kept.
  """
  if platform.libc_ver()[0] != "glibc":
    return False
  if any(name in os.environ for name in _CHOICES):
    return False
  library = ctypes.CDLL(None)
  kept = library.mallopt(_TRIM_THRESHOLD, _LARGEST)
  return bool(kept and library.mallopt(_MMAP_MAX, 0))
