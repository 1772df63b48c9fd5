"""Which known name was meant: for flags, commands and fields."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LEAST = 0.6
_MOST = 3


def near(word: str, known: Iterable[str]) -> list[str]:
  """Returns the known names most like a word, the likeliest first.

  Args:
    word: a name that is not known.
    known: the names that are.

  Returns:
    At most three names; none when nothing is alike.
  """
  names = {name.lower(): name for name in known}
  found = difflib.get_close_matches(word.lower(), names, _MOST, _LEAST)
  return [names[name] for name in found]


def did_you_mean(
  word: str, known: Iterable[str], otherwise: str, prefix: str = ""
) -> str:
  """Returns the fix to name in a message about an unknown word.

  Args:
    word: a name that is not known.
    known: the names that are.
    otherwise: what to say when none of them is alike.
    prefix: put before each name, such as `--`.
  """
  found = near(word, known)
  if not found:
    return otherwise
  return f"did you mean {' or '.join(prefix + name for name in found)}?"
