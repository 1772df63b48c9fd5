"""What a step on many chips would take, on paper.

Operations, bytes and rounds are counted in the traced step; peaks and links
are what the makers publish; the share of the peak and the time of a round are
assumed and stated. Nothing here is measured. Nothing is taken to overlap: a
compiler that hides the gradients' reduction behind the backward pass does
better, but no compiler can hide the rounds of batch normalisation, since each
layer waits for its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from bgm2pose_jax.config import schema
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target
from bgm2pose_jax.systems.bgm2pose.config import Config
from launch.bench import chips, collective_count, product_count, step_shapes


@dataclasses.dataclass(frozen=True)
class Chip:
  """A chip and its links.

  Attributes:
    name: the name in the table.
    flops: bfloat16 operations a second at most, without sparsity (published).
    link: bytes a second one chip sends to others of its group (published, one
      direction).
    group: chips that `link` joins.
    across: bytes a second that one chip sends out of its group (published);
      None where groups are all there is.
    round_us: {chips: microseconds a small exchange takes} (assumed).
  """

  name: str
  flops: float
  link: float
  group: int
  across: float | None
  round_us: Mapping[int, float]


CHIPS = (
  # Data sheet: 989 TFLOP/s dense, NVLink 900 GB/s in both directions; one
  # 400 Gb/s InfiniBand port a GPU as in DGX H100. NCCL needs 10-20 us for a
  # small exchange in a node, more over a network.
  Chip(
    "H100 SXM",
    chips.CHIPS["h100"].flops,
    450e9,
    8,
    50e9,
    {8: 20.0, 64: 40.0, 256: 50.0},
  ),
  # Google Cloud's pages: 197 and 459 TFLOP/s, links of 400 and 1,200 GB/s in
  # both directions. About 1 us a hop, there and back across half of each side
  # of the torus: 2x4, 8x8, 16x16, and 2x2x2, 4x4x4, 4x8x8.
  Chip(
    "TPU v5e",
    chips.CHIPS["v5e"].flops,
    200e9,
    256,
    None,
    {8: 6.0, 64: 16.0, 256: 32.0},
  ),
  Chip(
    "TPU v5p",
    chips.CHIPS["v5p"].flops,
    600e9,
    8960,
    None,
    {8: 6.0, 64: 12.0, 256: 20.0},
  ),
)
SIZES = (8, 64, 256)


def counted(config: Config, devices: int, rows: int) -> dict[str, Any]:
  """Counts one step on a mesh that need not exist.

  Args:
    config: the configuration of the network.
    devices: the number of devices in the mesh.
    rows: windows a device.

  Returns:
    `flops` of one device, and `collective_count.summary`.
  """
  mesh: Any = jax.sharding.AbstractMesh((devices,), (mesh_lib.DATA_AXIS,))
  config = schema.overlay(config, {"batch.size": devices * rows})
  with target.tracing_for("tpu"):
    step, arguments = step_shapes.of("train", config, mesh)
    found = collective_count.of_function(step, *arguments)
  # What the network asks for: a form for one platform may do more.
  with target.tracing_for(target.ANY):
    flops = product_count.count(step, *arguments) / devices
  return {"flops": flops, **collective_count.summary(found)}


def exchange_s(chip: Chip, nbytes: float, devices: int) -> float:
  """Seconds to gather an array, or to reduce and scatter it, over all chips.

  In a ring each chip sends (n - 1) / n of the array. Between groups each chip
  carries its group's n-th part; inside, all of it. An all-reduce is both.

  Args:
    chip: whose links.
    nbytes: the size of the whole array.
    devices: chips that take part.
  """
  inside = min(chip.group, devices)
  groups = devices // inside
  seconds = (inside - 1) / inside * nbytes / chip.link
  if groups > 1:
    assert chip.across is not None
    seconds += (groups - 1) / groups * nbytes / inside / chip.across
  return seconds


def rows_of(config: Config, rows: int, share: float) -> list[dict[str, Any]]:
  """The plan's table.

  Args:
    config: the configuration of the network.
    rows: windows a chip.
    share: the share of the peak that the step's operations are assumed to
      reach.

  Returns:
    A row for each chip and size.
  """
  out = []
  for devices in SIZES:
    count = counted(config, devices, rows)
    for chip in CHIPS:
      compute = count["flops"] / (chip.flops * share)
      reduce = 2 * exchange_s(chip, count["all-reduce"]["bytes"], devices)
      gathered = sum(
        count[kind]["bytes"] for kind in ("all-gather", "reduce-scatter")
      )
      gather = exchange_s(chip, gathered, devices)
      waiting = 1e-6 * chip.round_us[devices] * count["rounds"]
      step = compute + reduce + gather + waiting
      out.append(
        {
          "chip": chip.name,
          "chips": devices,
          "batch": devices * rows,
          "compute ms": 1e3 * compute,
          "reduce MB": count["all-reduce"]["bytes"] / 1e6,
          "reduce ms": 1e3 * reduce,
          "gather MB": gathered / 1e6,
          "gather ms": 1e3 * gather,
          "exchanges": sum(
            count[kind]["count"] for kind in collective_count.KINDS
          ),
          "rounds": count["rounds"],
          "rounds ms": 1e3 * waiting,
          "step ms": 1e3 * step,
          "efficiency": compute / step,
          "windows/s": devices * rows / step,
        }
      )
  order = [chip.name for chip in CHIPS]
  return sorted(out, key=lambda row: (order.index(row["chip"]), row["chips"]))


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
  """Says which part of the exchanges costs most at the largest size.

  Args:
    rows: the rows from `rows_of`.
  """
  lines = []
  for row in rows:
    if row["chips"] != max(SIZES):
      continue
    parts = {
      "waiting for one small exchange after another": row["rounds ms"],
      "reducing the gradients": row["reduce ms"],
      "gathering embeddings": row["gather ms"],
    }
    most = max(parts, key=lambda part: parts[part])
    share = parts[most] / sum(parts.values())
    lines.append(
      f"{row['chip']}, {row['chips']} chips: {share:.0%} of the time outside "
      f"the network's own work goes to {most}"
    )
  return "\n".join(lines)
