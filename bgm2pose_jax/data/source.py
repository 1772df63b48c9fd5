"""Where windows come from, and what every such place can say.

`prepare` asks the same of all: what there is, which files decide the content,
how many windows, and a builder for each section. A section is the part of a
data set that is prepared at once, such as all recordings of one day.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from bgm2pose_jax.data.partial_builds import Parts


class Source(Protocol):
  """What `prepare` needs of a source that was looked at.

  A subclass that makes its windows anew, reading no folder, leaves out what has
  a body here.
  """

  @property
  def dataset(self) -> str:
    """Name of the data set and its kind, such as `takes/raw`."""
    ...

  @property
  def simulated(self) -> bool:
    """Whether a simulator made the recordings, now or earlier."""
    ...

  @property
  def keeps_parts(self) -> bool:
    """Whether a recording's windows are kept until its section is whole."""
    return True

  @property
  def window_bytes(self) -> int:
    """Bytes of one stored window."""
    ...

  @property
  def raw_bytes(self) -> int:
    """Bytes of recordings behind one window; 0 where they need not be made."""
    return 0

  def sections(self) -> tuple[str, ...]:
    """Names of the sections that can be prepared."""
    ...

  def usable_sections(self) -> tuple[str, ...]:
    """Those of them that somebody can learn from."""
    return self.sections()

  def content(self) -> dict[str, Any]:
    """JSON values that, if changed, mean other windows."""
    ...

  def count_windows(self, sections: Sequence[str]) -> dict[str, int]:
    """{section: windows to build}, after checking the recordings."""
    ...

  def folder(
    self, section: str, scratch: Path, progress: bool
  ) -> contextlib.AbstractContextManager[Path]:
    """The folder to build a section from, made in `scratch` if need be."""
    del section, progress
    return contextlib.nullcontext(scratch)

  def manifest_fields(self, section: str) -> dict[str, Any]:
    """What a section's manifest says besides `prepared.prepare`'s own.

    That is the section, under the name of the table's section column, and
    `spec`, the description of its sequence column.
    """
    ...

  def builder(
    self,
    section: str,
    folder: Path,
    stage: Path,
    *,
    on_windows: Callable[[int], object],
    beam_refusal: Path | None,
    parts: Parts | None,
  ) -> Any:
    """The TFDS builder of a section.

    Args:
      section: its name.
      folder: the folder that `folder` named.
      stage: what the builder writes below.
      on_windows: is called with the number of windows made since the last
        call; not through Beam.
      beam_refusal: where workers write `[where, found, fix]` of an
        `InputError`, see `beam_pipeline.reasons_from`; None builds in this
        process.
      parts: where the windows of a recording are kept once they are done;
        None keeps none.
    """
    ...

  def inventory(self) -> str | None:
    """A table of what was found; None when nothing was looked for."""
    return None
