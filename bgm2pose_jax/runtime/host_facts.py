"""What timings depend on, for logs."""

from __future__ import annotations

import os
import platform
from typing import Any


def host_facts() -> dict[str, Any]:
  """Machine, cores, system and Python version, JSON-ready."""
  affinity = getattr(os, "sched_getaffinity", None)
  return {
    "host": platform.node(),
    "machine": platform.machine(),
    "system": f"{platform.system()} {platform.release()}",
    "python": platform.python_version(),
    "cpu_count": os.cpu_count(),
    "cpu_usable": len(affinity(0)) if affinity else os.cpu_count(),
  }
