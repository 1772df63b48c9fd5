"""Measures how long a fresh process takes to its first training step.

  python -m launch.bench.first_step --preset=official --width=1 --batch=64

Each line is a process of its own: with nothing compiled before (cold), then
with the compiled programs that the first one kept (warm), as the main command
keeps them. Programs that compile in under a second are compiled anew. On a GPU
both are measured with deterministic operations, as the main command has them,
and without (`--deterministic`).
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any

# The measured processes shall find room beside this one on an accelerator.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
from absl import flags

from bgm2pose_jax.config import schema
from launch.bench import cold_start, harness, network

network.define_flags("demo", compute_dtype="float32")
_KIND = flags.DEFINE_list(
  "kind", ["train"], f"of {', '.join(cold_start.KINDS)}"
)
_DETERMINISTIC = flags.DEFINE_enum(
  "deterministic",
  None,
  ["on", "off", "both"],
  "GPU operations that repeat bit by bit (default: both; on CPU on, where it "
  "changes nothing)",
)


def _measure(kind: str, changes: dict, is_on: bool) -> list[dict[str, Any]]:
  """Times a cold and a warm process."""
  about = {"what": kind, "deterministic": "on" if is_on else "off"}
  with tempfile.TemporaryDirectory() as folder:
    programs = str(pathlib.Path(folder) / "programs")
    case = cold_start.Case(
      kind, changes["preset"], changes, programs, deterministic=is_on
    )
    return [
      {**about, "start": start, **cold_start.measure(case)}
      for start in ("cold", "warm")
    ]


def main() -> None:
  """Measures every case and prints."""
  config = network.one_config()
  kinds = harness.among(_KIND, cold_start.KINDS)
  about = harness.begin("jaxlib", "flax", "orbax-checkpoint")
  print(f"{network.title(config)}; seconds", flush=True)
  choice = _DETERMINISTIC.value or (
    "on" if jax.default_backend() == "cpu" else "both"
  )
  rows = [
    row
    for kind in kinds
    for is_on in {"on": (True,), "off": (False,), "both": (True, False)}[choice]
    for row in _measure(kind, schema.flatten(config), is_on)
  ]
  harness.show(rows)
  harness.write(about, rows=rows)


if __name__ == "__main__":
  harness.start(main)
