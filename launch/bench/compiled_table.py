"""Figures of compiled steps as a table, beside earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from launch.bench import harness

# What names a row.
KEYS = ("target", "step", "model", "preset", "dtype", "width", "rows")
COLUMNS = (
  *KEYS, "gflop", "memory_gb", "memory_share", "moved_gb", "operations",
  "small", "cycles_ms", "floor_ms", "bound", "all-reduce", "all-gather",
  "reduce-scatter", "exchanged_mb", "float32_gb", "compile_s",
)  # fmt: skip
_COMPARED = (
  "memory_gb", "moved_gb", "operations", "cycles_ms", "exchanges", "float32_gb"
)  # fmt: skip


def row_of(
  named: Mapping[str, Any], found: Mapping[str, Any]
) -> dict[str, Any]:
  """A line of the table.

  Args:
    named: {key of `KEYS`: value}.
    found: what `compile_case.run` returns.
  """
  if "error" in found:
    return {**named, **found}
  kinds = found["exchanges"]
  return {
    **named,
    **found,
    **{kind: each["count"] for kind, each in kinds.items()},
    "exchanges": sum(each["count"] for each in kinds.values()),
    "exchanged_mb": sum(each["bytes"] for each in kinds.values()) / 1e6,
  }


def say(
  row: Mapping[str, Any],
  earlier: Sequence[Mapping[str, Any]] = (),
  *,
  details: bool = True,
) -> None:
  """Prints a row, what is large in it and what changed.

  Args:
    row: from `row_of`.
    earlier: rows of another run; the one of the same name is compared.
    details: also the largest arrays, and figures by module.
  """
  if "error" in row:
    print(f"{harness.line({k: row[k] for k in KEYS})}: {row['error']}")
    return
  harness.show([row], COLUMNS)
  for old in earlier:
    if all(old.get(key) == row[key] for key in KEYS):
      print("before -> now: " + ", ".join(
        f"{key} {old[key]:.4g} -> {row[key]:.4g}"
        for key in _COMPARED
        if isinstance(row[key], int | float) and old.get(key) is not None
      ))  # fmt: skip
  if details:
    harness.show(row["largest"])
    harness.show(row["sources"])
  print(flush=True)
