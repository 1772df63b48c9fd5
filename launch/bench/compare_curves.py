"""Holds a change that is meant for speed against what it was: loss curves.

  python -m launch.bench.compare_curves --case= \
    --case=run.compute_dtype=bfloat16
  python -m launch.bench.compare_curves --json=before.json      # one checkout
  python -m launch.bench.compare_curves --against=before.json   # the other

A fixed short run: the package's own train step, a small network, windows in
which the left hand's height is written into the recording's bands, in a fixed
order, at a fixed learning rate. Two curves agree when

- over the first `--exact_steps` no loss differs by more than
  `--exact_tolerance` of itself: later, rounding has grown and two right
  programs part as well, and
- no mean over ten steps differs by more than `--tolerance` of itself.

Prints both figures and how far the loss fell, and ends with code 1 where a
limit is passed. Limits are for changes within a type; bfloat16 against float32
rounds the first steps by more (`--exact_tolerance=0.1`). The same settings with
another seed (`--case=seed=1`) say how far apart two runs are by chance.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema, tree
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from launch.bench import harness, network, timed_step

network.define_flags("official", width="0.125", batch="8")
_STEPS = flags.DEFINE_integer("steps", 60, "of the run, without the first two")
_RATE = flags.DEFINE_float("learning_rate", 1e-3, "of every step")
_CASE = flags.DEFINE_multi_string(
  "case", [""], "key.path=value by commas; the first case is the reference"
)
_AGAINST = flags.DEFINE_string(
  "against", None, "JSON of another checkout; its first curve is the reference"
)
_TOLERANCE = flags.DEFINE_float("tolerance", 0.05, "of means over ten steps")
_EXACT_STEPS = flags.DEFINE_integer("exact_steps", 5, "compared one by one")
_EXACT = flags.DEFINE_float("exact_tolerance", 0.05, "of one loss")
# Windows of the run; an epoch is these, in their order.
_WINDOWS = 48


def _learnable_windows(count: int) -> MusicWindows:
  """Random windows whose lower bands of W follow the left hand's height."""
  table = network.made_up_windows(count)
  rng = np.random.default_rng(1)
  code = rng.uniform(-1, 1, (count, 12)).astype(np.float32)
  x, pose = table.features.copy(), np.zeros_like(table.pose)
  x[:, :, :64, 0] += 20 * code[..., None]
  pose[..., 8, 1] = 10 + 3 * code
  return dataclasses.replace(table, features=x, pose=pose)


def _curve(case: str) -> list[float]:
  """Trains and returns each step's loss."""
  config = network.one_config(
    **{
      "optim.learning_rate": _RATE.value,
      "data.norm_stats": "fitted",
      "run.steps_per_dispatch": 1,
    }
  )
  changes = [text for text in case.split(",") if text]
  config = schema.overlay(config, tree.parse_assignments(changes))
  whole = _WINDOWS // config.batch.size * config.batch.size
  step = timed_step.OurStep(config, table=_learnable_windows(whole))
  losses = []
  for _ in range(_STEPS.value):
    step.run(1)
    losses.append(step.last_loss())
  return losses


def _difference(one: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
  """How far two curves are apart."""
  a, b = np.asarray(one), np.asarray(other)
  some = slice(0, _EXACT_STEPS.value)
  first = float(np.max(np.abs(b - a)[some] / np.abs(a)[some]))
  window = np.ones(min(10, a.size)) / min(10, a.size)
  means = [np.convolve(x, window, "valid") for x in (a, b)]
  apart = float(np.max(np.abs(means[1] - means[0]) / np.abs(means[0])))
  finite = bool(np.isfinite(a).all() and np.isfinite(b).all())
  return {
    "first": first,
    "means": apart,
    "from": float(b[0]),
    "to": float(means[1][-1]),
    "agrees": finite and first <= _EXACT.value and apart <= _TOLERANCE.value,
  }


def _kept(file: str, settings: dict[str, Any]) -> list[float]:
  """The first curve of a file that `--json` made with the same settings."""
  path = pathlib.Path(file)
  if not path.is_file():
    raise InputError(f"--against={path}", "no such file", "write it first")
  found = json.loads(path.read_text())
  if found.get("settings") != settings:
    raise InputError(
      f"--against={path}", "is of other settings", "give the same flags"
    )
  return next(iter(found["curves"].values()))


def main() -> int:
  """Prints a row a case; code 1 where curves part."""
  about = harness.begin("flax")
  config = network.one_config()
  settings = {
    "preset": config.preset,
    "width": config.network["width"],
    "batch": config.batch.size,
    "set": flags.FLAGS.set,
    "steps": _STEPS.value,
    "learning_rate": _RATE.value,
  }
  kept = None if _AGAINST.value is None else _kept(_AGAINST.value, settings)
  curves = {case or "as it is": _curve(case) for case in _CASE.value}
  name, reference = next(iter(curves.items()))
  if kept is not None:
    name, reference = str(_AGAINST.value), kept
  rows = [
    {"case": case, "against": name, **_difference(reference, losses)}
    for case, losses in curves.items()
  ]
  harness.show(rows)
  print(
    f"first: largest relative difference over {_EXACT_STEPS.value} steps "
    f"(limit {_EXACT.value:g}); means:\nof a mean over ten of "
    f"{_STEPS.value} steps (limit {_TOLERANCE.value:g}); from, to: the loss"
  )
  harness.write(about, settings=settings, curves=curves, rows=rows)
  return 0 if all(row["agrees"] for row in rows) else 1


if __name__ == "__main__":
  harness.start(main)
