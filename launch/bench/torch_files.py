"""A PyTorch DataLoader over .npy files, in a process of its own.

One file a window for each array, features [9, 12, 128] and pose [12, 21, 3] in
float32, as the published code stores them. Run as a module this file is the
process, which is asked for batches by their rows and says how long they took.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from launch.bench import child


def write(folder: pathlib.Path, features: np.ndarray, pose: np.ndarray) -> None:
  """Writes one file a window for each array.

  Args:
    folder: a folder that exists.
    features: [n, t, f, c].
    pose: [n, t, joint, 3].
  """
  for row, (x, y) in enumerate(zip(features, pose, strict=True)):
    channels_first = np.ascontiguousarray(x.transpose(2, 0, 1))
    np.save(folder / f"features_{row:06d}.npy", channels_first)
    np.save(folder / f"pose_{row:06d}.npy", y)


class Windows:
  """Dataset of the files; row -> (features, pose)."""

  def __init__(self, folder: str, count: int):
    self._folder, self._count = folder, count

  def __len__(self) -> int:
    return self._count

  def __getitem__(self, row: int) -> tuple[Any, Any]:
    import torch  # pyright: ignore[reportMissingImports]

    return (
      torch.from_numpy(np.load(f"{self._folder}/features_{row:06d}.npy")),
      torch.from_numpy(np.load(f"{self._folder}/pose_{row:06d}.npy")),
    )


class Asked:
  """Batch sampler of the rows that were asked for last."""

  def __init__(self) -> None:
    self.rows: list[list[int]] = []

  def __iter__(self) -> Iterator[list[int]]:
    return iter(self.rows)

  def __len__(self) -> int:
    return len(self.rows)


def _make(case: dict[str, Any]) -> tuple[Any, Callable[[Any], Any]]:
  """Answers {rows [steps, batch], untimed} with times and a sum."""
  import torch  # pyright: ignore[reportMissingImports]

  asked = Asked()
  on_gpu = torch.cuda.is_available()
  loader: Any = torch.utils.data.DataLoader(
    Windows(case["folder"], case["count"]),  # pyright: ignore
    batch_sampler=asked,
    num_workers=case["workers"],
    persistent_workers=case["workers"] > 0,
    pin_memory=on_gpu,
  )

  def answer(question: Any) -> Any:
    asked.rows = question["rows"]
    started, batch = 0.0, None
    for number, batch in enumerate(loader):
      if on_gpu:
        batch = [x.to("cuda", non_blocking=True) for x in batch]
      if number + 1 == question["untimed"]:
        started = time.perf_counter()
    if on_gpu:
      torch.cuda.synchronize()
    spent = time.perf_counter() - started
    assert batch is not None
    return {"seconds": spent, "sum": float(batch[0].double().sum())}

  return {"torch": torch.__version__}, answer


if __name__ == "__main__":
  child.serve(_make)
