"""One device, eight, and two processes: the same training.

In float64, so that a difference is a mistake and not the order of a sum.
"""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

_SCRIPT = pathlib.Path(__file__).with_name("parallel_case.py")
_FIGURES = ("loss", "gradient_norm", "output_gradient_contrastive")


def _start(out: pathlib.Path, *arguments: str) -> subprocess.Popen:
  return subprocess.Popen(
    [sys.executable, str(_SCRIPT), str(out), *arguments],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    # Compiles in a third of the time.
    env={**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
  )


def _finish(*processes: subprocess.Popen) -> None:
  for process in processes:
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 0, said[-2000:]


def _relative(a: np.ndarray, b: np.ndarray) -> float:
  return float(np.linalg.norm(a - b) / np.linalg.norm(a))


def _assert_same(one, other, wrapper: str) -> None:
  for name in _FIGURES:
    key = f"figure/{name}"
    assert other[f"{wrapper}/{key}"] == pytest.approx(
      one[f"jit/{key}"], rel=1e-9
    ), name
  moved = _relative(one["jit/start"], one["jit/parameters"])
  assert moved > 1e-5
  for name in ("gradients", "parameters", "statistics"):
    found = _relative(one[f"jit/{name}"], other[f"{wrapper}/{name}"])
    assert found < 1e-9, (name, found)


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
  out = tmp_path_factory.mktemp("parallel") / "one.npz"
  _finish(_start(out))
  return np.load(out)


def test_eight_devices_train_like_one_under_both_wrappers(one_device, tmp_path):
  out = tmp_path / "eight.npz"
  _finish(_start(out, "--devices=8", "--parallel", "jit", "pmap"))
  eight = np.load(out)
  for wrapper in ("jit", "pmap"):
    _assert_same(one_device, eight, wrapper)


@pytest.mark.long  # tests/test_dispatch.py has two processes, too
def test_two_processes_train_like_one(one_device, tmp_path):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  out = tmp_path / "two.npz"
  _finish(
    *(
      _start(
        out,
        "--devices=2",
        f"--process={i}",
        "--processes=2",
        f"--coordinator=localhost:{port}",
      )
      for i in range(2)
    )
  )
  _assert_same(one_device, np.load(out), "jit")
