"""Writes an export, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.inference.export import card, programs, reload, run_exported
from bgm2pose_jax.inference.export.programs import PLATFORMS, SUFFIX, Program
from bgm2pose_jax.inference.export.reading import CONFIG, FORMAT, WEIGHTS
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.state import checkpoint as checkpoint_lib

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
  found = dict(checkpoint_lib.weight_leaves(model.state))
  statistics: Any = model.state.statistics
  for name, table in statistics["inputs"].items():
    found[f"statistics/inputs/{name}"] = table
  found["statistics/pose_mean"] = statistics["pose_mean"]
  # The format knows rows first alone, and does not look.
  return {
    name: np.ascontiguousarray(jax.device_get(x)) for name, x in found.items()
  }


def describe(model: TrainedModel, made: list[Program]) -> dict[str, Any]:
  """Returns the content of config.json.

  Args:
    model: trained.
    made: its programs.
  """
  described = workdir_lib.read_json(model.folder / workdir_lib.CONFIG)
  rate = model.spec.sample_rate_hz
  return {
    "ambisonic_format": model.ambisonic_format,
    "config": config_lib.to_dict(model.config),
    "dataset": described.get("dataset", {}),
    "feature_norm": model.feature_norm,
    "format": FORMAT,
    "frame_times_s": [
      (i + 0.5) * model.spec.hop_s for i in range(model.spec.window_frames)
    ],
    "joints": list(BODY21.joints),
    "layout": model.layout,
    "model": model.config.model,
    "origin": model.origin,
    "parameters": int(sum(x.size for x in jax.tree.leaves(model.state.params))),
    "parents": list(BODY21.parents),
    "platforms": list(PLATFORMS),
    "programs": {program.name: program.describe() for program in made},
    "sample_rate_hz": rate,
    "simulated": model.simulated,
    "spec": model.spec.to_dict(),
    "step": model.step,
    "tracks": list(model.tracks),
    "train_tracks": list(model.train_tracks),
    "versions": workdir_lib.versions(),
    "versions_of_training": described.get("versions", {}),
  }


def _fill(folder: pathlib.Path, model: TrainedModel) -> None:
  from safetensors import numpy as safetensors

  made = programs.programs(model)
  facts = describe(model, made)
  (folder / WEIGHTS).write_bytes(
    safetensors.save(weights(model), {"format": FORMAT})
  )
  for program in made:
    (folder / (program.name + SUFFIX)).write_bytes(program.lower())
  (folder / CONFIG).write_text(
    json.dumps(facts, indent=2, sort_keys=True) + "\n"
  )
  results = model.folder / workdir_lib.RESULTS
  found = workdir_lib.read_json(results) if results.exists() else None
  (folder / CARD).write_text(card.render(facts, found))
  source = pathlib.Path(run_exported.__file__)
  (folder / source.name).write_text(source.read_text())
  # Last, over all of them, as `sha256sum -c` reads it.
  lines = [
    f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    for path in sorted(folder.iterdir())
  ]
  (folder / run_exported.SUMS).write_text("".join(lines))
