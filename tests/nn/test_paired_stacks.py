"""Two chains of stacks side by side compute what each computes alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.nn import paired_stacks
from bgm2pose_jax.nn.blocks import ConvStack
from bgm2pose_jax.runtime import target

pytestmark = pytest.mark.usefixtures("quick_compiling")


class _Chains(nnx.Module):
  def __init__(self, pool: int):
    rngs = nnx.Rngs(0)

    def stack(inputs, outputs, **more):
      return ConvStack(
        inputs, outputs, (3, 3), rngs=rngs, dtype=jnp.float64, **more
      )

    self.first = nnx.List([stack(3, 4, pool=pool), stack(2, 4, pool=pool)])
    self.second = nnx.List([stack(4, 6), stack(4, 6)])

  def alone(self, *given):
    first = [stack(x) for stack, x in zip(self.first, given)]
    return tuple(stack(x) for stack, x in zip(self.second, first))

  def paired(self, *given):
    return paired_stacks.run(tuple(self.first), tuple(self.second), *given)


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("in_use", [False, True])
def test_outputs_gradients_and_statistics(pool, in_use):
  with jax.enable_x64(True):
    chains = nnx.view(_Chains(pool), use_running_average=in_use)
    graph, params, rest = nnx.split(chains, nnx.Param, ...)
    # Other scales, shifts and running statistics than those of a fresh layer.
    rng = np.random.default_rng(0)
    params, rest = jax.tree.map(
      lambda x: jnp.asarray(x + 0.1 * rng.random(x.shape)), (params, rest)
    )
    x, y = (jnp.asarray(rng.normal(size=(2, 5, 8, c))) for c in (3, 2))

    def loss(params, given, how):
      model = nnx.merge(graph, params, rest, copy=True)
      out = getattr(model, how)(*given)
      total = sum(jnp.sum(jnp.sin(z)) for z in out)
      return total, (out, nnx.as_pure(nnx.state(model, nnx.BatchStat)))

    def found(how):
      with target.tracing_for("tpu"):
        return jax.jit(
          jax.value_and_grad(loss, (0, 1), has_aux=True), static_argnums=2
        )(params, (x, y), how)

    pairs = zip(*map(jax.tree.leaves, (found("paired"), found("alone"))))
    for got, want in pairs:
      assert got.shape == want.shape
      np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)


def test_only_where_lanes_are_empty():
  rngs = nnx.Rngs(0)

  def pair(width, pool=1):
    stacks = [ConvStack(2, width, (3, 3), pool=pool, rngs=rngs) for _ in "ab"]
    return stacks[0], stacks[1]

  narrow, wide = pair(64), pair(128)
  assert not paired_stacks.applies(narrow)
  for platform in ("gpu", target.ANY):
    with target.tracing_for(platform):
      assert not paired_stacks.applies(narrow)
  with target.tracing_for("tpu"):
    assert paired_stacks.applies(narrow)
    assert not paired_stacks.applies(wide)
    assert not paired_stacks.applies((narrow[0], pair(64, 2)[0]))
