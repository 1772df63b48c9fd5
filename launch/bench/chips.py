"""Accelerators as their makers publish them, and how to compile for them.

Nothing of a chip has to be here: JAX compiles for a TPU that its compiler
knows by name (`jax[tpu]`), and for a GPU from a description of it
(`jax[cuda12]`). Rates are the highest that are published, dense, in bfloat16.

Sources: Google Cloud's pages of TPU v5e, v5p and v6e; NVIDIA's data sheets of
A100 SXM 80 GB, H100 SXM and H200 SXM and the tuning guides of their
architectures.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bgm2pose_jax.base.errors import InputError


@dataclasses.dataclass(frozen=True)
class Chip:
  """One kind of chip.

  Attributes:
    name: the name in tables.
    platform: `tpu` or `cuda`.
    flops: bfloat16 operations a second at most.
    memory_bytes: what a program may use of the chip's memory.
    memory_bytes_per_s: between memory and processor.
    clock_hz: a cycle of the compiler's estimates; None where it makes none.
    layouts: {chips: their layout, as `topologies` takes it}.
    default_chips: how many a target without a layout means.
    gpu: facts for the compiler; None for a TPU.
  """

  name: str
  platform: str
  flops: float
  memory_bytes: float
  memory_bytes_per_s: float
  clock_hz: float | None
  layouts: dict[int, str]
  default_chips: int
  gpu: Gpu | None = None


@dataclasses.dataclass(frozen=True)
class Gpu:
  """What a GPU's compiler has to know of it.

  Attributes:
    described: the name that the driver gives it.
    capability: compute capability.
    cores: streaming multiprocessors.
    clock_ghz: the highest.
    l2_bytes: the second-level cache.
    shared_bytes: shared memory of a multiprocessor.
    block_bytes: the most of it that one block may ask for.
  """

  described: str
  capability: tuple[int, int]
  cores: int
  clock_ghz: float
  l2_bytes: int
  shared_bytes: int
  block_bytes: int


_GIB = 2.0**30
_HOPPER = {
  "capability": (9, 0),
  "cores": 132,
  "clock_ghz": 1.98,
  "l2_bytes": 50 * 2**20,
  "shared_bytes": 228 * 2**10,
  "block_bytes": 227 * 2**10,
}
_GPU_LAYOUTS = {n: f"1x1x{n}" for n in (1, 2, 4, 8)}
_FLAT = {1: "1x1", 4: "2x2", 8: "2x4", 64: "8x8", 256: "16x16"}

CHIPS = {
  # The compiler keeps a quarter of a GiB of 16 for itself. 4 matrix units of
  # 128 x 128 at 1.5 GHz make the published rate; 8 at 1.75 v5p's; 4 of
  # 256 x 256 at 1.75 v6e's.
  "v5e": Chip(
    "TPU v5e", "tpu", 197e12, 15.75 * _GIB, 819e9, 1.5e9, _FLAT, 8
  ),
  "v5p": Chip(
    "TPU v5p", "tpu", 459e12, 95 * _GIB, 2765e9, 1.75e9,
    {4: "2x2x1", 8: "2x2x2", 64: "4x4x4", 256: "4x8x8"}, 4,
  ),
  "v6e": Chip(
    "TPU v6e", "tpu", 918e12, 31.25 * _GIB, 1640e9, 1.75e9, _FLAT, 8
  ),
  "a100": Chip(
    "A100 SXM", "cuda", 312e12, 80e9, 2039e9, None, _GPU_LAYOUTS, 1,
    Gpu(
      "NVIDIA A100-SXM4-80GB", (8, 0), 108, 1.41, 40 * 2**20, 164 * 2**10,
      163 * 2**10,
    ),
  ),
  "h100": Chip(
    "H100 SXM", "cuda", 989e12, 80e9, 3352e9, None, _GPU_LAYOUTS, 1,
    Gpu("NVIDIA H100 80GB HBM3", **_HOPPER),
  ),
  "h200": Chip(
    "H200 SXM", "cuda", 989e12, 141e9, 4800e9, None, _GPU_LAYOUTS, 1,
    Gpu("NVIDIA H200", **_HOPPER),
  ),
}  # fmt: skip

# Read by the TPU's compiler where no TPU is, before JAX starts.
ENVIRONMENT = {
  "JAX_PLATFORMS": "cpu",
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_WORKER_HOSTNAMES": "localhost",
  "TPU_ACCELERATOR_TYPE": "v5litepod-8",
  # Several processes may compile at once.
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


@dataclasses.dataclass(frozen=True)
class Target:
  """Some chips of a kind.

  Attributes:
    key: the chip's key in `CHIPS`.
    layout: theirs, e.g. `2x4`.
  """

  key: str
  layout: str

  @property
  def chip(self) -> Chip:
    """The kind of chip."""
    return CHIPS[self.key]

  @property
  def count(self) -> int:
    """How many chips."""
    return {text: n for n, text in self.chip.layouts.items()}[self.layout]

  def devices(self) -> list[Any]:
    """Returns the devices, to compile for and not to run on.

    Raises:
      InputError: the platform's compiler is not installed.
    """
    from jax.experimental import topologies

    chip = self.chip
    given: dict[str, Any] = {"topology_name": f"{self.key}:{self.layout}"}
    if chip.gpu is None and self.count == 1:
      # Hosts have four chips unless it is said that they have one.
      given["chips_per_host_bounds"] = (1, 1, 1)
    if chip.gpu is not None:
      given = {
        "topology_name": self.key,
        "topology": self.layout,
        "target_config": description(chip),
      }
    try:
      found = topologies.get_topology_desc(platform=chip.platform, **given)
    except Exception as error:
      extra = {"tpu": "jax[tpu]", "cuda": "jax[cuda12]"}[chip.platform]
      raise InputError(
        f"--target={self.key}:{self.layout}",
        f"no compiler for it: {str(error).splitlines()[0]}",
        f"install {extra} in an environment of its own",
      ) from error
    return list(found.devices)


def parse(text: str) -> Target:
  """Reads a target.

  Args:
    text: `v5e:2x4`, `v5e:8` or `v5e`.

  Raises:
    InputError: no such chip, or no such layout of it.
  """
  key, _, layout = text.partition(":")
  if key not in CHIPS:
    raise InputError(
      f"--target={text}", "unknown", f"choose of {', '.join(CHIPS)}"
    )
  layouts = CHIPS[key].layouts
  if not layout:
    layout = layouts[CHIPS[key].default_chips]
  elif layout.isdecimal():
    layout = layouts.get(int(layout), layout)
  if layout not in layouts.values():
    raise InputError(
      f"--target={text}",
      f"no layout of {key}",
      f"choose of {', '.join(layouts.values())}",
    )
  return Target(key, layout)


def description(chip: Chip) -> str:
  """Describes a GPU as XLA's compiler reads it, a text protocol buffer.

  Args:
    chip: a GPU.
  """
  gpu = chip.gpu
  assert gpu is not None
  of_all = {
    "threads_per_block_limit": 1024,
    "threads_per_warp": 32,
    "threads_per_core_limit": 2048,
    "fpus_per_core": 128 if gpu.capability >= (9, 0) else 64,
    "block_dim_limit_x": 2**31 - 1,
    "block_dim_limit_y": 65535,
    "block_dim_limit_z": 65535,
    "registers_per_core_limit": 65536,
    "registers_per_block_limit": 65536,
    "shared_memory_per_block": 48 * 2**10,
    "shared_memory_per_core": gpu.shared_bytes,
    "shared_memory_per_block_optin": gpu.block_bytes,
    "core_count": gpu.cores,
    "clock_rate_ghz": gpu.clock_ghz,
    "l2_cache_size": gpu.l2_bytes,
    "memory_bandwidth": round(chip.memory_bytes_per_s),
    "device_memory_size": round(chip.memory_bytes),
  }
  lines = [f"  {name}: {value}" for name, value in of_all.items()]
  major, minor = gpu.capability
  return "\n".join(
    [
      "gpu_device_info {",
      *lines,
      f"  cuda_compute_capability {{ major: {major} minor: {minor} }}",
      "}",
      "runtime_version { major: 12 minor: 9 }",
      'platform_name: "CUDA"',
      "dnn_version_info { major: 9 minor: 8 }",
      f'device_description_str: "{gpu.described}"',
    ]
  )


def tracing(chip: Chip) -> str:
  """The platform as `runtime.target` names it."""
  return {"cuda": "gpu"}.get(chip.platform, chip.platform)


def versions() -> list[str]:
  """Packages whose versions a table of compiled programs states."""
  return ["jaxlib", "libtpu", "jax-cuda12-plugin", "flax"]
