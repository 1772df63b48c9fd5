from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
import script_runs

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import presets
from launch.bench import product_count, step_stages, timed_step

TINY = {
  "network.width": 0.03125,
  "network.stem_pool": 8,
  "batch.size": 4,
}
NAMES = [
  "inputs",
  "audio stem",
  "music stem",
  "frequency attention",
  "body",
  "decoder",
  "contrastive heads",
  "losses",
  "optimiser",
]


def test_traffic_is_operands_and_results_as_often_as_they_run():
  a = jax.ShapeDtypeStruct((3, 4), jnp.float32)
  b = jax.ShapeDtypeStruct((4, 5), jnp.bfloat16)

  def one(a, b):
    return jnp.dot(a.astype(jnp.bfloat16), b) + 1

  each = 2 * (3 * 4 + 4 * 5 + 3 * 5)
  assert product_count.traffic(one, a, b) == each

  def looped(a, b):
    return jax.lax.fori_loop(0, 7, lambda i, x: x + one(a, b).sum(), 0.0)

  assert product_count.traffic(looped, a, b) == 7 * each


@pytest.mark.long
@pytest.mark.usefixtures("quick_compiling")
def test_the_stages_are_the_whole_step():
  config = config_lib.overlay(presets.get_config("official"), TINY)
  stages = {s.name: s for s in step_stages.stages_of(config, 1)}
  assert list(stages) == NAMES
  whole = timed_step.OurStep(config)
  parts = sum(stage.flops for stage in stages.values())
  # The logged norms of each term are in both; nothing else counts twice.
  assert parts == pytest.approx(whole.flops, rel=0.01)
  # Recording, music and poses are read: 4 of 8 windows, not the whole cache.
  read = 4 * (12 * 128 * 9 + 12 * 21 * 3 + 1) * 4
  written = 4 * (12 * 128 * (11 + 2) + 12 * 21 * 3) * 4
  assert stages["inputs"].least_bytes == read + written
  # Adam reads parameter, gradient and two moments, and writes three of them.
  size = 4 * whole.parameters
  assert stages["optimiser"].least_bytes == pytest.approx(7 * size, rel=0.02)
  scores = 4 * 12 * 16 * 16 * 4
  attention = stages["frequency attention"]
  # Scores made twice, weights and their gradients read: nine such arrays.
  assert attention.product_bytes > 9 * scores
  for stage in stages.values():
    stage.run()


@pytest.mark.long
def test_the_table_adds_up(tmp_path):
  found = script_runs.figures(
    "launch.bench.roofline",
    tmp_path / "rows.json",
    "--batch=4",
    "--repeats=1",
    "--compute_dtype=bfloat16",
    *(f"--set={key}={value}" for key, value in TINY.items()),
    "--set=network.frequency_attention=false",
    "--set=network.contrastive=false",
  )
  *rows, total, whole = found["rows"]
  absent = ("music stem", "frequency attention", "contrastive heads")
  assert [row["stage"] for row in rows] == [n for n in NAMES if n not in absent]
  for row in rows:
    by_ops = row["run"] * 1e12 / found["ceilings"]["flops_per_s"]
    by_bytes = row["least MB"] * 1e9 / found["ceilings"]["bytes_per_s"]
    assert row["floor ms"] == pytest.approx(max(by_ops, by_bytes))
    assert row["by"] == ("ops" if by_ops > by_bytes else "bytes")
    assert row["share"] == pytest.approx(row["floor ms"] / row["ms"])
  for key in ("ms", "GFLOP", "floor ms", "products MB"):
    assert total[key] == pytest.approx(sum(row[key] for row in rows))
  assert whole["GFLOP"] == total["GFLOP"]


def test_a_bad_value_is_one_line_and_code_2():
  done = script_runs.run("launch.bench.roofline", "--width=-1")
  assert done.returncode == 2
  assert done.stderr.splitlines()[-1].startswith("error: network.width")
