"""The one exception for input that cannot be used."""

from __future__ import annotations

_LONGEST = 1000


class InputError(ValueError):
  """Input from outside (file, folder, flag) that cannot be used as given.

  The message is one line that names where the problem is, what was found
  there and what would fix it; the command line prints it without a traceback.

  Attributes:
    where: the file, folder, flag or field.
    found: what is wrong with it, with the offending value.
    fix: what the user can do about it.
  """

  def __init__(self, where: object, found: str, fix: str):
    self.where = str(where)
    self.found = found
    self.fix = fix
    text = f"{_short(self.where)}: {_short(found)}; {fix}"
    super().__init__(_one_line(text))

  def __reduce__(self):
    # Worker processes send exceptions back by pickling their arguments; the
    # default would pass the one joined message to a three-argument __init__.
    return (type(self), (self.where, self.found, self.fix))


def _short(text: str) -> str:
  """A file's own words, cut in the middle where they are a whole page."""
  if len(text) <= _LONGEST:
    return text
  half = _LONGEST // 2 - 2
  return f"{text[:half]} .. {text[-half:]}"


def _one_line(text: str) -> str:
  """One line that moves no cursor: names of files hold any character."""
  return "".join(
    c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split())
  )
