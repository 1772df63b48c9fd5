from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import signal

from bgm2pose_jax.nn import batch_norm, blocks
from bgm2pose_jax.runtime import target


def test_conv_is_correlation_with_zero_borders():
  rng = np.random.default_rng(0)
  layer = blocks.Conv(2, 3, (3, 3), rngs=nnx.Rngs(0))
  x = rng.normal(size=(1, 5, 6, 2)).astype(np.float32)
  kernel, bias = np.asarray(layer.kernel[...]), np.asarray(layer.bias[...])
  want = np.zeros((5, 6, 3))
  for o in range(3):
    for i in range(2):
      want[..., o] += signal.correlate2d(
        x[0, ..., i].astype(float), kernel[..., i, o], mode="same"
      )
  got = layer(jnp.asarray(x))[0]
  np.testing.assert_allclose(got, want + bias, rtol=1e-5, atol=1e-5)


def test_even_window_pads_after():
  layer = blocks.Conv(1, 1, (2,), rngs=nnx.Rngs(0))
  a, b = np.asarray(layer.kernel[...]).ravel()
  x = np.arange(1.0, 5.0, dtype=np.float32)
  got = np.asarray(layer(jnp.asarray(x[None, :, None]))).ravel()
  want = a * x + b * np.append(x[1:], 0) + float(layer.bias[...][0])
  np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_doubling_conv_scatters_each_input_over_four_outputs(platform):
  layer = blocks.DoublingConv(3, 2, rngs=nnx.Rngs(0))
  x = np.random.default_rng(1).normal(size=(2, 5, 3))
  kernel = np.asarray(layer.kernel[...], np.float64)
  want = np.zeros((2, 10 + 2, 2))
  for i in range(5):
    for tap in range(4):
      want[:, 2 * i + tap] += x[:, i] @ kernel[tap]
  want = want[:, 1:-1] + np.asarray(layer.bias[...])
  with target.tracing_for(platform):
    got = layer(jnp.asarray(x, jnp.float32))
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 13, 5), (3, 2, 16, 5), (7, 5)])
def test_a_product_of_all_rows_is_one_where_rows_are_filled_up(shape):
  rng = np.random.default_rng(0)

  def both(platform, product):
    with target.tracing_for(platform):
      out, back = jax.vjp(product, x, kernel)
      return out, *back(jnp.sin(out))

  with jax.enable_x64(True):
    x, kernel = jnp.asarray(rng.normal(size=shape)), jnp.eye(5, 3) + 0.1
    want = both("cpu", lambda x, kernel: jnp.einsum("...i,io", x, kernel))
    for platform in ("cpu", "gpu", target.ANY):
      for got, wanted in zip(both(platform, blocks.multiply), want):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_max_pool_and_its_gradient():
  x = np.random.default_rng(2).normal(size=(2, 3, 9, 4)).astype(np.float32)
  got = blocks.max_pool(jnp.asarray(x), -2, 4)
  np.testing.assert_array_equal(got, x[:, :, :8].reshape(2, 3, 2, 4, 4).max(3))
  grad = jax.grad(lambda x: blocks.max_pool(x, -2, 4).sum())(jnp.asarray(x))
  windows = x[:, :, :8].reshape(2, 3, 2, 4, 4)
  want = windows == windows.max(3, keepdims=True)
  np.testing.assert_array_equal(grad[:, :, :8], want.reshape(2, 3, 8, 4))
  assert not np.any(grad[:, :, 8:])


def test_batch_norm_matches_float64_and_running_values():
  layer = blocks.BatchNorm(3)
  x = np.random.default_rng(3).normal(2, 3, size=(4, 5, 3))
  got = layer(jnp.asarray(x, jnp.float32))
  mean, var = x.mean((0, 1)), x.var((0, 1))
  np.testing.assert_allclose(
    got, (x - mean) / np.sqrt(var + 1e-5), rtol=1e-4, atol=1e-4
  )
  np.testing.assert_allclose(layer.mean[...], 0.1 * mean, rtol=1e-5)
  np.testing.assert_allclose(layer.var[...], 0.9 + 0.1 * var, rtol=1e-5)
  frozen = nnx.view(layer, use_running_average=True)
  stored = np.asarray(frozen.mean[...])
  out = frozen(jnp.asarray(x, jnp.float32))
  want = (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * var + 1e-5)
  np.testing.assert_allclose(out, want, rtol=1e-4, atol=1e-4)
  np.testing.assert_array_equal(frozen.mean[...], stored)


def test_batch_norm_shares_statistics_over_the_axis():
  x = jax.random.normal(jax.random.key(0), (4, 6, 3))
  alone = blocks.BatchNorm(3)
  graph, state = nnx.split(blocks.BatchNorm(3, axis_name="data"))
  state = nnx.as_pure(state)

  def shard(rows):
    layer = nnx.merge(graph, state)
    return layer(rows), nnx.as_pure(nnx.state(layer, nnx.BatchStat))

  halves, stats = jax.vmap(shard, axis_name="data")(x.reshape(2, 2, 6, 3))
  np.testing.assert_allclose(
    halves.reshape(4, 6, 3), alone(x), rtol=1e-5, atol=1e-5
  )
  np.testing.assert_allclose(stats["mean"][0], alone.mean[...], atol=1e-7)
  np.testing.assert_array_equal(stats["mean"][0], stats["mean"][1])


def test_batch_norm_of_devices_that_are_far_apart_loses_no_digits():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, 300, 3)) + np.array([-3e3, 5e3])[:, None, None]
  x = np.float32(x)
  want = np.float64(x.reshape(-1, 3))
  want = (want - want.mean(0)) / np.sqrt(want.var(0) + batch_norm.EPSILON)
  found, mean, var = jax.vmap(
    lambda rows: batch_norm.normalise(
      "data", rows, jnp.ones(3, np.float32), jnp.zeros(3, np.float32)
    ),
    axis_name="data",
  )(x)
  np.testing.assert_allclose(found.reshape(-1, 3), want, rtol=1e-5)
  for moment, whole in ((mean, x.mean((0, 1))), (var, x.var((0, 1)))):
    np.testing.assert_allclose(moment[0], np.float64(whole), rtol=1e-5)
    np.testing.assert_array_equal(moment[0], moment[1])


@pytest.mark.parametrize(
  ("slope", "platform", "rows"),
  # A GPU sums few rows in one stage, many in two.
  [
    (None, "cpu", 8),
    (0.01, "cpu", 8),
    (0.01, "tpu", 8),
    (0.01, "gpu", 8),
    (0.01, "gpu", 256),
  ],
)
def test_gradients_of_batch_norm_are_those_of_its_definition(
  slope, platform, rows
):
  rng = np.random.default_rng(0)

  def defined(x, scale, bias):
    x = x if slope is None else jnp.where(x >= 0, x, slope * x)
    away = x - x.mean((0, 1))
    return away / jnp.sqrt(x.var((0, 1)) + batch_norm.EPSILON) * scale + bias

  def ours(*given):
    return batch_norm.normalise(None, *given, slope=slope)[0]

  with jax.enable_x64(True), target.tracing_for(platform):
    given = [jnp.asarray(rng.normal(size=s)) for s in ((rows, 6, 3), 3, 3)]
    found = [
      jax.grad(lambda *a, f=form: jnp.sum(jnp.sin(f(*a))), (0, 1, 2))(*given)
      for form in (ours, defined)
    ]
    for got, want in zip(*found):
      np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("away", [0.0, 3.0])
def test_moments_around_a_value_known_before(away):
  rng = np.random.default_rng(0)
  with jax.enable_x64(True):
    x = jnp.asarray(rng.normal(2, 0.5, size=(40, 3)))
    scale, bias = jnp.asarray(rng.normal(size=(2, 3)))

    def both(near):
      out, back = jax.vjp(
        lambda *a: batch_norm.normalise(None, *a, near), x, scale, bias
      )
      return *out, *back(jax.tree.map(jnp.sin, out))

    near = jnp.full((3,), 2 + away)
    for got, want in zip(both(near), both(None)):
      np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)
  # In float32 it loses as many digits as it is deviations away, squared.
  x = np.float32(x)
  ones = np.ones(3, np.float32)
  var = batch_norm.normalise(None, x, ones, ones, np.float32(near))[2]
  np.testing.assert_allclose(var, np.float64(x).var(0), rtol=3e-5)


def test_accelerators_take_the_running_mean_for_it():
  layer = batch_norm.BatchNorm(2)
  layer.mean[...] = jnp.array([5.0, -4.0])
  graph, state = nnx.split(layer)

  def normalised(platform, x):
    with target.tracing_for(platform):
      return nnx.merge(graph, state)(x)

  x = jnp.full((4, 2), 1e30)
  # The square of the way from a value that occurs is 0; from the mean before
  # it is more than float32 holds.
  assert np.isfinite(normalised("cpu", x)).all()
  for platform in ("tpu", "gpu", target.ANY):
    assert not np.isfinite(normalised(platform, x)).all()


@pytest.mark.parametrize("platform", ["cpu", "tpu", "gpu"])
def test_sums_keep_the_shape_of_what_is_left(platform):
  x = np.random.default_rng(0).normal(size=(6, 4, 3, 5))
  with jax.enable_x64(True), target.tracing_for(platform):
    np.testing.assert_allclose(
      batch_norm.sum_rows(jnp.asarray(x), 2), x.sum((0, 1)), rtol=1e-12
    )
    np.testing.assert_allclose(
      batch_norm.sum_rows(jnp.asarray(x)), x.sum((0, 1, 2)), rtol=1e-12
    )


def test_both_forms_of_a_pool_give_the_same_and_move_the_same():
  x = jnp.asarray(np.random.default_rng(0).integers(0, 4, (2, 3, 7, 5)), float)

  def both(platform, size):
    with target.tracing_for(platform):
      out, back = jax.vjp(lambda x: blocks.max_pool(x, -2, size), x)
      return out, *back(out + 1)

  for size in (2, 3):
    # Equal neighbours among them: the first takes the gradient.
    for got, want in zip(both("tpu", size), both("cpu", size)):
      np.testing.assert_array_equal(got, want)


def test_initial_values_follow_the_fan_in():
  layer = blocks.Conv(8, 64, (3, 3), rngs=nnx.Rngs(0))
  bound = 1 / np.sqrt(72)
  for value in (layer.kernel[...], layer.bias[...]):
    assert np.abs(value).max() <= bound
    assert np.abs(value).max() > 0.9 * bound
  assert np.std(layer.kernel[...]) == pytest.approx(bound / 3**0.5, rel=0.05)
  token = blocks.normal_param(nnx.Rngs(0), (64, 64))
  assert np.std(token[...]) == pytest.approx(1, rel=0.05)


def test_stack_pools_bands_only():
  stack = blocks.ConvStack(2, 4, (3, 3), pool=2, rngs=nnx.Rngs(0))
  assert stack(jnp.ones((1, 3, 8, 2))).shape == (1, 3, 4, 4)
