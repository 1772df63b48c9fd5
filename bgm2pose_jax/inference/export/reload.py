"""Whether an export predicts what the package does, without the package.

A process of its own runs the folder's programs with the folder's script; it
refuses to import this package or Flax, so that nothing but the folder and JAX
can have made its numbers.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.inference.export import programs
from bgm2pose_jax.inference.export.programs import BATCH, Program
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.systems.bgm2pose import features as features_lib
from bgm2pose_jax.systems.bgm2pose.features import normalisation
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom

BATCHES = (1, 3, 16)
# One of a program without weights is enough.
_FEW = (3,)
# Over the largest value of the package's own. bfloat16 has three digits.
_LARGEST = {"float32": 1e-5, "bfloat16": 3e-2}
REFUSED = ("bgm2pose_jax", "flax", "optax", "orbax")
_SCRIPT = f"""
import pathlib, runpy, sys

class Refusing:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in {REFUSED!r}:
      raise ImportError(f"{{name}} is refused here")

sys.meta_path.insert(0, Refusing())
folder, work = map(pathlib.Path, sys.argv[1:])
script = runpy.run_path(str(folder / "run_exported.py"))
import numpy as np
script["verify"](folder)
for path in sorted(work.glob("*.in.npz")):
  name = path.name.split("-")[0]
  with np.load(path) as given:
    made = script["load"](name, folder)(dict(given))
  np.savez(path.with_name(path.name.replace(".in.", ".out.")), **made)
assert not set({REFUSED!r}) & {{name.split(".")[0] for name in sys.modules}}
"""


def compare(model: TrainedModel, folder: pathlib.Path) -> dict[str, float]:
  """Runs every program of an export in another process.

  Args:
    model: that was exported.
    folder: of the export.

  Returns:
    For each program the largest difference over the largest value.

  Raises:
    InputError: it does not run, or differs by more than rounding.
  """
  given, wanted = {}, {}
  for program in programs.programs(model):
    for count in BATCHES if program.name.startswith("from_") else _FEW:
      key = f"{program.name}-{count}"
      given[key], wanted[key] = case(model, program, count)
  found = run(folder, given)
  worst: dict[str, float] = {}
  limit = _LARGEST[model.config.run.compute_dtype]
  for key, arrays in wanted.items():
    name = key.split("-")[0]
    for output, array in arrays.items():
      gap = np.abs(found[key][output] - array).max() / np.abs(array).max()
      worst[name] = max(worst.get(name, 0.0), float(gap))
      if not gap <= limit:
        raise InputError(
          f"{name}, batch {key.split('-')[1]}",
          f"{output} differs from this package's by {gap:.1e} of its largest "
          f"value, more than {limit:g}",
          "give --nocheck to write it all the same",
        )
  return worst


def run(
  folder: pathlib.Path, given: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, dict[str, np.ndarray]]:
  """Runs programs in a process that has nothing of this package.

  Args:
    folder: of the export.
    given: {PROGRAM-anything: inputs by name}.

  Returns:
    Outputs by name, for each.

  Raises:
    InputError: the process failed; with its last line.
  """
  with tempfile.TemporaryDirectory() as work:
    for key, arrays in given.items():
      np.savez(pathlib.Path(work) / f"{key}.in.npz", **arrays)  # pyright: ignore
    done = subprocess.run(
      # Isolated: neither the environment's path nor the current folder.
      [sys.executable, "-I", "-B", "-c", _SCRIPT, str(folder), work],
      env=os.environ | {"JAX_PLATFORMS": "cpu"},
      capture_output=True,
      text=True,
      check=False,
    )
    if done.returncode:
      raise InputError(
        folder,
        f"does not run by itself ({(done.stderr.splitlines() or ['?'])[-1]})",
        "install jax, flatbuffers and numpy",
      )
    found = {}
    for key in given:
      with np.load(pathlib.Path(work) / f"{key}.out.npz") as arrays:
        found[key] = dict(arrays)
  return found


def case(
  model: TrainedModel, program: Program, count: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
  """Draws inputs of a program, and computes its outputs with this package.

  Args:
    model: trained.
    program: of its `programs`.
    count: windows.

  Returns:
    Inputs and outputs by name.
  """
  inputs = _inputs(model, program, count)
  features = inputs.get("features")
  if features is None:
    still = (
      StillRoom(inputs["still"], inputs["density"])
      if "still" in inputs
      else None
    )
    features = np.asarray(
      features_lib.extract_batch(
        inputs["recording"],
        inputs["music"],
        still,
        feature_set=model.spec.name,
        sample_rate_hz=model.spec.sample_rate_hz,
      )
    )
  if not program.name.startswith("from_"):
    own = normalisation.OwnStatistics(model.spec, model.layout)
    for window in features:
      own.add(window)
    return inputs, own.row()
  rows = [
    {name: inputs[name][i] for name in model.rows}
    if model.feature_norm == "per_recording"
    else _row(model, inputs, i)
    for i in range(count)
  ]
  stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
  return inputs, {"pose": model.predict(features, stacked)}


def _row(model: TrainedModel, inputs, i: int) -> dict[str, np.ndarray]:
  track = int(inputs["track"][i]) if "track" in inputs else -1
  return {name: table[track] for name, table in model.rows.items()}


def _inputs(
  model: TrainedModel, program: Program, count: int
) -> dict[str, np.ndarray]:
  """Noise, standardised by rows that are not alike."""
  rng = np.random.default_rng(count)
  found = {}
  for name, array in program.inputs.items():
    shape = [count if n == BATCH else int(n) for n in array.shape]
    drawn = rng.normal(size=shape)
    if name in model.rows:
      drawn = model.row()[name] * np.exp(0.1 * drawn)
    elif name == "track":
      # Every track, the row for others, and one that nobody has.
      drawn = np.arange(count) % (len(model.tracks) + 1) - 1
    elif name == "density":
      drawn = np.abs(drawn)
    elif name == "features":
      loud = [ch.role in ("recording", "music") for ch in model.spec.channels]
      drawn = np.where(loud, -40 + 8 * drawn, 0.3 * drawn)
    else:
      drawn = 0.1 * drawn
    found[name] = drawn.astype(array.dtype)
  return found
