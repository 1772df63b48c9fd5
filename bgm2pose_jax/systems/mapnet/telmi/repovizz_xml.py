"""The XML of a RepoVizz datapack, without entities and within bounds.

The standard library's expat does the parsing. Document types and entities,
which make a page of XML unfold to gigabytes or read other files, are refused
where they are declared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from xml.parsers import expat

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text

# A datapack of 400 signals takes 200 kB.
MAX_BYTES = 16 << 20
MAX_NODES = 100_000
MAX_DEPTH = 64
_MAX_ATTRIBUTES = 100
_MAX_TEXT = 10_000
_FIX = "download the datapack again"


@dataclasses.dataclass
class Node:
  """One element.

  Attributes:
    tag: the tag in lower case.
    attributes: {name in lower case: value without outer blanks}; RepoVizz
      writes `Filename` by hand and `filename` by its server.
    children: elements in it.
    text: what stands in it beside elements.
  """

  tag: str
  attributes: dict[str, str]
  children: list[Node] = dataclasses.field(default_factory=list)
  text: str = ""

  def get(self, name: str) -> str:
    """Returns an attribute; an absent one is as an empty one.

    Args:
      name: the name in lower case.
    """
    return self.attributes.get(name, "")

  def walk(self) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Yields every element below with the elements around it, outer first."""
    waiting: list[tuple[Node, tuple[Node, ...]]] = [(self, ())]
    while waiting:
      node, around = waiting.pop()
      yield node, around
      inner = (*around, node)
      waiting += [(child, inner) for child in reversed(node.children)]


class _RefusedError(Exception):
  """Raised in a handler, with what was found."""


class _Builder:
  """Makes nodes of what expat reports."""

  def __init__(self):
    self.root: Node | None = None
    self._open: list[Node] = []
    self._count = 0

  def start(self, tag: str, attributes: dict[str, str]) -> None:
    self._count += 1
    if self._count > MAX_NODES:
      raise _RefusedError(f"holds more than {MAX_NODES} elements")
    if len(self._open) >= MAX_DEPTH:
      raise _RefusedError(f"is nested deeper than {MAX_DEPTH} elements")
    if len(attributes) > _MAX_ATTRIBUTES:
      raise _RefusedError(f"has an element of {len(attributes)} attributes")
    plain: dict[str, str] = {}
    for name, value in attributes.items():
      if len(name) + len(value) > _MAX_TEXT:
        raise _RefusedError(f"has an attribute of {len(value)} characters")
      # Where both cases are given, the one that says something counts.
      plain[name.lower()] = plain.get(name.lower()) or value.strip()
    node = Node(tag.lower(), plain)
    if self._open:
      self._open[-1].children.append(node)
    else:
      self.root = node
    self._open.append(node)

  def end(self, tag: str) -> None:
    self._open.pop()

  def text(self, data: str) -> None:
    if self._open and data.strip():
      node = self._open[-1]
      if len(node.text) + len(data) > _MAX_TEXT:
        raise _RefusedError(f"has a text above {_MAX_TEXT} characters")
      node.text = f"{node.text} {data.strip()}".strip()


def _refuse_doctype(*unused: object) -> None:
  raise _RefusedError("declares a document type, which no datapack needs")


def _refuse_entity(*unused: object) -> None:
  raise _RefusedError("declares an entity, which no datapack needs")


def parse(data: bytes, where: object) -> Node:
  """Parses a datapack's XML.

  Args:
    data: the file.
    where: names it in messages.

  Returns:
    The root.

  Raises:
    InputError: larger than `MAX_BYTES`, no well-formed XML, a document type or
      an entity, or beyond the limits of elements, depth and text.
  """
  if len(data) > MAX_BYTES:
    raise InputError(where, f"is larger than {MAX_BYTES >> 20} MiB", _FIX)
  builder = _Builder()
  parser = expat.ParserCreate()
  parser.buffer_text = True
  parser.StartElementHandler = builder.start
  parser.EndElementHandler = builder.end
  parser.CharacterDataHandler = builder.text
  parser.StartDoctypeDeclHandler = _refuse_doctype
  parser.EntityDeclHandler = _refuse_entity
  try:
    parser.Parse(data, True)
  except _RefusedError as error:
    raise InputError(where, str(error), _FIX) from None
  except MemoryError:
    raise
  except Exception as error:
    # The name of an encoding reaches Python's codecs, with errors of their own.
    reason = clip_text(str(error) or type(error).__name__, 120)
    raise InputError(
      where,
      f"is no well-formed XML ({reason})",
      "save it as UTF-8, or download the datapack again",
    ) from None
  if builder.root is None:
    raise InputError(where, "holds no element", _FIX)
  return builder.root


def root_tag(data: bytes) -> str | None:
  """Returns the root's tag in lower case; None where there is none to see.

  Args:
    data: the file, or its beginning.
  """
  found: list[str] = []

  def start(tag: str, unused: dict[str, str]) -> None:
    found.append(tag.lower())
    raise _RefusedError

  parser = expat.ParserCreate()
  parser.StartElementHandler = start
  parser.EntityDeclHandler = _refuse_entity
  try:
    parser.Parse(data, False)
  except MemoryError:
    raise
  except Exception:
    # Why it cannot be parsed is said where it is parsed whole.
    pass
  return found[0] if found else None
