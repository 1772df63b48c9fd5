"""Who plays what: from a table, from the datapack, or unknown."""

from __future__ import annotations

import re

from bgm2pose_jax.systems.mapnet.telmi.datapack import Datapack

UNKNOWN = "unknown"
# Words for the metadata's fields, best first.
_PLAYER_FACTS = ("player", "performer", "violinist", "musician", "subject")
_TECHNIQUE_FACTS = ("technique", "bowing", "exercise")
_PLAYER = re.compile(
  r"(?<![a-z0-9])(?:player|performer|violinist|subject|p|s|v)[ _-]?0*(\d{1,3})"
  # `P03T01` is the first take of the third player.
  r"(?![a-bd-su-z0-9]|[ct](?!\d))",
  re.IGNORECASE,
)
# As names hold them, without accents, blanks and hyphens.
_TECHNIQUES: dict[str, str] = {
  "detache": "detache",
  "legato": "legato",
  "slur": "legato",
  "martele": "martele",
  "staccato": "staccato",
  "spiccato": "spiccato",
  "sautille": "sautille",
  "ricochet": "ricochet",
  "bariolage": "bariolage",
  "portato": "portato",
  "colle": "colle",
  "tremolo": "tremolo",
  "vibrato": "vibrato",
  "pizzicato": "pizzicato",
  "trill": "trills",
  "arpeggi": "arpeggios",
  "shift": "shifts",
  "doublestop": "double_stops",
  "openstring": "open_strings",
  "sonfile": "son_file",
  "scale": "scales",
}
_ACCENTS = str.maketrans("éèêáàóòíúüöä", "eeeaaooiuuoa")


def who_plays_what(
  datapack: Datapack, facts: dict[str, str], xml_name: str
) -> tuple[str, str]:
  """Returns (player, technique): of the table, else of the datapack.

  Whatever stands there, both are names that a folder can have.

  Args:
    datapack: the datapack with what the table says.
    facts: the facts of its metadata.
    xml_name: the name at the XML's root.
  """
  names = (datapack.name, xml_name)
  return (
    _as_name(datapack.player or player_of(facts, names)),
    _as_name(datapack.technique or technique_of(facts, names)),
  )


def _as_name(text: str) -> str:
  """A player's name becomes that of a folder: no `/`, no `..`, not hidden."""
  kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in text[:80])
  return kept.strip(" .") or UNKNOWN


def player_of(facts: dict[str, str], names: tuple[str, ...]) -> str:
  """Finds the player.

  Args:
    facts: the facts of the datapack's metadata.
    names: the names of the datapack and its XML; such as `P03_detache` names
      one.

  Returns:
    As stated, or `player_3`; `unknown` where nothing says so.
  """
  for word in _PLAYER_FACTS:
    if text := facts.get(word):
      return text
  for name in names:
    if match := _PLAYER.search(name.replace("_", " ")):
      return f"player_{int(match[1])}"
  return UNKNOWN


def technique_of(facts: dict[str, str], names: tuple[str, ...]) -> str:
  """Finds the technique.

  Args:
    facts: the facts of the datapack's metadata.
    names: the names of the datapack and its XML; such as `P03_detache` names
      one.

  Returns:
    As stated, or one of the known ones; `unknown` where nothing says so.
  """
  for word in _TECHNIQUE_FACTS:
    if text := facts.get(word):
      return text
  for name in names:
    plain = re.sub(r"[\W_]+", "", name.lower().translate(_ACCENTS))
    for part, technique in _TECHNIQUES.items():
      if part in plain:
        return technique
  return UNKNOWN
