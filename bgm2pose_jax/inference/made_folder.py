"""A run's folder made of weights that were not trained in it."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState

# No run's fingerprint: training never goes on in such a folder.
FINGERPRINT = "none: converted weights"


def make(
  out: pathlib.Path,
  config: Config,
  state: TrainState,
  *,
  dataset: Mapping[str, Any],
  origin: Mapping[str, Any],
  best: Best,
  facts: Mapping[str, Any],
) -> None:
  """Makes the folder, whole or not at all.

  Args:
    out: folder to make.
    config: the network's configuration.
    state: the one checkpoint.
    dataset: name and kind of the data that the weights were trained on.
    origin: where they come from.
    best: figure that chooses the best weights.
    facts: content of model.json.

  Raises:
    InputError: it exists, or cannot be made.
  """
  if out.exists():
    raise InputError(out, "exists already", "give another --out")
  partial = out.with_name(out.name + ".part")
  try:
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    store = checkpoint_lib.Checkpoints(
      partial / run_folder.CHECKPOINTS, best=best
    )
    try:
      store.save(state, None)
    finally:
      store.close()
    described = run_folder.description(
      config, {**dataset, "fingerprint": FINGERPRINT}
    )
    run_folder.write_json(
      partial / run_folder.CONFIG, described | {"origin": dict(origin)}
    )
    run_folder.write_json(partial / run_folder.MODEL, dict(facts))
    os.replace(partial, out)
  except (OSError, checkpoint_lib.SaveError) as error:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", error)
    raise InputError(
      out, f"cannot be made ({reason})", "give another --out"
    ) from error
  finally:
    shutil.rmtree(partial, ignore_errors=True)
