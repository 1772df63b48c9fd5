"""Measures the train step: windows a second, arithmetic, share of a ceiling.

  python -m launch.bench.train_step --preset=official --width=1,0.25 \
    --batch=16 --compute_dtype=float32,bfloat16 --torch_peer=FILE

`--model=mapnet` or `--model=posekernel` measures another system's network, with
a twin of its own.

One table for every width and batch given. Arithmetic (GFLOP) is our own count
of the matrix products and convolutions in the traced step
(`product_count.py`), the attention weights computed again in the
backward pass included; XLA's count of the compiled step, which adds the
element-wise work but runs through a loop once, is printed beside it. On CPU
wide float32 convolutions run with about half the products: ours counts them
whole, as a twin has them, XLA what is left. The ceiling is a large matrix
product in the compute type, measured between the rounds; the floor is the time
the products that run would take at it.

With a PyTorch twin (`torch_peer.py` says what its file defines) all
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
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema, tree
from bgm2pose_jax.config.schema import Config
from launch.bench import ceilings, harness, network, timed_step, torch_peer

network.define_flags("paper", any_model=True, compute_dtype="float32")
_PARALLEL = flags.DEFINE_enum(
  "parallel", "jit", ["jit", "pmap"], "wrapper of the step"
)
_STEPS = flags.DEFINE_integer("steps", 5, "of each side in a round", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "both sides take turns", 1)
_PEER = flags.DEFINE_string("torch_peer", None, "file of a PyTorch twin")
_PEER_SET = flags.DEFINE_multi_string(
  "torch_set", [], "key=value, keyword of the twin's network"
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

_COLUMNS = (
  "width", "batch", "what", "windows_per_s", "ms", "quartiles", "cpu_ms",
  "gflop", "xla_gflop", "gflop_per_s", "floor_ms", "ceiling_share",
)  # fmt: skip
_FOOT = """\
ms: of a step, median over all rounds. gflop: products and convolutions of a
step, our count, also where fewer do; xla_gflop: XLA's of the compiled program.
floor: those that run, at the rate of a large matrix product. ceiling_share: of
its GFLOP/s. Ratios: our windows/s over theirs."""
# The twin that every other is compared with.
_PLAIN = "torch eager"
Times = Sequence[Sequence[tuple[float, float]]]


def _peers_of(config: Config, passive_wait: bool) -> list[torch_peer.Peer]:
  """Starts every variant of the twin that runs."""
  if _PEER.value is None:
    return []
  fields = tree.parse_assignments(_PEER_SET.value)
  plain = torch_peer.Case(
    _PEER.value,
    float(config.network["width"]),
    config.batch.size,
    fields={key: _value(text) for key, text in fields.items()},
  )
  started, failures = [], []
  for name in _VARIANTS.value:
    case = dataclasses.replace(plain, **torch_peer.VARIANTS[name])
    try:
      started.append(torch_peer.Peer(case, passive_wait=passive_wait))
    except InputError as error:
      failures.append(error)
      print(f"left out: {error}", flush=True)
  if failures and not started:
    raise failures[0]
  return started


def _value(text: str) -> Any:
  """A JSON value, or the text where it is none."""
  try:
    return json.loads(text)
  except json.JSONDecodeError:
    return text


def _measure(config: Config, passive_wait: bool) -> list[dict[str, Any]]:
  """Times our step in each type and its twins in turns."""
  dtypes = flags.FLAGS.compute_dtype
  ours = [
    timed_step.OurStep(schema.overlay(config, {"run.compute_dtype": dtype}))
    for dtype in dtypes
  ]
  runners: list[Any] = [*ours, *_peers_of(config, passive_wait)]
  # The ceiling is one accelerator's; CPU devices share the same cores.
  shares = 1 if jax.default_backend() == "cpu" else jax.device_count()
  sides: list[Any] = [
    *(lambda d=d: ceilings.matmul_flops_per_second(d) for d in dtypes),
    *(lambda r=r: r.run(_STEPS.value) for r in runners),
  ]
  try:
    found = harness.turns(sides, _ROUNDS.value)
  finally:
    for runner in runners:
      runner.close()
  if not all(np.isfinite(one.last_loss()) for one in ours):
    raise InputError("--set", "the loss is not finite", "lower the rate")
  peaks = {d: shares * max(each) for d, each in zip(dtypes, found)}
  return _rows_of(config, runners, found[len(dtypes) :], peaks)


def _rows_of(
  config: Config,
  runners: Sequence[Any],
  times: Sequence[Times],
  peaks: dict[str, float],
) -> list[dict[str, Any]]:
  """Makes a row of figures for each runner."""
  # [runner][round, (wall, cpu)]
  rounds = [
    np.array([np.median(np.array(steps), axis=0) for steps in found])
    for found in times
  ]
  rows = []
  for runner, found, own in zip(runners, times, rounds):
    walls = np.array([wall for round_ in found for wall, _ in round_])
    middle = float(np.median(walls))
    low, high = (1e3 * np.quantile(walls, [0.25, 0.75])).tolist()
    row: dict[str, Any] = {
      "width": float(config.network["width"]),
      "batch": config.batch.size,
      "what": runner.name,
      "windows_per_s": config.batch.size / middle,
      "ms": 1e3 * middle,
      "quartiles": f"{low:.1f}-{high:.1f}",
      "ms_quartiles": [low, high],
      "ms_rounds": (1e3 * own[:, 0]).tolist(),
      "cpu_ms": 1e3 * float(np.median(own[:, 1])),
    }
    rows.append(row)
    if isinstance(runner, torch_peer.Peer):
      row |= runner.about
      continue
    peak = peaks[runner.compute_dtype]
    row |= {
      "compute_dtype": runner.compute_dtype,
      "parameters": runner.parameters,
      "compile_s": runner.compile_s,
      "gflop": runner.flops / 1e9,
      "run_gflop": runner.run_flops / 1e9,
      "xla_gflop": runner.xla_flops and runner.xla_flops / 1e9,
      "gflop_per_s": runner.flops / middle / 1e9,
      "ceiling_gflop_per_s": peak / 1e9,
      "ceiling_share": runner.flops / middle / peak,
      "floor_ms": 1e3 * runner.run_flops / peak,
      "ratios": {
        peer.name: {
          "rounds": (theirs / own)[:, 0].tolist(),
          "cpu": float(np.median((theirs / own)[:, 1])),
        }
        for peer, theirs in zip(runners, rounds)
        if isinstance(peer, torch_peer.Peer)
      },
    }
  return rows


def _say_ratios(rows: Sequence[dict[str, Any]]) -> None:
  """Prints how many times as fast ours are as the best twin and float32."""
  peers = [row for row in rows if "ratios" not in row]
  if not peers:
    return
  best = max(peers, key=lambda row: row["windows_per_s"])["what"]
  for row in rows:
    said = [
      _ratio(row, peer, called)
      for peer, called in {_PLAIN: "float32", best: "the best twin"}.items()
      if peer in row.get("ratios", {})
    ]
    if said:
      print(f"{row['what']}: {'; '.join(said[::-1])}", flush=True)


def _ratio(row: dict[str, Any], peer: str, called: str) -> str:
  found = row["ratios"][peer]
  each = ", ".join(f"{ratio:.2f}" for ratio in found["rounds"])
  return (
    f"{float(np.median(found['rounds'])):.2f} times {called} ({peer}; rounds "
    f"{each}; processor time {found['cpu']:.2f})"
  )


def main() -> None:
  """Measures every case and prints."""
  passive = _WAIT.value == "passive" or (
    _WAIT.value == "auto" and os.getloadavg()[0] > 0.5
  )
  todo = network.configs("compute_dtype", **{"run.parallel": _PARALLEL.value})
  if _PEER.value is not None:
    torch_peer.check(_PEER.value)
    harness.among(_VARIANTS, list(torch_peer.VARIANTS))
  about = harness.begin("jaxlib", "flax", "torch")
  print(f"{todo[0].model}, {todo[0].preset}, {_PARALLEL.value}")
  if _PEER.value is not None:
    print(f"torch's threads wait {'asleep' if passive else 'spinning'}")
  rows: list[dict[str, Any]] = []
  for config in todo:
    new = _measure(config, passive)
    rows += new
    # Line by line: a run that is cut short has shown what it has.
    harness.show(new, _COLUMNS)
    _say_ratios(new)
    harness.write(about, rows=rows)
  print(_FOOT)


if __name__ == "__main__":
  harness.start(main)
