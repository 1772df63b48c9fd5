"""Measures the train step: windows a second, arithmetic, share of a ceiling.

  python -m launch.bench.train_step --preset=official --width=1,0.25 \
    --batch=16 --compute_dtype=float32,bfloat16 --torch_peer=FILE

One table for every width and batch given. Arithmetic (GFLOP) is our own count
of the matrix products and convolutions in the traced step
(`launch/bench/product_count.py`), the attention weights computed again in the
backward pass included; XLA's count of the compiled step, which adds the
element-wise work but runs through a loop once, is printed beside it. On CPU
wide float32 convolutions run with about half the products: ours counts them
whole, as a twin has them, XLA what is left. The ceiling is a large matrix
product in the compute type, measured between the rounds; the floor is the time
the products that run would take at it.

With a PyTorch twin (`launch/bench/torch_peer.py` says what its file defines) all
sides run in turns, `--steps` each, for `--rounds` rounds, so that a machine
that slows down slows all; the ratio of a round compares medians of that round.
`--torch_variants` chooses what of PyTorch runs: float32 eager with and without
channels_last, bfloat16 autocast with channels_last, `torch.compile`. A variant
that does not start is named and left out; the ratio is to the best of the
others and to eager float32.

Equal work. A twin of the published code with dropout 0.1 in its usual places,
8 heads, music asking, the residual and temperature 0.07 is met by
`--preset=official --set network.dropout=0.1`; `official` alone leaves out that
dropout, as the published code does, and keeps the one on attention weights.
Heads differ below width 1: ours have 16 channels at least (2 heads at width
0.25), so give a twin that takes it `--torch_set heads=2`. Ours does more
besides: it gathers the batch, normalises it, checks that all is finite and
computes the logged norms.

While other programs run, times mean little and ratios something. "cpu ms" is
the processor time of a step over all cores, which others disturb less;
`--torch_wait=passive` keeps PyTorch's threads from spinning while they wait
for one that was put aside (`auto` does so on a machine that is not idle).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

# Both frameworks shall find room on one accelerator.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from absl import app, flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.systems.bgm2pose import presets
from launch.bench import ceilings, harness, step_table, timed_step, torch_peer

_PRESET = flags.DEFINE_enum("preset", "paper", list(presets.PRESETS), "start")
_WIDTH = flags.DEFINE_list("width", None, "of the network, several by commas")
_BATCH = flags.DEFINE_list("batch", None, "windows a step, several by commas")
_DTYPE = flags.DEFINE_list(
  "compute_dtype", "float32", "ours: float32, bfloat16 or both by commas"
)
_PARALLEL = flags.DEFINE_enum(
  "parallel", "jit", ["jit", "pmap"], "wrapper of the step"
)
_SET = flags.DEFINE_multi_string(
  "set", [], "key.path=value, as in the main command"
)
_STEPS = flags.DEFINE_integer("steps", 5, "of each side in a round", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "both sides take turns", 1)
_PEER = flags.DEFINE_string("torch_peer", None, "file of a PyTorch twin")
_PEER_SET = flags.DEFINE_multi_string(
  "torch_set", [], "key=value, keyword of the twin's BGM2Pose"
)
_VARIANTS = flags.DEFINE_list(
  "torch_variants",
  ["eager", "channels_last", "bfloat16_channels_last", "compiled"],
  f"of the twin, by commas: {', '.join(torch_peer.VARIANTS)}",
)
_WAIT = flags.DEFINE_enum(
  "torch_wait",
  "auto",
  ["auto", "active", "passive"],
  "how PyTorch's CPU threads wait for each other",
)
_JSON = flags.DEFINE_string("json", None, "file to write the rows to")
_PLOT = flags.DEFINE_string("plot", None, "PNG of windows/s against width")


def cases() -> list[config_lib.Config]:
  """One configuration for every width and batch.

  Raises:
    InputError: for a value that cannot be right.
  """
  base = config_lib.overlay(
    presets.get_config(_PRESET.value),
    {
      "preset": _PRESET.value,
      "run.parallel": _PARALLEL.value,
    },
  )
  base = config_lib.overlay(base, tree.parse_assignments(_SET.value))
  return [
    config_lib.overlay(base, {"network.width": width, "batch.size": batch})
    for width in _WIDTH.value or [base.network["width"]]
    for batch in _BATCH.value or [base.batch.size]
  ]


def peers_of(
  config: config_lib.Config, passive_wait: bool
) -> list[torch_peer.Peer]:
  """Starts every variant of the twin that runs.

  Args:
    config: whose width and batch the twin takes.
    passive_wait: see `torch_peer.Peer`.

  Raises:
    InputError: no variant runs, or one is unknown.
  """
  if _PEER.value is None:
    return []
  fields = {
    key: _value(text)
    for key, text in tree.parse_assignments(_PEER_SET.value).items()
  }
  started, failures = [], []
  for name in _VARIANTS.value:
    case = torch_peer.Case(
      _PEER.value,
      float(config.network["width"]),
      config.batch.size,
      fields=fields,
    )
    case = dataclasses.replace(case, **torch_peer.VARIANTS[name])
    try:
      started.append(torch_peer.Peer(case, passive_wait=passive_wait))
    except InputError as error:
      failures.append(error)
      print(f"left out: {error}", flush=True)
  if failures and not started:
    raise failures[0]
  return started


def measure(
  config: config_lib.Config, passive_wait: bool
) -> list[dict[str, Any]]:
  """Times our step in each type and its twins in turns.

  Args:
    config: of the step.
    passive_wait: see `torch_peer.Peer`.

  Returns:
    One row each, ours first.

  Raises:
    InputError: no twin runs, or the batch does not fit the devices.
  """
  ours = [
    timed_step.OurStep(config_lib.overlay(config, {"run.compute_dtype": dtype}))
    for dtype in _DTYPE.value
  ]
  runners = [*ours, *peers_of(config, passive_wait)]
  times: list[list[list[tuple[float, float]]]] = [[] for _ in runners]
  peaks = dict.fromkeys(_DTYPE.value, 0.0)
  # The ceiling is one accelerator's; CPU devices share the same cores.
  shares = 1 if jax.default_backend() == "cpu" else jax.device_count()
  try:
    for _ in range(_ROUNDS.value):
      for dtype, peak in peaks.items():
        found = ceilings.matmul_flops_per_second(dtype) * shares
        peaks[dtype] = max(peak, found)
      for runner, rounds in zip(runners, times):
        rounds.append(runner.run(_STEPS.value))
  finally:
    for runner in runners:
      runner.close()
  if not all(np.isfinite(one.last_loss()) for one in ours):
    raise InputError("--set", "the loss is not finite", "lower the rate")
  return step_table.rows_of(config, runners, times, peaks)


def _value(text: str) -> Any:
  """A JSON value, or the text where it is none."""
  try:
    return json.loads(text)
  except json.JSONDecodeError:
    return text


def main(argv: Sequence[str]) -> None:
  """Measures every case and prints; input errors end with code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  logging.set_verbosity(logging.WARNING)
  load = os.getloadavg()[0]
  passive = _WAIT.value == "passive" or (_WAIT.value == "auto" and load > 0.5)
  with command.ending():
    todo = cases()
    if _PEER.value is not None:
      torch_peer.check(_PEER.value)
      for name in set(_VARIANTS.value) - set(torch_peer.VARIANTS):
        raise InputError(
          f"--torch_variants={name}",
          "unknown",
          f"choose of {', '.join(torch_peer.VARIANTS)}",
        )
    about = harness.facts("jaxlib", "flax", "torch")
    print(harness.headline(about))
    print(f"{_PRESET.value}, {_PARALLEL.value}")
    if _PEER.value is not None:
      print(f"torch's threads wait {'asleep' if passive else 'spinning'}")
    rows: list[dict[str, Any]] = []
    print(step_table.HEAD, flush=True)
    for config in todo:
      new = measure(config, passive)
      rows += new
      print(step_table.lines(new), flush=True)
  print(step_table.FOOT)
  harness.write_json(_JSON.value, about, rows=rows)
  if _PLOT.value:
    step_table.plot(rows, _PLOT.value)


if __name__ == "__main__":
  app.run(main)
