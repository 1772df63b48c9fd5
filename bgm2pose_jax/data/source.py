"""Where windows come from, and what every such place can say.

`prepare` asks the same of all: what there is, which files decide the content,
how many windows, and a builder for each section. A section is the part of a
data set that is prepared at once, such as all recordings of one piece of music.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from bgm2pose_jax.data.partial_builds import Parts


class Source(Protocol):
  """What `prepare` needs of a source that was looked at."""

  @property
  def dataset(self) -> str:
    """Name of the data set and its kind, such as `ampl/raw`."""
    ...

  @property
  def simulated(self) -> bool:
    """Whether a simulator made the recordings, now or earlier."""
    ...

  @property
  def made_here(self) -> bool:
    """Whether they have to be made first, on the disk of the windows."""
    ...

  @property
  def keeps_parts(self) -> bool:
    """Whether a recording's windows are kept until its section is whole."""
    ...

  @property
  def window_bytes(self) -> int:
    """Bytes of one stored window."""
    ...

  @property
  def raw_bytes(self) -> int:
    """Bytes of recordings behind one window, where they are made here."""
    ...

  def sections(self) -> tuple[str, ...]:
    """Names of the sections that can be prepared."""
    ...

  def usable_sections(self) -> tuple[str, ...]:
    """Those of them that somebody can learn from."""
    ...

  def content(self) -> dict[str, Any]:
    """JSON values that, if changed, mean other windows."""
    ...

  def count_windows(self, sections: Sequence[str]) -> dict[str, int]:
    """{section: windows to build}, after checking the recordings."""
    ...

  def folder(
    self, section: str, scratch: Path, progress: bool
  ) -> AbstractContextManager[Path]:
    """The folder to build a section from, made in `scratch` if need be."""
    ...

  def manifest_fields(self, section: str) -> dict[str, Any]:
    """What a section's manifest says besides fingerprint and source."""
    ...

  def builder(
    self,
    section: str,
    folder: Path,
    stage: Path,
    *,
    on_windows: Callable[[int], None],
    beam_refusal: Path | None,
    parts: Parts | None,
  ) -> Any:
    """The TFDS builder of a section, which writes below `stage`."""
    ...

  def inventory(self) -> str | None:
    """A table of what was found; None when nothing was looked for."""
    ...
