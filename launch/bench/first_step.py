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
from collections.abc import Sequence
from typing import Any

# The measured processes shall find room beside this one on an accelerator.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
from absl import app, flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.systems.bgm2pose import presets
from launch.bench import cold_start, harness

_PRESET = flags.DEFINE_enum("preset", "demo", list(presets.PRESETS), "start")
_WIDTH = flags.DEFINE_float("width", None, "of the network", 0)
_BATCH = flags.DEFINE_integer("batch", None, "windows a step", 1)
_DTYPE = flags.DEFINE_enum(
  "compute_dtype", "float32", ["float32", "bfloat16"], "type to compute in"
)
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
_SET = flags.DEFINE_multi_string(
  "set", [], "key.path=value, as in the main command"
)
_JSON = flags.DEFINE_string("json", None, "file to write the rows to")


def measure(kind: str, changes: dict, deterministic: bool) -> list[dict]:
  """Times a cold and a warm process.

  Args:
    kind: of `cold_start.KINDS`.
    changes: to the preset.
    deterministic: operations that repeat.

  Returns:
    A row each.
  """
  rows = []
  with tempfile.TemporaryDirectory() as folder:
    case = cold_start.Case(
      kind,
      _PRESET.value,
      changes,
      str(pathlib.Path(folder) / "programs"),
      deterministic=deterministic,
    )
    for start in ("cold", "warm"):
      found = cold_start.measure(case)
      rows.append(
        {
          "what": kind,
          "deterministic": "on" if deterministic else "off",
          "start": start,
          **found,
        }
      )
  return rows


def main(argv: Sequence[str]) -> None:
  """Measures every case and prints; input errors end with code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    given: dict[str, Any] = {
      "run.compute_dtype": _DTYPE.value,
      "network.width": _WIDTH.value,
      "batch.size": _BATCH.value,
    }
    given = {key: value for key, value in given.items() if value is not None}
    given |= tree.parse_assignments(_SET.value)
    config_lib.overlay(presets.get_config(_PRESET.value), given)
    for kind in _KIND.value:
      if kind not in cold_start.KINDS:
        raise InputError(
          f"--kind={kind}",
          "unknown",
          f"choose of {', '.join(cold_start.KINDS)}",
        )
  about = harness.facts("jaxlib", "flax", "orbax-checkpoint")
  print(harness.headline(about))
  changed = ", ".join(f"{k}={v}" for k, v in given.items())
  print(f"{_PRESET.value}, {changed}; seconds", flush=True)
  choice = _DETERMINISTIC.value or (
    "on" if jax.default_backend() == "cpu" else "both"
  )
  rows = [
    row
    for kind in _KIND.value
    for on in {"on": (True,), "off": (False,), "both": (True, False)}[choice]
    for row in measure(kind, given, on)
  ]
  columns = ("what", "deterministic", "start", *cold_start.PHASES, "total")
  print(harness.table(rows, columns))
  harness.write_json(_JSON.value, about, rows=rows)


if __name__ == "__main__":
  app.run(main)
