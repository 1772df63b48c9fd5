"""A PyTorch DataLoader over .npy files, in a process of its own.

One file a window for each array, features [9, 12, 128] and pose [12, 21, 3] in
float32, as the published code stores them. Run as a script this file is the
process, which is asked for batches by their rows and says how long they took.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import IO, Any

import numpy as np


def write(folder: pathlib.Path, features: np.ndarray, pose: np.ndarray) -> None:
  """Writes one file a window for each array.

  Args:
    folder: that exists.
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


def _serve(case: dict[str, Any], replies: IO[str]) -> None:
  """Answers each line's {rows [steps, batch], untimed} with times and a sum."""
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

  def batches() -> Iterator[Any]:
    for batch in loader:
      yield [x.to("cuda", non_blocking=True) if on_gpu else x for x in batch]

  def reply(value: Any) -> None:
    print(json.dumps(value), file=replies, flush=True)

  reply({"torch": torch.__version__, "device": "cuda" if on_gpu else "cpu"})
  for line in sys.stdin:
    question = json.loads(line)
    asked.rows = question["rows"]
    started, last = 0.0, None
    for number, batch in enumerate(batches()):
      last = batch
      if number + 1 == question["untimed"]:
        started = time.perf_counter()
    if on_gpu:
      torch.cuda.synchronize()
    spent = time.perf_counter() - started
    assert last is not None
    reply({"seconds": spent, "sum": float(last[0].double().sum())})


if __name__ == "__main__":
  with contextlib.redirect_stdout(sys.stderr):
    _serve(json.loads(sys.argv[1]), sys.__stdout__ or sys.stdout)
