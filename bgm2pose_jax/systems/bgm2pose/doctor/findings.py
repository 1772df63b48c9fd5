"""What is found in a folder, collected instead of raised."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from bgm2pose_jax.base.errors import InputError

# A build would refuse it, or learn nonsense and say nothing.
ERROR = "error"
# It can be built; somebody should look at it first.
WARNING = "warning"
NOTE = "note"
SEVERITIES = (ERROR, WARNING, NOTE)

# Of one kind; more are counted. A folder may hold ten thousand broken files.
_MOST_KEPT = 200
_LONGEST_TEXT = 400
# A command that was cut short could not be pasted.
_LONGEST_FIX = 8000


@dataclasses.dataclass(frozen=True)
class Finding:
  """One thing that somebody should know.

  Attributes:
    severity: one of `SEVERITIES`.
    kind: what it is about, in a word or two; findings are grouped by it.
    where: the file, relative to the folder where it lies there.
    what: what was found, with the value.
    fix: what to do, a sentence or a command to paste.
  """

  severity: str
  kind: str
  where: str
  what: str
  fix: str


class Findings:
  """Collects findings; keeps a bounded number of each kind and counts all.

  Attributes:
    root: the folder that is looked over.
    kept: findings in the order in which they were made.
    counts: {(severity, kind): how many there were}.
  """

  def __init__(self, root: Path):
    self.root = root
    self.kept: list[Finding] = []
    self.counts: dict[tuple[str, str], int] = {}

  def add(
    self, severity: str, kind: str, where: object, what: str, fix: str
  ) -> None:
    """Takes a finding; `where` may be a path or a path with a line number."""
    key = severity, kind
    self.counts[key] = self.counts.get(key, 0) + 1
    if self.counts[key] <= _MOST_KEPT:
      place = str(where).removeprefix(f"{self.root}{os.sep}")
      self.kept.append(
        Finding(
          severity,
          kind,
          printable(place),
          printable(what),
          printable(fix, _LONGEST_FIX),
        )
      )

  def error(self, kind: str, where: object, what: str, fix: str) -> None:
    """Takes an error."""
    self.add(ERROR, kind, where, what, fix)

  def warning(self, kind: str, where: object, what: str, fix: str) -> None:
    """Takes a warning."""
    self.add(WARNING, kind, where, what, fix)

  def note(self, kind: str, where: object, what: str, fix: str) -> None:
    """Takes a note."""
    self.add(NOTE, kind, where, what, fix)

  def refused(self, kind: str) -> Callable[[InputError], None]:
    """Returns a function that takes what a reader refuses, as an error."""
    return lambda error: self.error(kind, error.where, error.found, error.fix)

  @contextlib.contextmanager
  def guard(self, where: object, kind: str) -> Iterator[None]:
    """Makes a finding of whatever ends the reading of a file.

    Args:
      where: the file, for errors that do not name one.
      kind: the kind of the finding.
    """
    try:
      yield
    except InputError as error:
      self.refused(kind)(error)
    except OSError as error:
      self.error(
        kind,
        where,
        f"cannot be read ({error.strerror or error})",
        "make it readable, or copy it again",
      )
    except Exception as error:
      # Files of strangers reach parsers of other libraries; one of them must
      # not keep the other files from being looked at.
      self.error(
        kind,
        where,
        f"cannot be examined ({type(error).__name__}: {error})",
        "export the file again",
      )

  def number(self, severity: str) -> int:
    """How many findings of a severity there were, kept or not."""
    return sum(n for (own, _), n in self.counts.items() if own == severity)


def printable(text: str, limit: int = _LONGEST_TEXT) -> str:
  """A text on one line, without characters that a terminal would obey.

  Args:
    text: may come from a file's name or content.
    limit: longest text returned.
  """
  out = "".join(
    c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
    for c in text
  )
  return out if len(out) <= limit else out[: limit - 3] + "..."


def quoted(path: str | os.PathLike[str]) -> str:
  """A path as bash reads it back, whatever its name holds."""
  text = os.fspath(path)
  if text.startswith("-"):
    text = f"./{text}"
  if text.isprintable():
    return shlex.quote(text)
  plain = bytes(range(32, 127)).translate(None, b"\\'")
  return (
    "$'"
    + "".join(
      chr(b) if b in plain else f"\\x{b:02x}" for b in os.fsencode(text)
    )
    + "'"
  )


def command(*words: str | os.PathLike[str]) -> str:
  """Words as a command to paste; options and paths are quoted alike."""
  first, *rest = words
  return " ".join([str(first), *map(_word, rest)])


def _word(word: str | os.PathLike[str]) -> str:
  return quoted(word) if isinstance(word, os.PathLike) else str(word)
