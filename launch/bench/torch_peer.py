"""A PyTorch twin to measure against, in a process of its own.

The twin is a file that defines `BGM2Pose(width, **fields)`, a module, and
`loss_fn(model, features [b, 9, 12, 128], pose [b, 12, 63])`. A twin of another
network defines `build(width, **fields)`, a module, `inputs(batch, device,
**fields)`, its random inputs, and `loss_fn(model, inputs)`. Run as a module
this file is the process that is asked for some steps.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from launch.bench import child

# Seconds on the clock and seconds of processor time of one step.
Timing = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Case:
  """What the twin runs.

  Attributes:
    file: the file that defines it.
    width: the width of the network.
    batch: windows a step.
    compute_dtype: `float32`, or `bfloat16` by autocast.
    fields: further keywords of `BGM2Pose`.
    compiled: loss through `torch.compile`.
    channels_last: weights in that memory format.
    predicts: whether it predicts in evaluation mode, from the host's memory
      and back to it, instead of training.
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
  f"{compiled}{dtype}{last}".strip("_") or "eager": {
    **({"compiled": True} if compiled else {}),
    **({"compute_dtype": "bfloat16"} if dtype else {}),
    **({"channels_last": True} if last else {}),
  }
  for compiled in ("", "compiled")
  for dtype in ("", "_bfloat16")
  for last in ("", "_channels_last")
}


def check(file: str) -> None:
  """Refuses a twin that cannot run before anything is measured.

  Args:
    file: the file that defines it.

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


class Peer(child.Peer):
  """A running twin.

  Attributes:
    name: the name in the table.
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
    super().__init__(
      "launch.bench.torch_peer",
      dataclasses.asdict(case),
      where=f"--torch_peer: {case.name}",
      more={"OMP_WAIT_POLICY": "passive"} if passive_wait else None,
    )

  def run(self, steps: int) -> list[Timing]:
    """Runs steps now and returns each one's times.

    Args:
      steps: how many.
    """
    return [(wall, cpu) for wall, cpu in self.ask(steps)]


def _load(file: str) -> Any:
  spec = importlib.util.spec_from_file_location("torch_twin", file)
  assert spec is not None
  assert spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _prediction(model: Any, case: Case, device: str) -> Callable[[], None]:
  """One call of the twin in use; it embeds poses too, a small part."""
  import torch  # pyright: ignore[reportMissingImports]

  model.eval()
  forward = torch.compile(model) if case.compiled else model
  features = torch.randn(case.batch, 9, 12, 128)
  if case.channels_last:
    features = features.to(memory_format=torch.channels_last)
  pose = torch.zeros(case.batch, 12, 63, device=device)
  low = case.compute_dtype == "bfloat16"

  def step() -> None:
    with (
      torch.inference_mode(),
      torch.autocast(device, torch.bfloat16, enabled=low),
    ):
      forward(features.to(device), pose)[0].float().cpu()

  return step


def _update(
  model: Any, twin: Any, case: Case, device: str
) -> Callable[[], None]:
  """One training step of the twin."""
  import torch  # pyright: ignore[reportMissingImports]

  optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
  if hasattr(twin, "build"):
    given = (twin.inputs(case.batch, device, **case.fields),)
  else:
    features = torch.randn(case.batch, 9, 12, 128, device=device)
    given = features, torch.randn(case.batch, 12, 63, device=device)
  loss_fn = torch.compile(twin.loss_fn) if case.compiled else twin.loss_fn
  low = case.compute_dtype == "bfloat16"

  def step() -> None:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device, torch.bfloat16, enabled=low):
      loss = loss_fn(model, *given)
    loss.backward()
    optimizer.step()
    if device == "cuda":
      torch.cuda.synchronize()

  return step


def _make(given: dict[str, Any]) -> tuple[Any, Callable[[Any], Any]]:
  """Builds the twin; it then runs as many steps as it is asked for."""
  import torch  # pyright: ignore[reportMissingImports]

  case = Case(**given)
  device = "cuda" if torch.cuda.is_available() else "cpu"
  if device == "cpu":
    # As many as XLA takes: the cores this process may use.
    torch.set_num_threads(len(os.sched_getaffinity(0)))
  torch.manual_seed(0)
  twin = _load(case.file)
  if hasattr(twin, "build"):
    model = twin.build(width=int(case.width), **case.fields).to(device)
  else:
    model = twin.BGM2Pose(case.width, **case.fields).to(device)
  if case.channels_last:
    ranks = {parameter.dim() for parameter in model.parameters()}
    over_volumes = torch.channels_last_3d, torch.channels_last
    model = model.to(memory_format=over_volumes[5 not in ranks])
  if case.predicts:
    step = _prediction(model, case, device)
  else:
    step = _update(model, twin, case, device)

  def timed() -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - cpu

  for _ in range(2):
    step()
  about = {
    "torch": torch.__version__,
    "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
    "threads": torch.get_num_threads(),
    "parameters": sum(p.numel() for p in model.parameters()),
  }
  return about, lambda steps: [timed() for _ in range(steps)]


if __name__ == "__main__":
  child.serve(_make)
