"""Writes an export, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, tree
from bgm2pose_jax.contract.export import Array, Program
from bgm2pose_jax.files import checksums
from bgm2pose_jax.inference import weights as weights_lib
from bgm2pose_jax.inference.export import card, lowering, reload, run_exported
from bgm2pose_jax.inference.export.reading import CONFIG, FORMAT, WEIGHTS
from bgm2pose_jax.inference.trained_model import TrainedModel

CARD = "MODEL_CARD.md"


def write(
  model: TrainedModel, out: str | pathlib.Path, *, check: bool = True
) -> dict[str, float]:
  """Writes a trained network's export.

  Args:
    model: trained.
    out: folder to make.
    check: run the programs in a process that has nothing of this package, and
      keep the folder only if they predict the same.

  Returns:
    For each program checked, the largest difference to this package's
    numbers over the largest of these.

  Raises:
    InputError: the folder exists or cannot be written, the network cannot be
      exported, or the check failed.
  """
  out = pathlib.Path(out)
  if out.exists():
    raise InputError(out, "exists already", "give another --out")
  if model.config.run.compute_dtype == "float64":
    raise InputError(
      model.folder,
      "computes in float64, which most runtimes have switched off",
      "train with run.compute_dtype=float32",
    )
  partial = out.with_name(out.name + ".part")
  try:
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _fill(partial, model)
    found = reload.compare(model, partial) if check else {}
    os.replace(partial, out)
  except OSError as error:
    raise InputError(
      out, f"cannot be written ({error.strerror})", "give another --out"
    ) from error
  finally:
    shutil.rmtree(partial, ignore_errors=True)
  return found


def weights(model: TrainedModel) -> dict[str, np.ndarray]:
  """Everything that predicts, by the names that checkpoints have.

  Args:
    model: trained.

  Returns:
    {`params/...`, `model_state/...`, `statistics/...`: array}.
  """
  # The format knows rows first alone, and does not look.
  return {
    name: np.ascontiguousarray(jax.device_get(x))
    for name, x in weights_lib.leaves(model.state).items()
  }


def describe(model: TrainedModel, made: Sequence[Program]) -> dict[str, Any]:
  """Returns the content of config.json.

  Args:
    model: trained.
    made: its programs.
  """
  return {
    **model.system.export.facts(model),
    **model.facts,
    "config": tree.to_dict(model.config),
    "dataset": dict(model.dataset),
    "format": FORMAT,
    "model": model.config.model,
    "origin": model.origin,
    "parameters": int(sum(x.size for x in jax.tree.leaves(model.state.params))),
    "platforms": list(lowering.PLATFORMS),
    "programs": {program.name: _described(program) for program in made},
    "step": model.step,
    "versions": run_folder.versions(),
    "versions_of_training": model.described.get("versions", {}),
  }


def _described(program: Program) -> dict[str, Any]:
  def plain(arrays: dict[str, Array]) -> dict[str, Any]:
    found = {name: dataclasses.asdict(x) for name, x in arrays.items()}
    for array in found.values():
      if array["default"] is None:
        del array["default"]
    return found

  return {
    "what": program.what,
    "inputs": plain(dict(program.inputs)),
    "outputs": plain(dict(program.outputs)),
  }


def _fill(folder: pathlib.Path, model: TrainedModel) -> None:
  from safetensors import numpy as safetensors

  made = lowering.programs(model)
  facts = describe(model, made)
  (folder / WEIGHTS).write_bytes(
    safetensors.save(weights(model), {"format": FORMAT})
  )
  for program in made:
    path = folder / (program.name + lowering.SUFFIX)
    path.write_bytes(lowering.lower(program))
  (folder / CONFIG).write_text(
    json.dumps(facts, indent=2, sort_keys=True) + "\n"
  )
  results = model.folder / run_folder.RESULTS
  found = run_folder.read_json(results) if results.exists() else None
  (folder / CARD).write_text(card.render(model.system, facts, found))
  source = pathlib.Path(run_exported.__file__)
  (folder / source.name).write_text(source.read_text())
  # Last, over all of them, as `sha256sum -c` reads it.
  lines = [
    f"{checksums.of_file(path)}  {path.name}\n"
    for path in sorted(folder.iterdir())
  ]
  (folder / run_exported.SUMS).write_text("".join(lines))
