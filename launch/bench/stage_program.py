"""One stage of a step as a compiled program: its counts, and how to run it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from bgm2pose_jax.runtime import mesh as mesh_lib
from launch.bench import product_count


@dataclasses.dataclass
class Stage:
  """One stage, ready to run.

  Attributes:
    name: the name in the table.
    flops: operations of matrix products and convolutions, as written.
    run_flops: operations of those that run here: on CPU wide float32
      convolutions take fewer.
    least_bytes: inputs and parameters read once by each pass that needs them,
      outputs and gradients written once; see `roofline`.
    product_bytes: what all products and convolutions read and write.
    scratch_bytes: memory the compiled program takes besides arguments and
      results; None where XLA does not say.
    run: does the work and waits for its end.
  """

  name: str
  flops: float
  run_flops: float
  least_bytes: float
  product_bytes: float
  scratch_bytes: float | None
  run: Callable[[], None]


def make(
  name: str,
  function: Callable[..., Any],
  mesh: jax.sharding.Mesh,
  arguments: tuple[Any, ...],
  in_axes: tuple[int | None, ...],
  out_axes: tuple[int | None, ...],
  *,
  calls: int = 1,
  read: Any = None,
) -> tuple[Stage, Any]:
  """Compiles a stage and runs it once.

  Args:
    name: the name of the stage.
    function: per device.
    mesh: the mesh of one device.
    arguments: the arguments of the function.
    in_axes: see `mesh.over_devices`.
    out_axes: see `mesh.over_devices`.
    calls: how often `run` calls the program before it waits.
    read: arrays that it cannot but read; the arguments if not given.

  Returns:
    The stage and its outputs.
  """
  program = mesh_lib.over_devices(
    function, mesh, in_axes=in_axes, out_axes=out_axes
  )
  placed = tuple(
    jax.device_put(
      tree,
      jax.NamedSharding(
        mesh, jax.P() if axis is None else jax.P(mesh_lib.DATA_AXIS)
      ),
    )
    for tree, axis in zip(arguments, in_axes)
  )
  compiled: Any = program.lower(*placed).compile()
  memory = compiled.memory_analysis()
  outputs = jax.block_until_ready(compiled(*placed))

  def run() -> None:
    last = None
    for _ in range(calls):
      last = compiled(*placed)
    jax.block_until_ready(last)

  stage = Stage(
    name,
    product_count.count(program, *placed),
    product_count.count(program, *placed, plain=False),
    _nbytes(arguments if read is None else read) + _nbytes(outputs),
    product_count.traffic(program, *placed),
    getattr(memory, "temp_size_in_bytes", None),
    run,
  )
  return stage, outputs


def _nbytes(tree: Any) -> int:
  return sum(
    x.nbytes
    for x in jax.tree.leaves(tree)
    if not jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
  )
