"""What the device at hand can do at most: product, copy, transfer to it.

Every share that a benchmark states is of one of these figures, measured in the
same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def fastest_s(run: Callable[[], object], repeats: int) -> float:
  """Returns the shortest of several runs, in seconds.

  Args:
    run: does the work and waits for its end.
    repeats: how many runs.
  """
  times = []
  for _ in range(repeats):
    started = time.perf_counter()
    run()
    times.append(time.perf_counter() - started)
  return min(times)


def matmul_flops_per_second(dtype: str, repeats: int = 3) -> float:
  """What this device reaches in a large matrix product of a type.

  Float32 products run at JAX's default precision, as the network's do. The
  numbers are random: processors that slow down under load do so less on ones.

  Args:
    dtype: `float32` or `bfloat16`.
    repeats: the fastest counts.
  """
  n = 2048 if jax.default_backend() == "cpu" else 8192
  a = jax.random.normal(jax.random.key(0), (n, n)).astype(dtype)
  product = jax.jit(jnp.matmul)
  product(a, a).block_until_ready()
  inner = 1 if jax.default_backend() == "cpu" else 10

  def run() -> None:
    # Several in a queue, so that the time to call does not count.
    out = [product(a, a) for _ in range(inner)]
    jax.block_until_ready(out)

  return inner * 2 * n**3 / fastest_s(run, repeats)


def copy_bytes_per_second(repeats: int = 5) -> float:
  """Bytes read and written a second by `x + 1` over a large array.

  Args:
    repeats: the fastest counts.
  """
  n = 2**26 if jax.default_backend() == "cpu" else 2**29
  x = jnp.zeros((n,), jnp.float32)
  add = jax.jit(lambda x: x + 1, donate_argnums=0)
  x = add(x)
  jax.block_until_ready(x)

  def run() -> None:
    nonlocal x
    x = add(x)
    x.block_until_ready()

  return 2 * x.nbytes / fastest_s(run, repeats)


def transfer_bytes_per_second(repeats: int = 5) -> float:
  """Bytes a second that reach the device from the host's plain memory.

  Args:
    repeats: the fastest counts.
  """
  x = np.random.default_rng(0).random(2**26, np.float32)

  def run() -> None:
    jax.device_put(x).block_until_ready()

  run()
  return x.nbytes / fastest_s(run, repeats)
