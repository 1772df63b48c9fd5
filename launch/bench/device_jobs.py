"""What `measure_device.py` runs, the most important first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

# The twin's equal: `bench_train_step.py` says why.
_EQUAL = ("--preset=official", "--set=network.dropout=0.1")


@dataclasses.dataclass(frozen=True)
class Job:
  """One command.

  Attributes:
    name: of its files.
    script: in this folder.
    arguments: besides `--json`.
    small: in their place with `--small`.
    limit_s: after which it is ended.
    twin: whether `--torch_peer` is handed on.
    environment: added to this process's own.
  """

  name: str
  script: str
  arguments: Sequence[str]
  small: Sequence[str]
  limit_s: float
  twin: bool = False
  environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


_TINY = (
  "--preset=demo",
  "--set=network.stem_pool=16",
  "--set=network.contrastive=false",
  "--set=network.frequency_attention=false",
)
_TINY_STEP = (*_TINY, "--width=0.03125", "--batch=4", "--steps=2", "--rounds=1")
_TINY_WIDTH = (*_TINY, "--set=network.width=0.03125")


def _train(
  name: str,
  dtype: str,
  width: str,
  batch: str,
  variants: str,
  limit_s: float,
  **more,
) -> Job:
  return Job(
    name,
    "launch.bench.train_step",
    (
      *_EQUAL,
      f"--compute_dtype={dtype}",
      f"--width={width}",
      f"--batch={batch}",
      f"--torch_variants={variants}",
      # Steps come eight to a call on an accelerator.
      "--steps=24",
    ),
    (*_TINY_STEP, f"--compute_dtype={dtype}", "--torch_variants=eager"),
    limit_s,
    **more,
  )


JOBS = (
  _train(
    "train_bfloat16",
    "bfloat16",
    "1",
    "64",
    "eager,bfloat16_channels_last,compiled_bfloat16_channels_last",
    170,
    twin=True,
  ),
  Job(
    "ampl_sized_run",
    "launch.bench.ampl_sized",
    ("--preset=paper", "--set=run.compute_dtype=bfloat16", "--limit_s=100"),
    (*_TINY_WIDTH, "--windows=40", "--set=optim.epochs=3"),
    150,
  ),
  _train(
    "train_float32", "float32", "1", "64", "eager,channels_last", 110, twin=True
  ),
  _train(
    "batch_table",
    "bfloat16",
    "1",
    "16,128,256",
    "bfloat16_channels_last",
    170,
    twin=True,
  ),
  Job(
    "roofline",
    "launch.bench.roofline",
    ("--preset=official", "--batch=64", "--compute_dtype=bfloat16"),
    (
      "--preset=demo",
      "--width=0.03125",
      "--batch=4",
      "--repeats=1",
      "--set=network.stem_pool=16",
    ),
    110,
  ),
  Job(
    "replicas",
    "launch.bench.replicas",
    (
      "--preset=paper",
      "--set=run.compute_dtype=bfloat16",
      "--set=network.width=0.25",
      "--replicas=1,2,4",
      "--steps=16",
      "--rounds=2",
    ),
    (
      *_TINY_WIDTH,
      "--set=batch.size=4",
      "--replicas=1,2",
      "--forms=unrolled",
      "--steps=2",
      "--rounds=1",
    ),
    170,
  ),
  Job(
    "inference",
    "launch.bench.inference",
    ("--preset=official", "--rounds=2", "--nocold_start"),
    (
      *_TINY,
      "--width=0.03125",
      "--batch=1,2",
      "--compute_dtype=float32",
      "--calls=5",
      "--rounds=1",
      "--nocold_start",
    ),
    170,
    twin=True,
  ),
  # Beside `train_bfloat16`, which has XLA's default: operations that need not
  # repeat.
  _train(
    "deterministic",
    "bfloat16",
    "1",
    "64",
    "eager",
    90,
    environment={"XLA_FLAGS": "--xla_gpu_deterministic_ops=true"},
  ),
  Job(
    "equal_to_cpu",
    "launch.bench.compare_with_cpu",
    ("--preset=official", "--width=0.25", "--batch=16"),
    (*_TINY, "--width=0.03125", "--batch=4"),
    120,
  ),
  _train(
    "train_quarter",
    "bfloat16,float32",
    "0.25",
    "64",
    "eager,bfloat16_channels_last,compiled_bfloat16_channels_last",
    150,
    twin=True,
  ),
  Job(
    "first_step",
    "launch.bench.first_step",
    ("--preset=paper", "--compute_dtype=bfloat16", "--deterministic=on"),
    (*_TINY, "--width=0.03125", "--batch=4"),
    150,
  ),
  Job(
    "input",
    "launch.bench.input",
    ("--preset=paper", "--set=run.compute_dtype=bfloat16"),
    (
      *_TINY,
      "--width=0.03125",
      "--batch=4",
      "--windows=32",
      "--batches=4",
      "--steps=2",
      "--rounds=1",
    ),
    100,
  ),
  Job(
    "features",
    "launch.bench.features",
    ("--windows=1,16,256,4096", "--stages"),
    ("--windows=2", "--rounds=1"),
    60,
  ),
  Job(
    "cold_inference",
    "launch.bench.inference",
    ("--preset=official", "--batch=1", "--compute_dtype=bfloat16"),
    (*_TINY, "--width=0.03125", "--batch=1", "--source=features", "--calls=5"),
    170,
  ),
)
