"""From which sound the static room is learnt: what users write, checked."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums

_FIELD = "data.static_response"
_WORDS = ("whole", "causal")
_STRETCHES = ("first", "around")
_HELP = "give whole, causal, first:SECONDS, around:SECONDS or a .npz file"
_SHORTEST_S = 1.2


@dataclasses.dataclass(frozen=True)
class StaticForm:
  """What the static response of a recording is fitted to.

  Attributes:
    kind: `whole` recording (it looks ahead, at sound alone, and takes out
      what the clocks still drift); `causal`, what
      was heard before, old sound forgotten; its `first` seconds; so many
      seconds `around` each block, against clocks and rooms that drift;
      `file`, made before, of another recording in the same room; how loud the
      music is now is followed.
    seconds: the seconds of `first` and `around`, else 0.
    path: the path of `file`, else None.
  """

  kind: str
  seconds: float = 0.0
  path: Path | None = None

  @classmethod
  def parse(cls, text: str) -> StaticForm:
    """Reads what a user wrote.

    Args:
      text: `whole`, `causal`, `first:SECONDS`, `around:SECONDS`, or a path.

    Raises:
      InputError: none of these.
    """
    if text in _WORDS:
      return cls(text)
    kind, mark, number = text.partition(":")
    if mark and kind in _STRETCHES:
      try:
        seconds = float(number)
      except ValueError:
        seconds = math.nan
      if not _SHORTEST_S <= seconds < math.inf:
        raise InputError(
          _FIELD,
          f"is {text!r}",
          f"give {_SHORTEST_S:g} seconds or more, e.g. {kind}:30",
        )
      return cls(kind, seconds)
    if not text.endswith(".npz"):
      raise InputError(_FIELD, f"is {text!r}", _HELP)
    path = Path(text)
    if not path.is_file():
      raise InputError(path, "is missing", _HELP)
    return cls("file", path=path)

  @property
  def in_parts(self) -> bool:
    """Whether it is learnt as sound comes in, part by part."""
    return self.kind in ("causal", "file")

  def identity(self) -> dict[str, Any]:
    """Returns JSON values that differ between forms."""
    if self.path is None:
      return {"kind": self.kind, "seconds": self.seconds}
    return {"file": checksums.of_file(self.path)}
