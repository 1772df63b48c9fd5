"""Programs as StableHLO, for any batch and platform.

Weights are constants of a program: whoever has the file can run it, with
nothing to pair it with. They are in the folder once more, with names, as
`model.safetensors`. A batch is a symbolic dimension, and one file serves CPUs,
NVIDIA GPUs and TPUs, so layers take the form that fits them all.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from bgm2pose_jax.contract.export import BATCH, Program
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.runtime import target

PLATFORMS = ("cpu", "cuda", "tpu")
SUFFIX = ".stablehlo"


def programs(model: TrainedModel) -> Sequence[Program]:
  """Returns all programs of a network, as its system has them.

  Args:
    model: trained.
  """
  # On the host: constants of a program have no device.
  state = jax.device_get(model.state)
  return model.system.export.programs(dataclasses.replace(model, state=state))


def lower(program: Program) -> bytes:
  """Traces a program and returns it serialized.

  Args:
    program: any system's program.
  """
  (batch,) = jax.export.symbolic_shape(BATCH)
  shapes = {
    name: jax.ShapeDtypeStruct(
      tuple(batch if n == BATCH else n for n in x.shape), np.dtype(x.dtype)
    )
    for name, x in program.inputs.items()
  }
  # What CPUs alone do needs the batch as a number.
  with target.tracing_for(target.ANY), _file_names_alone():
    exported = jax.export.export(
      jax.jit(program.function), platforms=PLATFORMS
    )(shapes)
  return bytes(exported.serialize())


@contextlib.contextmanager
def _file_names_alone() -> Iterator[None]:
  """A program says which line an operation comes from, not on whose disk."""
  name = "jax_hlo_source_file_canonicalization_regex"
  before = getattr(jax.config, name)
  jax.config.update(name, r".*[/\\]")
  try:
    yield
  finally:
    jax.config.update(name, before)
