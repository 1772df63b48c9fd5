from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.nn.batch_norm import normalise
from bgm2pose_jax.systems.bgm2pose import presets
from launch.bench import collective_count, scaling_case, scaling_plan
from launch.bench.collective_count import Collective

MESH = jax.sharding.AbstractMesh((4,), ("data",))
TINY = {
  "network.width": 0.03125,
  "network.stem_pool": 16,
  "network.frequency_attention": False,
}


def _count(function, *shapes):
  spread = jax.jit(
    functools.partial(
      jax.shard_map,
      mesh=MESH,
      in_specs=jax.P("data"),
      out_specs=jax.P("data"),
    )(function)
  )
  x = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
  return collective_count.of_function(spread, *x)


def test_bytes_are_of_the_larger_side_on_one_device():
  def function(x):
    whole = jax.lax.all_gather(x, "data", tiled=True)
    part = jax.lax.psum_scatter(whole, "data", tiled=True)
    return part + jax.lax.psum(x, "data")

  found = _count(function, (8, 5))
  assert sorted(found, key=lambda c: c.kind) == [
    Collective("all-gather", 8 * 5 * 4, 1),
    Collective("all-reduce", 2 * 5 * 4, 1),
    Collective("reduce-scatter", 8 * 5 * 4, 2),
  ]


def test_rounds_follow_what_waits_for_what():
  def function(x):
    mean = jax.lax.pmean(x, "data")
    deviation = jax.lax.pmean(jnp.square(x - mean), "data")
    # Needs neither of them.
    beside = jax.lax.psum(x * 2, "data")
    return x * deviation + beside

  found = _count(function, (4, 3))
  assert sorted(c.round for c in found) == [1, 1, 2]
  assert collective_count.summary(found)["rounds"] == 2


def test_what_is_computed_twice_travels_once():
  def function(x):
    again = [jax.lax.all_gather(jnp.sin(x), "data") for _ in range(3)]
    other = jax.lax.all_gather(jnp.cos(x), "data")
    return x + sum(again).sum() + other.sum()

  assert len(_count(function, (4, 3))) == 2


def test_what_is_not_counted_raises():
  def loop(x):
    def body(total, row):
      return total + jax.lax.psum(row, "data").sum(), None

    return x + jax.lax.scan(body, 0.0, x)[0]

  def turn(x):
    return jax.lax.ppermute(x, "data", [(i, (i + 1) % 4) for i in range(4)])

  with pytest.raises(ValueError, match="inside scan"):
    _count(loop, (4, 3))
  with pytest.raises(ValueError, match="ppermute"):
    _count(turn, (4, 3))


def test_a_compiled_text():
  text = """
  %a = f32[2,3]{1,0} all-reduce(%x), channel_id=1, replica_groups={{0,1,2,3}}
  %b = (f32[5]{0}, bf16[7]{0}) all-reduce(%y, %z), channel_id=2
  %c = (f32[2]{0}, f32[8]{0}) all-gather-start(%w), dimensions={0}
  %d = f32[8]{0} all-gather-done(%c)
  %e = f32[2]{0} reduce-scatter(%v), dimensions={0}
  %f = f32[] add(%all-reduce.1, %g)
  """
  assert collective_count.of_program(text, 4) == {
    "all-reduce": {"count": 2, "bytes": 24 + 20 + 14},
    "all-gather": {"count": 1, "bytes": 32},
    "reduce-scatter": {"count": 1, "bytes": 32},
  }


def test_batch_norm_sends_once_each_way():
  def function(x):
    def loss(x):
      ones = 1 + 0 * x[0]
      return (normalise("data", x, ones, ones)[0] ** 3).sum()

    return jax.grad(loss)(x)

  found = sorted(_count(function, (8, 5)), key=lambda c: c.round)
  # Mean and variance of four devices; then two sums.
  assert found == [
    Collective("all-gather", 4 * 2 * 5 * 4, 1),
    Collective("all-reduce", 2 * 5 * 4, 2),
  ]


@pytest.mark.long
def test_local_batch_norm_sends_nothing():
  config = config_lib.overlay(
    presets.get_config("demo"), {**TINY, "batch.size": 8}
  )
  local = config_lib.overlay(config, {"run.batch_norm": "local"})
  shared, own = (scaling_plan.counted(c, 4, 2) for c in (config, local))
  # The embeddings of all windows, the gradients, and what is logged of both.
  assert own["rounds"] == 3
  assert own["all-gather"]["count"] == own["reduce-scatter"]["count"] == 2
  assert shared["rounds"] > 30
  assert shared["all-gather"]["count"] > 20


@pytest.mark.long
def test_traced_and_compiled_bytes_agree_and_so_do_losses(monkeypatch):
  # Compiles in a third of the time, in the processes of the cases too.
  monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
  rows, devices = 2, 4
  changes = {**TINY, "batch.size": rows * devices}
  four = scaling_case.run(scaling_case.Case(devices, "demo", changes, 1))
  one = scaling_case.run(scaling_case.Case(1, "demo", changes, 1))
  assert four["loss"] == pytest.approx(one["loss"], rel=1e-5)
  config = config_lib.overlay(presets.get_config("demo"), changes)
  traced = scaling_plan.counted(config, devices, rows)
  for kind, total in four["collectives"].items():
    assert total["bytes"] == traced[kind]["bytes"] > 0, kind
  # The compiler sends together what is ready together.
  reduce = four["collectives"]["all-reduce"]["count"]
  assert traced["rounds"] <= reduce <= traced["all-reduce"]["count"]


def test_the_way_of_an_array():
  chip = scaling_plan.Chip("c", 1.0, 100.0, 8, 10.0, {})
  # A ring of 4 in one group; then 2 groups of 8, each chip an eighth.
  assert scaling_plan.exchange_s(chip, 400.0, 4) == pytest.approx(3.0)
  assert scaling_plan.exchange_s(chip, 800.0, 16) == pytest.approx(7.0 + 5.0)


def test_the_plan_adds_up_and_names_what_costs_most():
  config = config_lib.overlay(
    presets.get_config("demo"), {**TINY, "batch.size": 2}
  )
  rows = scaling_plan.rows_of(config, 2, 0.5)
  assert len(rows) == len(scaling_plan.CHIPS) * len(scaling_plan.SIZES)
  for row in rows:
    parts = [row[f"{p} ms"] for p in ("compute", "reduce", "gather", "rounds")]
    assert row["step ms"] == pytest.approx(sum(parts))
    assert row["efficiency"] == pytest.approx(parts[0] / sum(parts))
  gathers = {row["chips"]: row["gather MB"] for row in rows}
  assert gathers[256] == pytest.approx(32 * gathers[8])
  said = scaling_plan.verdict(rows)
  assert "waiting for one small exchange after another" in said
