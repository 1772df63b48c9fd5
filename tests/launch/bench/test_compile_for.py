"""Compiling for chips that are not here: what needs no such compiler."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.blocks import add_bias
from launch.bench import chips, compile_case, compiled_table


@pytest.mark.parametrize(
  ("text", "layout", "count"),
  [
    ("v5e", "2x4", 8),
    ("v5e:1", "1x1", 1),
    ("v5e:2x2", "2x2", 4),
    ("v5p", "2x2x1", 4),
    ("v6e:256", "16x16", 256),
    ("h100", "1x1x1", 1),
    ("a100:8", "1x1x8", 8),
  ],
)
def test_targets(text, layout, count):
  target = chips.parse(text)
  assert (target.layout, target.count) == (layout, count)


@pytest.mark.parametrize("text", ["v9", "v5e:3x3", "h100:2x4", ""])
def test_unknown_targets_are_refused_by_name(text):
  with pytest.raises(InputError, match=f"--target={text}.*choose of"):
    chips.parse(text)


def test_a_gpu_is_described_by_its_own_facts():
  described = {key: chips.description(chips.CHIPS[key])
               for key in ("a100", "h100", "h200")}  # fmt: skip
  assert "core_count: 108" in described["a100"]
  assert "major: 8 minor: 0" in described["a100"]
  for key in ("h100", "h200"):
    assert "core_count: 132" in described[key]
    assert "shared_memory_per_block_optin: 232448" in described[key]
  assert "memory_bandwidth: 3352000000000" in described["h100"]
  assert "memory_bandwidth: 4800000000000" in described["h200"]
  for text in described.values():
    assert text.count("{") == text.count("}")


def test_figures_of_a_program_are_those_of_its_arrays():
  rows, size = 1024, 512

  def step(x, kernel):
    return add_bias(jnp.sin(x @ kernel), jnp.ones(size))

  shapes = [jax.ShapeDtypeStruct(s, jnp.float32)
            for s in ((rows, size), (size, size))]  # fmt: skip
  compiled = jax.jit(step).lower(*shapes).compile()
  target = chips.parse("h100")
  flops = 2.0 * rows * size * size
  found = compile_case.figures(compiled, compiled.as_text(), target, flops)
  given, made = 4 * (rows * size + size * size), 4 * rows * size
  assert found["gflop"] == flops / 1e9
  assert found["xla_gflop"] == pytest.approx(flops / 1e9, rel=0.02)
  # The product may leave its own result in memory before the rest reads it.
  assert given + made <= 1e9 * found["moved_gb"] <= given + 3.01 * made
  assert given + made <= 1e9 * found["memory_gb"] <= given + 2.01 * made
  assert found["cycles_ms"] is None
  assert found["operations"] in (1, 2)
  assert found["small"] <= 1
  assert sum(kind["count"] for kind in found["exchanges"].values()) == 0
  assert found["largest"][0]["array"] == f"f32[{rows},{size}]"
  assert "nn/blocks.py" in {row["source"] for row in found["sources"]}
  by_bytes = 1e3 * found["moved_gb"] / 3352
  assert found["floor_ms"] == pytest.approx(by_bytes)
  assert found["bound"] == "bytes"


def test_rows_and_what_changed(capsys):
  named = dict.fromkeys(compiled_table.KEYS, "x") | {"rows": 64}
  figures = {
    "gflop": 1.0,
    "memory_gb": 2.0,
    "moved_gb": 3.0,
    "operations": 40,
    "cycles_ms": None,
    "float32_gb": 0.0,
    "exchanges": {
      "all-reduce": {"count": 2, "bytes": 3e6},
      "all-gather": {"count": 5, "bytes": 1e6},
    },
    "largest": [{"array": "f32[7]"}],
    "sources": [{"source": "nn/blocks.py"}],
  }
  row = compiled_table.row_of(named, figures)
  assert (row["exchanges"], row["all-gather"]) == (7, 5)
  assert row["exchanged_mb"] == 4.0
  json.dumps(row)
  before = row | {"operations": 90}
  compiled_table.say(row, [before | {"target": "other"}, before])
  said = capsys.readouterr().out
  assert said.count("before -> now") == 1
  assert "operations 90 -> 40" in said
  assert "cycles_ms" not in said.split("before -> now")[1].splitlines()[0]
  assert "f32[7]" in said
