"""A PyTorch twin to measure against, in a process of its own.

The twin is a file that defines `BGM2Pose(width, **fields)`, a module, and
`loss_fn(model, features [b, 9, 12, 128], pose [b, 12, 63])`. Run as a script
this file is the process that is asked for some steps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from bgm2pose_jax.base.errors import InputError
from launch.bench.peer_process import PeerProcess

# Seconds on the clock and seconds of processor time of one step.
Timing = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Case:
  """What the twin runs.

  Attributes:
    file: that defines it.
    width: of the network.
    batch: windows a step.
    compute_dtype: `float32`, or `bfloat16` by autocast.
    fields: further keywords of `BGM2Pose`.
    compiled: loss through `torch.compile`.
    channels_last: weights in that memory format.
    predicts: in evaluation mode from the host's memory and back to it,
      instead of training.
  """

  file: str
  width: float
  batch: int
  compute_dtype: str = "float32"
  fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  compiled: bool = False
  channels_last: bool = False
  predicts: bool = False

  @property
  def name(self) -> str:
    """What the table calls it."""
    parts = ["torch", "compiled" if self.compiled else "eager"]
    parts += ["bfloat16"] * (self.compute_dtype == "bfloat16")
    return " ".join(parts + ["channels_last"] * self.channels_last)


# What a PyTorch user may try, as fields of `Case` that differ.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
  "eager": {},
  "channels_last": {"channels_last": True},
  "compiled": {"compiled": True},
  "compiled_channels_last": {"compiled": True, "channels_last": True},
  "bfloat16": {"compute_dtype": "bfloat16"},
  "bfloat16_channels_last": {
    "compute_dtype": "bfloat16",
    "channels_last": True,
  },
  "compiled_bfloat16_channels_last": {
    "compute_dtype": "bfloat16",
    "compiled": True,
    "channels_last": True,
  },
}


def check(file: str) -> None:
  """Refuses a twin that cannot run before anything is measured.

  Args:
    file: that defines it.

  Raises:
    InputError: no such file, or PyTorch is not installed.
  """
  if not pathlib.Path(file).is_file():
    raise InputError(
      f"--torch_peer={file}", "no such file", "give a Python file"
    )
  if importlib.util.find_spec("torch") is None:
    raise InputError(
      "--torch_peer", "PyTorch is not installed", "run pip install torch"
    )


class Peer:
  """A running twin.

  Attributes:
    name: for the table.
    about: what the process says of itself: torch version, device, threads.
  """

  def __init__(self, case: Case, *, passive_wait: bool):
    """Starts the process, which runs its first steps at once.

    Args:
      case: what to run.
      passive_wait: its threads sleep at barriers instead of spinning.

    Raises:
      InputError: the twin does not run; with its last line.
    """
    self.name = case.name
    self._process = PeerProcess(
      __file__,
      dataclasses.asdict(case),
      where=f"--torch_peer: {case.name}",
      environment={"OMP_WAIT_POLICY": "passive"} if passive_wait else None,
    )
    self.about = self._process.about

  def run(self, steps: int) -> list[Timing]:
    """Runs steps now and returns each one's times.

    Args:
      steps: how many.
    """
    return [(wall, cpu) for wall, cpu in self._process.ask(steps)]

  def close(self) -> None:
    """Ends the process."""
    self._process.close()


def _load(file: str) -> Any:
  spec = importlib.util.spec_from_file_location("torch_twin", file)
  assert spec is not None
  assert spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _prediction(model: Any, case: Case, device: str) -> Callable[[], Timing]:
  """One call of the twin in use; it embeds poses too, a small part."""
  import torch  # pyright: ignore[reportMissingImports]

  model.eval()
  forward = torch.compile(model) if case.compiled else model
  features = torch.randn(case.batch, 9, 12, 128)
  if case.channels_last:
    features = features.to(memory_format=torch.channels_last)
  pose = torch.zeros(case.batch, 12, 63, device=device)
  low = case.compute_dtype == "bfloat16"

  def step() -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    with (
      torch.inference_mode(),
      torch.autocast(device, torch.bfloat16, enabled=low),
    ):
      forward(features.to(device), pose)[0].float().cpu()
    return time.perf_counter() - wall, time.process_time() - cpu

  return step


def _update(
  model: Any, loss_fn: Callable[..., Any], case: Case, device: str
) -> Callable[[], Timing]:
  """One training step of the twin."""
  import torch  # pyright: ignore[reportMissingImports]

  optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
  features = torch.randn(case.batch, 9, 12, 128, device=device)
  pose = torch.randn(case.batch, 12, 63, device=device)
  if case.compiled:
    loss_fn = torch.compile(loss_fn)
  low = case.compute_dtype == "bfloat16"

  def step() -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device, torch.bfloat16, enabled=low):
      loss = loss_fn(model, features, pose)
    loss.backward()
    optimizer.step()
    if device == "cuda":
      torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu

  return step


def _serve(case: Case, replies: IO[str]) -> None:
  """Builds the twin, then runs as many steps as each line of stdin says."""
  import torch  # pyright: ignore[reportMissingImports]

  device = "cuda" if torch.cuda.is_available() else "cpu"
  if device == "cpu":
    # As many as XLA takes: the cores this process may use.
    torch.set_num_threads(len(os.sched_getaffinity(0)))
  torch.manual_seed(0)
  twin = _load(case.file)
  model = twin.BGM2Pose(case.width, **case.fields).to(device)
  if case.channels_last:
    model = model.to(memory_format=torch.channels_last)
  if case.predicts:
    step = _prediction(model, case, device)
  else:
    step = _update(model, twin.loss_fn, case, device)

  def reply(value: Any) -> None:
    print(json.dumps(value), file=replies, flush=True)

  for _ in range(2):
    step()
  reply(
    {
      "torch": torch.__version__,
      "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
      "threads": torch.get_num_threads(),
      "parameters": sum(p.numel() for p in model.parameters()),
    }
  )
  for line in sys.stdin:
    reply([step() for _ in range(int(line))])


if __name__ == "__main__":
  with contextlib.redirect_stdout(sys.stderr):
    _serve(Case(**json.loads(sys.argv[1])), sys.__stdout__ or sys.stdout)
