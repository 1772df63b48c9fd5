"""What the XML of a datapack says that it holds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import PurePosixPath

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.systems.mapnet.telmi import pack_files, repovizz_xml
from bgm2pose_jax.systems.mapnet.telmi.pack_files import PackFiles
from bgm2pose_jax.systems.mapnet.telmi.repovizz_xml import Node

_AXES = ("x", "y", "z")
_SOUND_ENDINGS = (".wav", ".mp3", ".bwf", ".flac", ".ogg")
_DOCUMENTS = ("terms", "readme")
_MARKER, _MARKER_GROUP = "mocapmarker", "mocapgroup"
# Enough for a root element behind a long comment.
_HEAD_BYTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class Signal:
  """One file of numbers that the XML names.

  Attributes:
    file: the file in the datapack.
    frame_size: values of a frame; 1 where the XML leaves it empty.
    samples: values in all, frames x frame_size; None where it is left empty.
    rate_hz: None where it is left empty.
  """

  file: str
  frame_size: int
  samples: int | None
  rate_hz: float | None


@dataclasses.dataclass(frozen=True)
class Marker:
  """One optical marker.

  Attributes:
    name: the name, as the XML states it.
    signals: x, y and z; or one whose frames hold the three.
  """

  name: str
  signals: tuple[Signal, ...]


@dataclasses.dataclass(frozen=True)
class Sound:
  """One sound file.

  Attributes:
    name: the name, as the XML states it.
    category: such as `Pickup` or `Ambient`, as stated.
    file: the file in the datapack.
  """

  name: str
  category: str
  file: str


@dataclasses.dataclass(frozen=True)
class Contents:
  """A datapack's XML, understood.

  Attributes:
    xml: its name in the datapack.
    name: the root's.
    markers: the markers in the XML's order.
    sounds: likewise.
    documents: (category, file) of TERMS and README files.
    facts: {name in lower case: value} of the metadata and the root.
    counts: {category: number} of all other signals.
    incomplete: markers that lack a name, or one file each for X, Y and Z.
  """

  xml: str
  name: str
  markers: tuple[Marker, ...]
  sounds: tuple[Sound, ...]
  documents: tuple[tuple[str, str], ...]
  facts: dict[str, str]
  counts: dict[str, int]
  incomplete: tuple[str, ...] = ()


def read(files: PackFiles) -> Contents:
  """Finds, parses and understands a datapack's XML.

  Args:
    files: the datapack's.

  Raises:
    InputError: no XML with the root element ROOT, or several; XML that is
      refused (see `repovizz_xml`); a file name that leads out of the datapack,
      or a count that is no number.
  """
  xml = _find_xml(files)
  where = files.where(xml)
  root = repovizz_xml.parse(files.read(xml, repovizz_xml.MAX_BYTES), where)
  folder = str(PurePosixPath(xml).parent)
  reader = _Reader(where, "" if folder == "." else folder)
  return reader.contents(xml, root)


def _find_xml(files: PackFiles) -> str:
  names = [
    name
    for name in files.names()
    if name.lower().endswith(".xml") and not _is_systems_own(name)
  ]
  # A score may be XML too.
  found = [
    name
    for name in names
    if len(names) == 1
    or repovizz_xml.root_tag(
      files.read(name, repovizz_xml.MAX_BYTES)[:_HEAD_BYTES]
    )
    == "root"
  ]
  if len(found) != 1:
    said = ", ".join(clip_text(name) for name in (found or names)[:5])
    raise InputError(
      files.path,
      f"holds {len(found)} RepoVizz XML files ({said or 'no .xml at all'})",
      "give one datapack: a folder or zip with one XML and its signals",
    )
  return found[0]


def _is_systems_own(name: str) -> bool:
  parts = PurePosixPath(name).parts
  return "__MACOSX" in parts or any(part.startswith(".") for part in parts)


class _Reader:
  """Turns nodes into records; knows the XML's name for messages."""

  def __init__(self, where: str, folder: str):
    self._where = where
    self._folder = folder

  def contents(self, xml: str, root: Node) -> Contents:
    markers: list[Marker] = []
    sounds: list[Sound] = []
    documents: list[tuple[str, str]] = []
    facts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    incomplete: list[str] = []
    of_markers: set[int] = set()
    for node, around in root.walk():
      category = node.get("category").lower()
      signals = self._marker_signals(node, around)
      if signals and node.get("name"):
        markers.append(self._marker(node, signals))
        of_markers |= {id(signal) for signal in signals}
      elif category == _MARKER:
        incomplete.append(clip_text(node.get("name")) or "one without a name")
        of_markers |= {id(child) for child in node.children}
      elif node is root or category == "metadata" or _is_metadata(around):
        _add_facts(facts, node)
      elif not node.get("filename"):
        continue
      elif _is_sound(node):
        sounds.append(self._sound(node))
      elif category in _DOCUMENTS:
        documents.append((category.upper(), self._file(node)))
      elif id(node) not in of_markers:
        counts[clip_text(node.get("category")) or node.tag] += 1
    return Contents(
      xml=xml,
      name=clip_text(root.get("name")),
      markers=tuple(markers),
      sounds=tuple(sounds),
      documents=tuple(documents),
      facts=facts,
      counts=dict(counts),
      incomplete=tuple(incomplete),
    )

  def _marker_signals(self, node: Node, around: tuple[Node, ...]) -> list[Node]:
    """The signals of a marker; none where the node is no marker."""
    is_marker = node.get("category").lower() == _MARKER
    in_group = any(n.get("category").lower() == _MARKER_GROUP for n in around)
    held = [child for child in node.children if child.get("filename")]
    by_axis: dict[str, list[Node]] = {}
    for child in held:
      by_axis.setdefault(child.get("category").lower(), []).append(child)
    axes = [child for axis in _AXES for child in by_axis.get(axis, [])]
    if len(axes) == 3 and all(len(by_axis.get(a, [])) == 1 for a in _AXES):
      return axes if is_marker or in_group else []
    if not is_marker or not held:
      return []
    if len(held) == 1 and held[0].get("framesize") == "3":
      return held
    return []

  def _marker(self, node: Node, signals: list[Node]) -> Marker:
    return Marker(node.get("name"), tuple(map(self._signal, signals)))

  def _signal(self, node: Node) -> Signal:
    samples = self._number(node, "numsamples")
    return Signal(
      file=self._file(node),
      frame_size=int(self._number(node, "framesize") or 1),
      samples=None if samples is None else int(samples),
      rate_hz=self._number(node, "samplerate"),
    )

  def _sound(self, node: Node) -> Sound:
    name = node.get("name") or node.get("id")
    return Sound(
      clip_text(name), clip_text(node.get("category")), self._file(node)
    )

  def _file(self, node: Node) -> str:
    return pack_files.resolve(self._folder, node.get("filename"), self._where)

  def _number(self, node: Node, name: str) -> float | None:
    text = node.get(name)
    if not text:
      return None
    try:
      value = -1.0 if "_" in text else float(text)
    except ValueError:
      value = -1.0
    whole = name != "samplerate"
    # Above both, no memory holds what is claimed. Zero says as little as empty.
    if not 0 <= value <= 1e10 or (whole and value != int(value)):
      raise InputError(
        self._where,
        f"{clip_text(node.get('filename'))} has {name} '{clip_text(text)}'",
        "correct it, or leave it empty",
      )
    return value or None


def _is_metadata(around: tuple[Node, ...]) -> bool:
  return any(node.get("category").lower() == "metadata" for node in around)


def _add_facts(facts: dict[str, str], node: Node) -> None:
  """Keeps what a node of the metadata may mean: RepoVizz leaves that open."""
  pairs = dict(node.attributes)
  value = pairs.get("value") or node.text
  for key in ("name", "category"):
    if value and pairs.get(key):
      pairs[pairs[key].lower()] = value
  if node.text:
    pairs[node.tag] = node.text
  for key, text in pairs.items():
    if text:
      facts.setdefault(key, clip_text(text, 200))


def _is_sound(node: Node) -> bool:
  return node.tag == "audio" or node.get("filename").lower().endswith(
    _SOUND_ENDINGS
  )
