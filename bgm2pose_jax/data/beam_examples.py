"""A section's examples through Apache Beam, a recording at a time.

Imported only where Beam is asked for (extra `beam`). Workers read the source
folder by its path, so machines of a cluster have to share it and the data
folder.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import apache_beam as beam  # pyright: ignore[reportMissingImports]

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError

# More than twelve hours of windows: keys follow the plain order.
_MOST_WINDOWS = 1 << 20

# recording -> its windows in sequence
Reader = Callable[[Any], Iterator[dict[str, Any]]]


class Readable(Protocol):
  """How a section's recordings become examples."""

  def reader(self) -> AbstractContextManager[Reader]:
    """Opens what the recordings share."""
    ...


def examples(
  section: Readable, found: Sequence[Any], refusal: Path
) -> beam.PTransform:
  """Builds the transform that makes (key, example) of all recordings.

  Args:
    section: how a recording becomes examples; sent to the workers.
    found: the recordings, in order.
    refusal: file for the reason when a recording cannot be used; the pipeline
      then ends early and without an error. Raised, it would be tried again,
      and come back as pages of text.

  Returns:
    A root transform; keys are integers in the order of plain generation.
  """
  return (
    beam.Create(list(enumerate(found)))
    # Otherwise one worker would get them all.
    | beam.Reshuffle()
    | beam.ParDo(_ReadRecording(section, refusal))
  )


class _ReadRecording(beam.DoFn):
  """(number, recording) -> (key, example) for each of its windows."""

  def __init__(self, section: Readable, refusal: Path):
    super().__init__()
    self._section = section
    self._refusal = refusal

  def setup(self) -> None:
    # Several workers may share one accelerator; each takes what it needs.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    self._stack = contextlib.ExitStack()
    self._read: Reader | None = None

  def teardown(self) -> None:
    self._stack.close()

  def process(
    self, element: tuple[int, Any]
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    if self._refusal.exists():
      return  # the build is lost already
    number, recording = element
    try:
      # What recordings share is opened once a worker.
      with system_errors.in_one_line(self._refusal.parent):
        read = self._read or self._stack.enter_context(self._section.reader())
        self._read = read
        for at, example in enumerate(read(recording)):
          yield number * _MOST_WINDOWS + at, example
    except InputError as error:
      reason = [error.where, error.found, error.fix]
      self._refusal.write_text(json.dumps(reason), encoding="utf-8")
