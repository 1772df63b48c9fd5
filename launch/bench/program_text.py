"""Reads the text of a compiled program (optimised HLO), of any platform.

What matters here is what runs one after another: the operations of the entry
computation and of the computations that it calls. A fusion is one operation,
whatever is in it. It reads what it is given, but of each operand no more
elements than its results are made of, and only the pieces where it cuts some
out.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence

# No program of their own: names, views and waiting.
_FREE = {
  "after-all", "bitcast", "constant", "get-tuple-element", "opt-barrier",
  "parameter", "partition-id", "replica-id", "tuple",
}  # fmt: skip
# They read as much as they make.
_CUTS = ("dynamic-slice", "gather", "slice")
# What runs is in the computations that they call.
_CALLS = ("call", "conditional", "while")
_PACKAGE = "bgm2pose_jax/"
# Wraps every method to check shapes: never where an operation comes from.
_WRAPPER = "base/array_typing.py"
ELSEWHERE = "elsewhere"


@dataclasses.dataclass(frozen=True)
class Array:
  """One array of a compiled program.

  Attributes:
    dtype: as HLO names it, e.g. `bf16`.
    dimensions: sizes.
    nbytes: in memory, filled up to whole tiles.
    on_chip: whether it lives in memory of the processor itself.
  """

  dtype: str
  dimensions: tuple[int, ...]
  nbytes: int
  on_chip: bool

  def part(self, elements: int) -> Array:
    """The same array with no more than so many elements' bytes."""
    share = min(1.0, elements / max(1, math.prod(self.dimensions)))
    return dataclasses.replace(self, nbytes=round(self.nbytes * share))

  def __str__(self) -> str:
    return f"{self.dtype}[{','.join(map(str, self.dimensions))}]"


@dataclasses.dataclass(frozen=True)
class Operation:
  """One operation that runs.

  Attributes:
    name: the compiler's.
    kind: HLO's name of the operation.
    reads: arrays that it is given, or the pieces that it cuts out of them.
    writes: arrays that it makes.
    source: the module of the package that it comes from, or `ELSEWHERE`.
    cycles: the compiler's estimate; None where it makes none.
    times: how often it runs in one call.
  """

  name: str
  kind: str
  reads: Sequence[Array]
  writes: Sequence[Array]
  source: str
  cycles: int | None
  times: int

  @property
  def moved_bytes(self) -> int:
    """What crosses between the chip's memory and the processor, once each."""
    every = [*self.reads, *self.writes]
    return self.times * sum(x.nbytes for x in every if not x.on_chip)


def operations(text: str) -> list[Operation]:
  """Lists what runs in one call, in the order of the text.

  Args:
    text: of a whole optimised HLO module.
  """
  bodies = dict(_computations(text))
  entry = next(name for name in bodies if name.startswith("ENTRY "))
  return list(_run(entry, _Module(bodies, _Sources(text), {}), 1))


@dataclasses.dataclass(frozen=True)
class _Module:
  """A program's computations, and what is known of them.

  Attributes:
    bodies: {computation: its lines}.
    sources: where operations come from.
    fused: what is known of fused computations so far.
  """

  bodies: Mapping[str, list[str]]
  sources: _Sources
  fused: dict[str, _Fused]


def arrays(text: str) -> list[Array]:
  """Returns all arrays in the text of a type, e.g. of a tuple.

  Args:
    text: `f32[8,128]{1,0:T(8,128)}`, or several in parentheses.
  """
  return [
    Array(dtype, dims, _nbytes(dtype, dims, layout), bool(space))
    for dtype, dims, layout, space in _shapes(text)
  ]


_LINE = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = ")
_SHAPE = re.compile(
  r"\b(pred|[a-z]+[0-9]+[a-z0-9]*)\[([0-9,]*)\](?:{([^}]*)})?"
)
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_TRIPS = re.compile(r'"known_trip_count":{"n":"(\d+)"')
_CALLED = re.compile(
  r"(?:body|condition|to_apply|branch_computations)=({[^}]*}|%?[\w.\-]+)"
)


def _computations(text: str) -> Iterator[tuple[str, list[str]]]:
  """Yields each computation's name, `ENTRY` before the first one's, lines."""
  name, lines = None, []
  for line in text.splitlines():
    if name is None:
      head = re.match(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$", line)
      if head:
        name, lines = (head[1] or "") + head[2], []
    elif line.startswith("}"):
      yield name, lines
      name = None
    else:
      lines.append(line)


def _run(name: str, module: _Module, times: int) -> Iterator[Operation]:
  """Yields the operations of a computation and of those it calls."""
  made: dict[str, list[Array]] = {}
  for line in module.bodies.get(name, ()):
    found = _LINE.match(line)
    if not found:
      continue
    kind_of, kind, given, rest = _parts(line[found.end() :])
    made[found[1]] = arrays(kind_of)
    writes = _results(kind, made[found[1]])
    if kind in _FREE or kind.endswith(("-done", "-update")):
      continue
    if kind in _CALLS:
      trips = _TRIPS.search(rest)
      more = times * (int(trips[1]) if trips else 1)
      for called in _CALLED.findall(rest):
        for each in re.findall(r"[\w.\-]+", called):
          yield from _run(each, module, more)
      continue
    cycles = _CYCLES.search(rest)
    reads = [made.get(each, []) for each in given]
    if kind.removesuffix("-start") in _CUTS:
      # A row gathered twice is read once.
      reads[0] = min(reads[0], _where(reads[0], writes), key=_nbytes_of)
    elif kind == "fusion":
      reads = _read_by(rest, reads, module)
    yield Operation(
      name=found[1],
      kind=kind,
      reads=[x for each in reads for x in each],
      writes=writes,
      source=module.sources.of(rest),
      cycles=int(cycles[1]) if cycles else None,
      times=times,
    )


@dataclasses.dataclass
class _Fused:
  """What a fused computation does with each of its parameters, by number.

  Attributes:
    cuts: what it cuts out of those that it only cuts.
    wanted: elements that its results are made of, at most; one that is used
      twice counts twice.
  """

  cuts: dict[int, list[Array]]
  wanted: dict[int, int]


# An element that they make may read any of an operand.
_MANY_TO_ONE = (
  "call", "convolution", "custom-call", "dot", "fusion", "reduce-window",
  "scatter",
)  # fmt: skip


def _fused(lines: Sequence[str]) -> _Fused:
  """Looks through a fused computation, from its results to its parameters."""
  steps = []
  size: dict[str, int] = {}
  for line in lines:
    found = _LINE.match(line)
    if found:
      kind_of, kind, given, _ = _parts(line[found.end() :])
      made = arrays(kind_of)
      size[found[1]] = _elements(made)
      steps.append((found[1], kind, given, made, line))
  numbers: dict[str, int] = {}
  cuts: dict[str, list[Array]] = {}
  whole: set[str] = set()
  wanted: collections.Counter[str] = collections.Counter()
  for name, kind, given, made, line in reversed(steps):
    if "ROOT " in line:
      wanted[name] = size[name]
    # What nothing reads is not made.
    count = min(wanted[name], size[name])
    if kind == "parameter":
      number = re.search(r"parameter\((\d+)\)", line)
      assert number
      numbers[name] = int(number[1])
    elif kind in _CUTS:
      cuts.setdefault(given[0], []).extend(made)
      whole.update(given[1:])
    else:
      whole.update(given)
    for i, operand in enumerate(given):
      wanted[operand] += _read_of(kind, i, count, size[name], size[operand])
  return _Fused(
    {n: cuts[p] for p, n in numbers.items() if p in cuts and p not in whole},
    {n: wanted[p] for p, n in numbers.items()},
  )


def _read_of(kind: str, place: int, count: int, made: int, given: int) -> int:
  """Elements of an operand that so many of an operation's need, at most.

  Args:
    kind: of the operation.
    place: the operand's number.
    count: how many of its elements are asked for.
    made: how many it has.
    given: how many the operand has.
  """
  if kind == "tuple" or kind in _MANY_TO_ONE or (kind in _CUTS and place):
    return given
  if kind == "reduce":
    return -(-count * given // max(1, made))
  return min(count, given)


def _read_by(
  attributes: str, given: Sequence[list[Array]], module: _Module
) -> list[list[Array]]:
  """What a fusion reads of each operand."""
  called = re.search(r"calls=%?([\w.\-]+)", attributes)
  if not called:
    return list(given)
  if called[1] not in module.fused:
    found = _fused(module.bodies.get(called[1], ()))
    module.fused[called[1]] = found
  fused = module.fused[called[1]]
  reads = []
  for number, whole in enumerate(given):
    options = [whole]
    if number in fused.cuts:
      options.append(_where(whole, fused.cuts[number]))
    if number in fused.wanted and len(whole) == 1:
      options.append([whole[0].part(fused.wanted[number])])
    reads.append(min(options, key=_nbytes_of))
  return reads


def _where(whole: Sequence[Array], pieces: Sequence[Array]) -> list[Array]:
  """Pieces of an operand, which lie where it lies."""
  on_chip = all(x.on_chip for x in whole) and bool(whole)
  return [dataclasses.replace(x, on_chip=on_chip) for x in pieces]


def _elements(found: Sequence[Array]) -> int:
  return sum(math.prod(x.dimensions) for x in found)


def _nbytes_of(found: Sequence[Array]) -> int:
  return sum(x.nbytes for x in found)


def _results(kind: str, writes: list[Array]) -> list[Array]:
  """What an operation makes; one that only starts names its input too."""
  if kind == "copy-start":
    return writes[:1]
  if kind == "all-gather-start":
    return writes[len(writes) // 2 :]
  if kind.endswith("slice-start"):
    return writes[1:2]
  return writes


def _parts(text: str) -> tuple[str, str, list[str], str]:
  """Splits `type kind(operands), attributes`."""
  depth, i = 0, 0
  while i < len(text):
    depth += (text[i] in "({") - (text[i] in ")}")
    if text[i] == " " and depth == 0:
      break
    i += 1
  start = text.index("(", i)
  depth = 0
  for end in range(start, len(text)):
    depth += (text[end] == "(") - (text[end] == ")")
    if depth == 0:
      break
  names = re.findall(r"%([\w.\-]+)", text[start:end])
  return text[:i], text[i + 1 : start], names, text[end + 1 :]


def _shapes(text: str) -> Iterator[tuple[str, tuple[int, ...], str, str]]:
  for dtype, sizes, layout in _SHAPE.findall(text):
    space = re.search(r"S\(([1-9]\d*)\)", layout)
    dims = tuple(int(d) for d in sizes.split(",") if d)
    yield dtype, dims, layout, space[1] if space else ""


def _nbytes(dtype: str, dims: tuple[int, ...], layout: str) -> int:
  """Bytes with the last dimensions filled up to whole tiles."""
  order = re.match(r"[\d,]*", layout)
  minor_first = [int(d) for d in (order[0] if order else "").split(",") if d]
  sizes = [dims[d] for d in reversed(minor_first)] or list(dims)
  tile = re.search(r"T\(([\d,]+)\)", layout)
  if tile:
    cut = [int(d) for d in tile[1].split(",")]
    sizes = [1] * (len(cut) - len(sizes)) + sizes
    ends = [-(-n // t) * t for n, t in zip(sizes[-len(cut) :], cut)]
    sizes[-len(cut) :] = ends
  digits = re.match(r"[a-z]+(\d+)", dtype)
  bits = 8 if dtype == "pred" or not digits else int(digits[1])
  return math.prod(sizes) * bits // 8


class _Sources:
  """Which module of the package an operation comes from."""

  def __init__(self, text: str):
    head = text[: text.find("\n%")]
    tables = dict(re.findall(r"(?m)^(\w+)\n((?:\d+ .*\n)+)", head))
    self._files = dict(
      re.findall(r'(?m)^(\d+) "(.*)"', tables.get("FileNames", ""))
    )
    self._places = dict(
      re.findall(
        r"(?m)^(\d+) {file_name_id=(\d+)", tables.get("FileLocations", "")
      )
    )
    self._frames = {
      n: (place, str(int(parent) - 1))
      for n, place, parent in re.findall(
        r"(?m)^(\d+) {file_location_id=(\d+) parent_frame_id=(\d+)",
        tables.get("StackFrames", ""),
      )
    }

  def of(self, attributes: str) -> str:
    """The innermost module of the package, from its root on."""
    plain = re.search(r'source_file="([^"]*)"', attributes)
    frame = re.search(r"stack_frame_id=(\d+)", attributes)
    if plain:
      return _module(plain[1]) or ELSEWHERE
    at = frame[1] if frame else "0"
    while at in self._frames:
      place, at = self._frames[at]
      module = _module(self._files.get(self._places.get(place, ""), ""))
      if module:
        return module
    return ELSEWHERE


def _module(path: str) -> str | None:
  _, found, module = path.rpartition(_PACKAGE)
  return module if found and module != _WRAPPER else None
