"""A track's examples through Apache Beam, a recording at a time.

Imported only where Beam is asked for (extra `beam`). Workers read the source
folder by its path, so machines of a cluster have to share it and the data
folder.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam  # pyright: ignore[reportMissingImports]
from bgm2pose_jax.datasets.ampl import (  # pyright: ignore
  track_examples,
)

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError

# More than twelve hours of windows: keys follow the plain order.
_MOST_WINDOWS = 1 << 20


def examples(
  track: track_examples.TrackExamples, found: Sequence[Any], refusal: Path
) -> beam.PTransform:
  """Builds the transform that makes (key, example) of all recordings.

  Args:
    track: how a recording becomes examples.
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
    | beam.ParDo(_ReadRecording(track, refusal))
  )


class _ReadRecording(beam.DoFn):
  """(number, recording) -> (key, example) for each of its windows."""

  def __init__(self, track: track_examples.TrackExamples, refusal: Path):
    super().__init__()
    self._track = track
    self._refusal = refusal

  def setup(self) -> None:
    # Several workers may share one accelerator; each takes what it needs.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    self._stack = contextlib.ExitStack()
    self._read: track_examples.Reader | None = None

  def teardown(self) -> None:
    self._stack.close()

  def process(
    self, element: tuple[int, Any]
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    if self._refusal.exists():
      return  # the build is lost already
    number, recording = element
    try:
      # The music is decoded once a worker, not once a recording.
      with system_errors.in_one_line(self._refusal.parent):
        read = self._read or self._stack.enter_context(self._track.reader())
        self._read = read
        for at, example in enumerate(read(recording)):
          yield number * _MOST_WINDOWS + at, example
    except InputError as error:
      reason = [error.where, error.found, error.fix]
      self._refusal.write_text(json.dumps(reason), encoding="utf-8")
