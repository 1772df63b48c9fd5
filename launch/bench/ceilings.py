"""What the device at hand can do at most: product, copy, transfer to it.

Every share that a benchmark states is of one of these figures, measured in the
same run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from launch.bench import harness


@dataclasses.dataclass(frozen=True)
class Ceilings:
  """Two of the device's ceilings.

  Attributes:
    flops_per_s: operations a second of a large matrix product.
    bytes_per_s: bytes read and written a second by a large copy.
  """

  flops_per_s: float
  bytes_per_s: float

  def __str__(self) -> str:
    return (
      f"ceilings: {self.flops_per_s / 1e9:.0f} GFLOP/s in a large product, "
      f"{self.bytes_per_s / 1e9:.1f} GB/s in a large copy"
    )

  def floor_s(self, flops: float, nbytes: float) -> float:
    """Seconds that so much arithmetic and traffic cannot go under."""
    return max(flops / self.flops_per_s, nbytes / self.bytes_per_s)


def measure(dtype: str = "float32") -> Ceilings:
  """Measures both; products in a type, `float32` or `bfloat16`."""
  return Ceilings(matmul_flops_per_second(dtype), copy_bytes_per_second())


def fastest_s(run: Callable[[], object], repeats: int) -> float:
  """Returns the shortest of several runs, in seconds.

  Args:
    run: does the work and waits for its end.
    repeats: how many runs.
  """
  return min(harness.timed(run)[0] for _ in range(repeats))


def matmul_flops_per_second(dtype: str) -> float:
  """What this device reaches in a large matrix product of a type.

  Float32 products run at JAX's default precision, as the network's do. The
  numbers are random: processors that slow down under load do so less on ones.

  Args:
    dtype: `float32` or `bfloat16`.
  """
  on_cpu = jax.default_backend() == "cpu"
  n, inner = (2048, 1) if on_cpu else (8192, 10)
  a = jax.random.normal(jax.random.key(0), (n, n)).astype(dtype)
  product = jax.jit(jnp.matmul)
  product(a, a).block_until_ready()

  def run() -> None:
    # Several in a queue, so that the time to call does not count.
    jax.block_until_ready([product(a, a) for _ in range(inner)])

  return inner * 2 * n**3 / fastest_s(run, 3)


def copy_bytes_per_second() -> float:
  """Bytes read and written a second by `x + 1` over a large array."""
  n = 2**26 if jax.default_backend() == "cpu" else 2**29
  add = jax.jit(lambda x: x + 1, donate_argnums=0)
  x = add(jnp.zeros((n,), jnp.float32))
  jax.block_until_ready(x)

  def run() -> None:
    nonlocal x
    x = add(x)
    x.block_until_ready()

  return 2 * x.nbytes / fastest_s(run, 5)


def transfer_bytes_per_second() -> float:
  """Bytes a second that reach the device from the host's plain memory."""
  x = np.random.default_rng(0).random(2**26, np.float32)

  def run() -> None:
    jax.device_put(x).block_until_ready()

  run()
  return x.nbytes / fastest_s(run, 5)
