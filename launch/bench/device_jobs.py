"""What `launch.bench.device` runs, the most important first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Job:
  """One command.

  Attributes:
    name: the name of its files.
    command: module `launch.bench.COMMAND`.
    flags: its flags besides `--json`, with blanks between.
    small: the flags in their place with `--small`.
    limit_s: the time after which it is ended.
    twin: whether `--torch_peer` is handed on.
    environment: added to this process's own.
  """

  name: str
  command: str
  flags: str
  small: str
  limit_s: float
  twin: bool = False
  environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


_TINY = (
  "--preset=demo --set=network.stem_pool=16 --set=network.contrastive=false "
  "--set=network.frequency_attention=false --width=0.03125"
)


def _train(
  name: str,
  dtype: str,
  limit_s: float,
  variants: str,
  *,
  width: str = "1",
  batch: str = "64",
  **more,
) -> Job:
  return Job(
    name,
    "train_step",
    # The twin's equal: `train_step.py` says why. Steps come eight to a call on
    # an accelerator.
    f"--preset=official --set=network.dropout=0.1 --compute_dtype={dtype} "
    f"--width={width} --batch={batch} --torch_variants={variants} --steps=24",
    f"{_TINY} --batch=4 --steps=2 --rounds=1 --compute_dtype={dtype} "
    "--torch_variants=eager",
    limit_s,
    **more,
  )


_ALL = "eager,bfloat16_channels_last,compiled_bfloat16_channels_last"
JOBS = (
  _train("train_bfloat16", "bfloat16", 170, _ALL, twin=True),
  Job(
    "ampl_sized_run",
    "ampl_sized",
    "--preset=paper --compute_dtype=bfloat16 --limit_s=100",
    f"{_TINY} --windows=40 --set=optim.epochs=3",
    150,
  ),
  _train("train_float32", "float32", 110, "eager,channels_last", twin=True),
  _train(
    "batch_table",
    "bfloat16",
    170,
    "bfloat16_channels_last",
    batch="16,128,256",
    twin=True,
  ),
  Job(
    "roofline",
    "roofline",
    "--preset=official --batch=64 --compute_dtype=bfloat16",
    "--preset=demo --width=0.03125 --batch=4 --repeats=1 "
    "--set=network.stem_pool=16",
    110,
  ),
  Job(
    "replicas",
    "replicas",
    "--preset=paper --compute_dtype=bfloat16 --width=0.25 --replicas=1,2,4 "
    "--steps=16 --rounds=2",
    f"{_TINY} --batch=4 --replicas=1,2 --forms=unrolled --steps=2 --rounds=1",
    170,
  ),
  Job(
    "inference",
    "inference",
    "--preset=official --rounds=2 --nocold_start",
    f"{_TINY} --batch=1,2 --compute_dtype=float32 --calls=5 --rounds=1 "
    "--nocold_start",
    170,
    twin=True,
  ),
  # Beside `train_bfloat16`, which has XLA's default: operations that need not
  # repeat.
  _train(
    "deterministic",
    "bfloat16",
    90,
    "eager",
    environment={"XLA_FLAGS": "--xla_gpu_deterministic_ops=true"},
  ),
  Job(
    "equal_to_cpu",
    "compare_with_cpu",
    "--preset=official --width=0.25 --batch=16",
    f"{_TINY} --batch=4",
    120,
  ),
  _train(
    "train_quarter", "bfloat16,float32", 150, _ALL, width="0.25", twin=True
  ),
  Job(
    "first_step",
    "first_step",
    "--preset=paper --compute_dtype=bfloat16 --deterministic=on",
    f"{_TINY} --batch=4",
    150,
  ),
  Job(
    "input",
    "input",
    "--preset=paper --compute_dtype=bfloat16",
    f"{_TINY} --batch=4 --windows=32 --batches=4 --steps=2 --rounds=1",
    100,
  ),
  Job(
    "features",
    "features",
    "--windows=1,16,256,4096 --stages",
    "--windows=2 --rounds=1",
    60,
  ),
  Job(
    "cold_inference",
    "inference",
    "--preset=official --batch=1 --compute_dtype=bfloat16",
    f"{_TINY} --batch=1 --source=features --calls=5",
    170,
  ),
)
