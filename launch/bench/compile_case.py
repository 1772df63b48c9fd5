"""One step compiled for chips that are not here, in a process of its own.

The TPU's compiler reads its environment once, before JAX starts. Run as a
module this file is the process, which prints one JSON line.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from launch.bench import child, chips, collective_count, program_text
from launch.bench.program_text import Array, Operation

# Arrays of a step that are worth a name.
_LARGEST = 8
_SMALL_BYTES = 2 << 20
_MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Case:
  """What the process compiles.

  Attributes:
    target: as `chips.parse` reads it.
    step: one of `step_shapes.STEPS`, or a program's name in `export`.
    batch: windows a chip.
    model: as `network.config` takes it.
    preset: the preset to start from.
    changes: laid over it.
    export: an exported folder whose program is compiled; None for a preset.
    options: the compiler's, {name: value}.
    text: file for the program's text; None keeps it nowhere.
  """

  target: str
  step: str
  batch: int
  model: str | None
  preset: str
  changes: dict[str, Any]
  export: str | None
  options: dict[str, Any]
  text: str | None


def run(case: Case) -> dict[str, Any]:
  """Compiles a case in a process of its own.

  Args:
    case: what to compile.

  Returns:
    As `figures`; or `error`, the compiler's words, where it refuses.

  Raises:
    InputError: there is no such compiler, step or export.
    RuntimeError: the process fails; with its last line.
  """
  found = child.run(
    "launch.bench.compile_case",
    case,
    where=f"{case.target} {case.step}",
    environment=child.environment(chips.ENVIRONMENT),
  )
  if "refused" in found:
    raise InputError(*found["refused"])
  return found


def figures(
  compiled: Any, text: str, target: chips.Target, flops: float
) -> dict[str, Any]:
  """Says what a compiled program needs and does, for one chip and call.

  Args:
    compiled: the executable; asked for memory and operations.
    text: its text.
    target: what it is compiled for.
    flops: products and convolutions of one chip, our own count.

  Returns:
    `gflop`, `xla_gflop` (None where XLA does not say), `memory_gb`, `moved_gb`,
    `operations` and `small` (those that move under 2 MB), `cycles_ms` (None
    where the compiler estimates none), `floor_ms` and `bound`, `exchanges`,
    `float32_gb` (float32 arrays of 1 MiB and more that operations make),
    `largest` arrays and `sources`, the same by module.
  """
  chip = target.chip
  found = program_text.operations(text)
  memory = compiled.memory_analysis()
  taken = (
    memory.argument_size_in_bytes
    + memory.output_size_in_bytes
    + memory.temp_size_in_bytes
    - memory.alias_size_in_bytes
  )
  counted = float((compiled.cost_analysis() or {}).get("flops", 0.0))
  moved = sum(o.moved_bytes for o in found)
  by_flops, by_bytes = flops / chip.flops, moved / chip.memory_bytes_per_s
  return {
    "gflop": flops / 1e9,
    "xla_gflop": counted / 1e9 if counted else None,
    "memory_gb": taken / 1e9,
    "memory_share": taken / chip.memory_bytes,
    "code_mb": memory.generated_code_size_in_bytes / 1e6,
    "moved_gb": moved / 1e9,
    "operations": sum(o.times for o in found),
    "small": sum(o.times for o in found if o.moved_bytes < _SMALL_BYTES),
    "cycles_ms": _cycles_ms(found, chip),
    "floor_ms": 1e3 * max(by_flops, by_bytes),
    "bound": "ops" if by_flops > by_bytes else "bytes",
    "exchanges": collective_count.of_program(text, target.count),
    "float32_gb": sum(
      x.nbytes * o.times
      for o in found
      for x in o.writes
      if x.dtype == "f32" and x.nbytes >= _MIB and not x.on_chip
    )
    / 1e9,
    "largest": _largest(found),
    "sources": _by_source(found, chip),
  }


def _cycles_ms(found: Sequence[Operation], chip: chips.Chip) -> float | None:
  if chip.clock_hz is None:
    return None
  return 1e3 * sum((o.cycles or 0) * o.times for o in found) / chip.clock_hz


def _by_source(
  found: Iterable[Operation], chip: chips.Chip
) -> list[dict[str, Any]]:
  """The same figures for each module that operations come from."""
  groups: dict[str, list[Operation]] = collections.defaultdict(list)
  for operation in found:
    groups[operation.source].append(operation)
  rows = [
    {
      "source": source,
      "operations": sum(o.times for o in own),
      "moved_gb": sum(o.moved_bytes for o in own) / 1e9,
      "cycles_ms": _cycles_ms(own, chip),
    }
    for source, own in groups.items()
  ]
  return sorted(rows, key=lambda row: -row["moved_gb"])


def _largest(found: Iterable[Operation]) -> list[dict[str, Any]]:
  """The largest kinds of arrays that operations make."""
  seen: dict[tuple[str, str, bool], list[Array]] = collections.defaultdict(list)
  for operation in found:
    for array in operation.writes:
      key = (str(array), operation.source, array.on_chip)
      seen[key].append(array)
  order = sorted(seen, key=lambda key: -seen[key][0].nbytes)
  return [
    {
      "array": key[0],
      "mb": seen[key][0].nbytes / 1e6,
      "count": len(seen[key]),
      "source": key[1],
      "lives": "on chip" if key[2] else "in memory",
    }
    for key in order[:_LARGEST]
  ]


def _lowered(case: Case, target: chips.Target) -> tuple[Any, float]:
  """The step traced for the target, and the operations of one chip."""
  import jax

  from bgm2pose_jax.runtime import mesh as mesh_lib
  from bgm2pose_jax.runtime import target as platform
  from launch.bench import network, product_count, step_shapes

  mesh = mesh_lib.make_mesh(target.devices())
  with platform.tracing_for(chips.tracing(target.chip)):
    if case.export is not None:
      step, arguments = _exported(case, mesh)
    else:
      changes = case.changes | {"batch.size": case.batch * target.count}
      config = network.config(case.preset, changes, case.model)
      step, arguments = step_shapes.of(case.step, config, mesh)
    with platform.tracing_for(platform.ANY):
      # What the network asks for; a form for one platform may do more.
      flops = product_count.count(step, *arguments) / target.count
    lower: Callable[..., Any] = getattr(step, "lower", jax.jit(step).lower)
    return lower(*arguments), flops


def _exported(case: Case, mesh: Any) -> tuple[Callable[..., Any], tuple]:
  """A program of an export with its batch as a number."""
  import jax

  from bgm2pose_jax.inference.export import lowering

  path = pathlib.Path(case.export or "") / f"{case.step}{lowering.SUFFIX}"
  try:
    program = jax.export.deserialize(bytearray(path.read_bytes()))
  except OSError as error:
    raise InputError(
      path, "cannot be read", "give --export=FOLDER and a program's --step"
    ) from error
  whole = jax.NamedSharding(mesh, jax.P())
  (given,), _ = jax.tree.unflatten(program.in_tree, program.in_avals)
  shapes = {
    name: jax.ShapeDtypeStruct(
      tuple(n if isinstance(n, int) else case.batch for n in x.shape),
      x.dtype,
      sharding=whole,
    )
    for name, x in given.items()
  }
  return program.call, (shapes,)


def _compile(case: Case) -> dict[str, Any]:
  import jax

  target = chips.parse(case.target)
  wall, cpu = time.perf_counter(), time.process_time()
  try:
    lowered, flops = _lowered(case, target)
  except InputError as error:
    return {"refused": (error.where, error.found, error.fix)}
  try:
    compiled = lowered.compile(compiler_options=case.options or None)
  except jax.errors.JaxRuntimeError as error:
    return {"error": _words(str(error))}
  text = compiled.as_text()
  if case.text is not None:
    pathlib.Path(case.text).write_text(text, encoding="utf-8")
  return {
    **figures(compiled, text, target, flops),
    "compile_s": time.perf_counter() - wall,
    "compile_cpu_s": time.process_time() - cpu,
  }


def _words(text: str) -> str:
  """The lines of an error that say something."""
  lines = [line.strip() for line in text.splitlines() if line.strip()]
  return " ".join(lines)[:600]


if __name__ == "__main__":
  print(json.dumps(_compile(Case(**child.case()))))
