"""Reads an export; nothing is believed before the sums are."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.errors import InputError
from bgm2pose_jax.export import run_exported

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = "bgm2pose_jax export 1"


@dataclasses.dataclass(frozen=True, eq=False)
class Export:
  """A folder whose files are those that were written.

  Attributes:
    folder: where they lie.
    facts: content of config.json.
    arrays: parameters, model state and statistics by the names that
      checkpoints have.
  """

  folder: pathlib.Path
  facts: Mapping[str, Any]
  arrays: Mapping[str, np.ndarray]

  def program(self, name: str) -> Any:
    """Loads a program, a function of a dict of arrays to a dict of arrays.

    It compiles once for every batch size.

    Args:
      name: of `facts["programs"]`; MODEL_CARD.md says what each takes.

    Raises:
      InputError: there is none of that name.
    """
    if name not in self.facts["programs"]:
      raise InputError(
        self.folder,
        f"has no program {name}",
        f"take one of {', '.join(self.facts['programs'])}",
      )
    return run_exported.load(name, self.folder)

  def predict(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Predicts windows.

    Args:
      given: by name, `features`, or `recording` and `music`; see
        MODEL_CARD.md.

    Returns:
      float32 [b, t, joint, 3], hip-spine lengths.

    Raises:
      InputError: an input is missing or of another shape.
    """
    try:
      return run_exported.predict(given, self.folder)
    except ValueError as error:
      raise InputError("inputs", str(error), "see MODEL_CARD.md") from error


def read(folder: str | pathlib.Path, flag: str = "from_export") -> Export:
  """Reads an export.

  Args:
    folder: that `write` made.
    flag: that named it, for messages.

  Raises:
    InputError: no export, one of another format, or a file that was changed,
      is missing or is extra; it is named.
  """
  folder = pathlib.Path(folder)
  where = f"--{flag}={folder}"
  if not (folder / run_exported.SUMS).is_file():
    raise InputError(
      where, f"holds no {run_exported.SUMS}", "give the folder of an export"
    )
  try:
    run_exported.verify(folder)
  except (ValueError, OSError) as error:
    raise InputError(where, str(error), "export again") from error
  facts = json.loads((folder / CONFIG).read_text())
  if facts.get("format") != FORMAT:
    raise InputError(
      where,
      f"is of format {facts.get('format')}, wanted {FORMAT}",
      "read it with the version that wrote it",
    )
  from safetensors import numpy as safetensors

  arrays = safetensors.load((folder / WEIGHTS).read_bytes())
  return Export(folder, facts, arrays)
