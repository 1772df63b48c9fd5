"""Counts what the devices of a mesh send each other in one call.

`of_function` counts in the traced program, before any compiler, for a mesh of
any size, also one that nobody has here. `of_program` counts in a compiled
program's text, where equal collectives may have become one and several may
travel together.

Bytes are those of the larger side on one device: what is reduced, or what is
there once it is gathered. What a link carries of it depends on the way:
`scaling_plan`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from launch.bench import product_count

KINDS = ("all-reduce", "all-gather", "reduce-scatter")
_PRIMITIVES = {
  "psum": "all-reduce",
  "psum2": "all-reduce",
  "psum_invariant": "all-reduce",
  "pmax": "all-reduce",
  "pmin": "all-reduce",
  "all_gather": "all-gather",
  "all_gather_invariant": "all-gather",
  "all_gather_reduced": "all-gather",
  "reduce_scatter": "reduce-scatter",
  "unreduced_psum": "all-reduce",
  "unreduced_reduce_scatter": "reduce-scatter",
}
# Whatever else travels is not known here, so it must not be passed over.
_UNKNOWN = ("ppermute", "all_to_all", "psum_scatter", "pgather", "ragged")


@dataclasses.dataclass(frozen=True)
class Collective:
  """One exchange.

  Attributes:
    kind: one of `KINDS`.
    nbytes: the size of the larger side on one device.
    round: how many exchanges must have ended before this one can, itself
      included; those of one round may travel together.
  """

  kind: str
  nbytes: int
  round: int


def of_function(
  function: Callable[..., Any], *arguments: Any
) -> list[Collective]:
  """Lists the collectives of one call.

  Args:
    function: anything JAX can trace, compiled or not.
    *arguments: arrays, or `jax.ShapeDtypeStruct` in their place.

  Raises:
    ValueError: a collective of another kind, or one inside a loop.
  """
  program = jax.make_jaxpr(function)(*arguments).jaxpr
  found: dict[int, Collective] = {}
  _walk(program, [_Value(0, id(v)) for v in program.invars], found)
  return list(found.values())


def summary(found: Sequence[Collective]) -> dict[str, Any]:
  """Adds up by kind.

  Args:
    found: the collectives from `of_function`.

  Returns:
    {kind: {`count`, `bytes`}} and `rounds`, the longest chain of exchanges
    each of which needs the one before.
  """
  out: dict[str, Any] = {
    kind: {
      "count": sum(c.kind == kind for c in found),
      "bytes": sum(c.nbytes for c in found if c.kind == kind),
    }
    for kind in KINDS
  }
  return out | {"rounds": max((c.round for c in found), default=0)}


def of_program(text: str, devices: int) -> dict[str, dict[str, int]]:
  """Adds up the collectives of a compiled program.

  Args:
    text: the text of the optimised HLO module.
    devices: how many devices each collective runs over.

  Returns:
    {kind: {`count`, `bytes`}}.
  """
  out = {kind: {"count": 0, "bytes": 0} for kind in KINDS}
  pattern = rf"= (.*?) ({'|'.join(KINDS)})(-start)?\("
  for shapes, kind, start in re.findall(pattern, text):
    sizes = [_hlo_bytes(*shape) for shape in _HLO_SHAPE.findall(shapes)]
    if start and kind == "all-gather":
      # A pair of what goes in and what comes out.
      sizes = sizes[len(sizes) // 2 :]
    scale = devices if kind == "reduce-scatter" else 1
    out[kind]["count"] += 1
    out[kind]["bytes"] += scale * sum(sizes)
  return out


_HLO_SHAPE = re.compile(r"\b(pred|[a-z]+[0-9]+)[a-z0-9]*\[([0-9,]*)\]")


def _hlo_bytes(kind: str, dimensions: str) -> int:
  bits = 8 if kind == "pred" else int(re.sub("[a-z]", "", kind))
  sizes = [int(d) for d in dimensions.split(",") if d]
  return math.prod(sizes) * bits // 8


@dataclasses.dataclass(frozen=True)
class _Value:
  """What is known of an array while walking through a program.

  Attributes:
    round: the round of the last exchange it needs.
    name: equal for two arrays that are computed alike from the same ones.
  """

  round: int
  name: int


def _walk(
  program: core.Jaxpr,
  inputs: Sequence[_Value],
  found: dict[int, Collective],
) -> list[_Value]:
  """Collects a program's collectives, equal ones once, as a compiler would.

  Args:
    program: the program to look through.
    inputs: what is known of each argument.
    found: collectives by name, taken further.

  Returns:
    What is known of each output.

  Raises:
    ValueError: as `of_function`.
  """
  known: dict[Any, _Value] = dict(zip(program.invars, inputs))

  def value(atom: Any) -> _Value:
    if isinstance(atom, core.Literal):
      return _Value(0, hash(("literal", str(atom.val), str(atom.aval))))
    # What is not an argument is a constant of the program.
    return known.get(atom) or _Value(0, hash(("constant", id(atom))))

  for equation in program.eqns:
    name = equation.primitive.name
    given = [value(atom) for atom in equation.invars]
    last = max((v.round for v in given), default=0)
    inner = list(product_count.programs_in(equation.params))
    if inner:
      before = len(found)
      loops = name in ("scan", "while", "cond")
      if len(inner) == 1 and len(inner[0].invars) == len(given) and not loops:
        ends = _walk(inner[0], given, found)
        if len(ends) == len(equation.outvars):
          known.update(zip(equation.outvars, ends))
          continue
      for part in inner:
        _walk(part, [_Value(last, id(v)) for v in part.invars], found)
      if len(found) > before:
        raise ValueError(f"a collective inside {name} is not counted")
    elif name.startswith(_UNKNOWN):
      raise ValueError(f"{name} is a collective that is not counted")
    rest = {k: v for k, v in equation.params.items() if not callable(v)}
    same = hash((name, str(rest), *(v.name for v in given)))
    if name in _PRIMITIVES:
      last += 1
      sides = [
        sum(_nbytes(v.aval) for v in side)
        for side in (equation.invars, equation.outvars)
      ]
      found[same] = Collective(_PRIMITIVES[name], max(sides), last)
    known.update(
      (v, _Value(last, hash((same, i)))) for i, v in enumerate(equation.outvars)
    )
  return [value(atom) for atom in program.outvars]


def _nbytes(aval: Any) -> int:
  return math.prod(aval.shape) * np.dtype(aval.dtype).itemsize
