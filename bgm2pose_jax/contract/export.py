"""What a trained network of a system becomes for other runtimes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

BATCH = "b"

Arrays = Mapping[str, jax.Array]
HostArrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Array:
  """One input or output.

  Attributes:
    shape: sizes; `BATCH` is the batch, and every input begins with it.
    dtype: name of the type.
    what: meaning and unit, for the reader.
    default: value of an input that need not be given.
  """

  shape: tuple[int | str, ...]
  dtype: str
  what: str
  default: float | None = None


@dataclasses.dataclass(frozen=True)
class Program:
  """A function of a dict of arrays to a dict of arrays.

  Where an output is also an input of another program, it stands for that input
  where nobody gives one, computed over all windows.

  Attributes:
    name: its file's name; an identifier.
    what: what it does.
    inputs: {name: array} of what it takes.
    outputs: {name: array} of what it returns.
    function: the function to trace. Weights in it are constants.
    batches: sizes that the check of an export runs it with.
  """

  name: str
  what: str
  inputs: Mapping[str, Array]
  outputs: Mapping[str, Array]
  function: Callable[[Arrays], Arrays]
  batches: tuple[int, ...] = (1, 3, 16)


@dataclasses.dataclass(frozen=True)
class Card:
  """What a model card says that only the system knows, in Markdown.

  Attributes:
    title: what the network does, in a few words.
    about: paragraphs below the title.
    sections: more, each with its heading.
  """

  title: str = ""
  about: str = ""
  sections: Sequence[str] = ()


def _no_facts(model: Any) -> dict[str, Any]:
  del model
  return {}


def _plain_card(facts: Mapping[str, Any]) -> Card:
  del facts
  return Card()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
  """Programs, facts and card of an export.

  Attributes:
    programs: trained model, its state on the host -> its programs, the one
      that the card shows how to run first.
    facts: trained model -> more entries of the export's config.json. It holds
      the content of model.json in any case.
    card: content of the export's config.json -> the system's part of the card.
    case: (trained model, program, windows) -> inputs and outputs of a check,
      computed apart from the program. Without it, inputs are noise and the
      program's function itself is what its file is compared with.
  """

  programs: Callable[[Any], Sequence[Program]]
  facts: Callable[[Any], dict[str, Any]] = _no_facts
  card: Callable[[Mapping[str, Any]], Card] = _plain_card
  case: Callable[[Any, Program, int], tuple[HostArrays, HostArrays]] | None = (
    None
  )
