"""Names of markers, in the spellings in use, to places on body and instrument.

A name is compared without case, blanks and punctuation. What stands behind a
first dot (`RSHO.take1`) and before a colon or a first underscore
(`player:RSHO`) is left aside where the whole name says nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file
from bgm2pose_jax.files.text_file import clip_text

C7 = "c7"
BOW_FROG, BOW_TIP, BRIDGE = "bow_frog", "bow_tip", "bridge"
INSTRUMENT = (BOW_FROG, BOW_TIP, BRIDGE)
SIDES = ("right", "left")
# Patterns take a while on a name of thousands of letters.
_LONGEST = 200

_SIDE = {"right": ("r", "right", "rt"), "left": ("l", "left", "lt")}
_INNER = ("inner", "in", "i", "inside", "medial", "med", "m", "internal")
_OUTER = ("outer", "out", "o", "outside", "lateral", "lat", "external", "ext")
_BACK = ("back", "b", "rear", "bk")
_SHOULDER = ("shoulder", "sho", "shldr", "shld", "sh", "acromion")
_ELBOW = ("elbow", "elb", "el")
_WRIST = ("wrist", "wri", "wr", "wrs")
_WAIST = ("waist", "wst", "wt", "hip", "pelvis")
_KNEE = ("knee", "kne", "kn")
_TOE = ("toe", "toes", "bigtoe")
# Place on one side: (words for where on it, words for it). An empty word
# means that none is needed.
_PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
  "shoulder": (("", "front", "top"), _SHOULDER),
  "back_shoulder": (_BACK, _SHOULDER),
  "elbow": (("",), _ELBOW),
  "inner_elbow": (_INNER, _ELBOW),
  "outer_elbow": (_OUTER, _ELBOW),
  # RWRI is the inner one beside RWRO, not a short `wrist`.
  "wrist": (("",), tuple(word for word in _WRIST if word != "wri")),
  "inner_wrist": (_INNER, _WRIST),
  "outer_wrist": (_OUTER, _WRIST),
  "back_waist": (_BACK, _WAIST),
  "knee": (("",), _KNEE),
  "inner_knee": (_INNER, _KNEE),
  "outer_knee": (_OUTER, _KNEE),
  "toe": (("",), _TOE),
}
# Marker sets of gait laboratories: thumb side, little finger's side, back of
# the pelvis.
_OTHERS = {
  "inner_wrist": ("wra",),
  "outer_wrist": ("wrb",),
  "back_waist": ("psi", "psis"),
}
# Bows carry several markers at an end: `BowFrogRcello`, `BowTipL`.
_INSTRUMENT = (
  (BOW_FROG, re.compile("(?<!el)bow.*(?:frog|nut)|(?:frog|nut).*(?<!el)bow")),
  (BOW_TIP, re.compile("(?<!el)bow.*(?:tip|head)|(?:tip|head).*(?<!el)bow")),
  (BRIDGE, re.compile("bridge")),
)


def _plain(name: str) -> str:
  return re.sub(r"[\W_]+", "", name.casefold())


def spellings() -> Iterator[tuple[str, str]]:
  """Yields every (spelling, place) of the body, plain: small letters only."""
  for name in ("c7", "cv7", "vertebrac7", "c7vertebra", "cervical7"):
    yield name, C7
  for side in SIDES:
    for place, (wheres, parts) in _PARTS.items():
      orders = {
        order
        for s in _SIDE[side]
        for w in wheres
        for p in parts
        for order in (s + w + p, s + p + w, w + s + p, w + p + s, p + w + s)
      }
      for other in _OTHERS.get(place, ()):
        orders |= {s + other for s in _SIDE[side]}
      for order in sorted(orders):
        yield order, f"{side}_{place}"


_TABLE = dict(spellings())
PLACES = (
  C7,
  *(f"{side}_{place}" for side in SIDES for place in _PARTS),
  *INSTRUMENT,
)


def place_of(name: str) -> str | None:
  """Returns the place that a marker's name stands for.

  Args:
    name: the name, as the file has it.

  Returns:
    One of `PLACES`; None where no spelling fits.
  """
  if len(name) > _LONGEST:
    return None
  head = name.partition(".")[0]
  tried = (
    name,
    head,
    head.rpartition(":")[2],
    head.partition("_")[2],
  )
  for each in tried:
    if place := _TABLE.get(_plain(each)):
      return place
  plain = _plain(head)
  for place, pattern in _INSTRUMENT:
    if pattern.search(plain):
      return place
  return None


def find_places(
  names: Sequence[str], where: object, chosen: dict[str, str]
) -> dict[str, tuple[str, ...]]:
  """Finds the places among a file's markers.

  Args:
    names: the names of the markers.
    where: the file, for messages.
    chosen: {marker: place} of a marker map, which wins over the table.

  Returns:
    {place: names of its markers}; several only on bow and violin.

  Raises:
    InputError: a place of the body found twice.
  """
  found: dict[str, list[str]] = {}
  # A marker that is chosen for a place leaves none to others.
  settled = {place for name in names if (place := _chosen(name, chosen))}
  for name in names:
    place = _chosen(name, chosen)
    if place is None:
      place = place_of(name)
      if place in settled:
        continue
    if place is not None:
      found.setdefault(place, []).append(name)
  for place, markers in found.items():
    if len(markers) > 1 and place not in INSTRUMENT:
      raise InputError(
        where,
        f"has {place} twice: {listing(markers)}",
        f'name the right one in a marker map: {{"NAME": "{place}"}}',
      )
  return {place: tuple(markers) for place, markers in found.items()}


def _chosen(name: str, chosen: dict[str, str]) -> str | None:
  return chosen.get(name) or chosen.get(name.partition(".")[0])


def read_map(path: str | os.PathLike[str] | None) -> dict[str, str]:
  """Reads a marker map.

  A name of it that a datapack does not have is no error: one map serves many
  datapacks.

  Args:
    path: a JSON object of {marker in the files: place, or any name that the
      table knows}; None for no map.

  Returns:
    {marker: place}.

  Raises:
    InputError: no JSON object, or a value that means no place. The message
      lists the places.
  """
  if path is None:
    return {}
  fix = f'give {{"MARKER": "PLACE"}} with places of {", ".join(PLACES)}'
  found: dict[str, str] = {}
  for name, meant in json_file.read(path, fix, max_bytes=1 << 20).items():
    place = None
    if isinstance(meant, str):
      place = meant if meant in PLACES else place_of(meant)
    if place is None:
      raise InputError(
        path, f"{clip_text(name)} is {clip_text(repr(meant))}", fix
      )
    found[name] = place
  return found


def listing(names: Sequence[str], most: int = 60) -> str:
  """Returns names in one line, shortened for messages."""
  shown = ", ".join(clip_text(name, 40) for name in names[:most])
  more = f", ... ({len(names)} in all)" if len(names) > most else ""
  return (shown or "none") + more
