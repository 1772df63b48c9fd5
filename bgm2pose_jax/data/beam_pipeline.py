"""Options of Apache Beam, and the reasons its workers stop for.

Beam is an extra: it is imported where somebody asks for it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bgm2pose_jax.base.errors import InputError

_FLAG = "--beam_options"
_DEFAULTS = {
  # Without it Beam's runner on this machine first tries another one, which it
  # fetches from the network. Nothing here has triggers.
  "allow_unsafe_triggers": None,
  # Workers otherwise tell how they start and end, dozens of lines.
  "default_sdk_harness_log_level": "WARNING",
}


def pipeline_options(options: Sequence[str]) -> Any:
  """Reads options of a Beam pipeline.

  Args:
    options: `name=value` or `name`, with or without leading dashes. Without
      `runner` the pipeline runs on this machine.

  Returns:
    `apache_beam.options.pipeline_options.PipelineOptions`.

  Raises:
    InputError: Beam is not installed, or does not know an option or value.
  """
  try:
    from apache_beam.options import (  # pyright: ignore[reportMissingImports]
      pipeline_options as beam_options,
    )
  except ImportError:
    raise InputError(
      _FLAG,
      "needs Apache Beam, which is not installed",
      "pip install 'bgm2pose-jax[beam]', or leave the flag out",
    ) from None
  given = [option.strip().lstrip("-") for option in options]
  given = [option for option in given if option]
  known = beam_options.PipelineOptions([]).get_all_options()
  for option in given:
    name = option.partition("=")[0]
    if name.removeprefix("no_") not in known:
      raise InputError(
        _FLAG, f"Beam knows no option {name!r}", "see Beam's PipelineOptions"
      )
  names = {option.partition("=")[0] for option in given}
  for name, value in _DEFAULTS.items():
    if name not in names:
      given.append(name if value is None else f"{name}={value}")
  try:
    parsed = beam_options.PipelineOptions([f"--{option}" for option in given])
    parsed.get_all_options()
  except SystemExit:  # its parser's way to refuse; it has printed why
    raise InputError(
      _FLAG, f"Beam refuses {','.join(options)!r}", "correct the value"
    ) from None
  return parsed


def download_config(options: Sequence[str]) -> Any:
  """Returns `tfds.download.DownloadConfig` for a pipeline with options.

  Args:
    options: see `pipeline_options`.

  Raises:
    InputError: as `pipeline_options`.
  """
  import tensorflow_datasets as tfds

  return tfds.download.DownloadConfig(beam_options=pipeline_options(options))


@contextlib.contextmanager
def reasons_from(path: Path) -> Iterator[None]:
  """Raises what a worker wrote down, whether or not the block failed by it.

  Args:
    path: where workers write `[where, found, fix]` of an `InputError`.

  Raises:
    InputError: a worker has written.
  """
  failure = None
  try:
    yield
  except Exception as error:
    if not path.is_file():
      raise
    failure = error
  if path.is_file():
    reason = json.loads(path.read_text(encoding="utf-8"))
    raise InputError(*reason) from failure
