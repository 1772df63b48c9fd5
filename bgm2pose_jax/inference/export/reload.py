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

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.export import BATCH, HostArrays, Program
from bgm2pose_jax.inference.export import lowering
from bgm2pose_jax.inference.trained_model import TrainedModel

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
    model: the model that was exported.
    folder: the export's folder.

  Returns:
    For each program the largest difference over the largest value.

  Raises:
    InputError: it does not run, or differs by more than rounding.
  """
  given, wanted = {}, {}
  for program in lowering.programs(model):
    for count in program.batches:
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
  folder: pathlib.Path, given: Mapping[str, HostArrays]
) -> dict[str, dict[str, np.ndarray]]:
  """Runs programs in a process that has nothing of this package.

  Args:
    folder: the export's folder.
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
) -> tuple[HostArrays, HostArrays]:
  """Draws inputs of a program, and computes its outputs with this package.

  Args:
    model: trained.
    program: one of its programs.
    count: windows.

  Returns:
    Inputs and outputs by name.
  """
  if model.system.export.case is not None:
    return model.system.export.case(model, program, count)
  rng = np.random.default_rng(count)
  inputs = {
    name: rng.normal(
      size=[count if n == BATCH else int(n) for n in array.shape]
    ).astype(array.dtype)
    for name, array in program.inputs.items()
  }
  made = jax.jit(program.function)(inputs)
  return inputs, {name: np.asarray(x) for name, x in made.items()}
