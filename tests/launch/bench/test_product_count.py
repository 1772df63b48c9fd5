from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.nn import winograd
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.systems.mapnet.models import registry as refiners
from bgm2pose_jax.systems.posekernel.models import registry as lifters
from bgm2pose_jax.training import steps
from launch.bench import network, product_count


def _conv(x, kernel, **changes):
  fields = {"window_strides": (1, 1), "padding": "SAME", **changes}
  return jax.lax.conv_general_dilated(
    x, kernel, dimension_numbers=("NHWC", "HWIO", "NHWC"), **fields
  )


def test_a_layer_and_its_gradients_against_the_closed_form():
  # 3 x 3 over 12 x 128 with one zero around: 3 n - 2 meetings an axis.
  x = jnp.ones((2, 12, 128, 5))
  kernel = jnp.ones((3, 3, 5, 7))
  forward = 2 * 2 * 5 * 7 * (3 * 12 - 2) * (3 * 128 - 2)
  assert product_count.count(_conv, x, kernel) == forward
  # The input's and the kernel's gradient pair the same entries again.
  grads = jax.grad(lambda *a: _conv(*a).sum(), argnums=(0, 1))
  assert product_count.count(jax.jit(grads), x, kernel) in (
    2 * forward,
    3 * forward,  # where tracing keeps the unused forward pass
  )


@pytest.mark.parametrize(
  "changes",
  [
    {},
    {"window_strides": (2, 3)},
    {"padding": ((0, 2), (3, 1))},
    {
      "lhs_dilation": (2, 1),
      "rhs_dilation": (1, 2),
      "padding": ((1, 1), (0, 2)),
    },
    {"feature_group_count": 2},
    {"batch_group_count": 2},
  ],
  ids=str,
)
def test_convolutions_against_xla(changes):
  x = jnp.ones((4, 9, 8, 6))
  inputs = 6 // changes.get("feature_group_count", 1)
  kernel = jnp.ones((3, 2, inputs, 4))

  def function(x, kernel):
    return _conv(x, kernel, **changes)

  found = jax.jit(function).lower(x, kernel).cost_analysis()["flops"]
  assert product_count.count(function, x, kernel) == found


def test_products_in_loops_branches_and_on_devices_count_as_often_as_they_run():
  a, b = jnp.ones((3, 4)), jnp.ones((4, 5))
  one = 2 * 3 * 4 * 5

  def function(a, b):
    looped = jax.lax.map(lambda x: x @ b, jnp.stack([a] * 6)).sum()
    return jax.lax.cond(a[0, 0] > 0, lambda: (a @ b).sum(), lambda: looped)

  assert product_count.count(jnp.matmul, a, b) == one
  assert product_count.count(function, a, b) == 7 * one
  batched = jnp.ones((8, 3, 4))
  assert product_count.count(jnp.matmul, batched, b) == 8 * one


def test_the_paper_step_needs_21_gflop_a_window():
  batch = 16
  config = config_lib.overlay(
    presets.get_config("paper"), {"batch.size": batch}
  )
  table = network.made_up_windows(batch)
  task = PoseFromMusic(config, table.spec, 1)
  statistics = task.fit(table, np.arange(batch))
  state = task.state_shapes(statistics)
  cache = {name: table.column(name) for name in task.fields}
  step = steps.make_train_step(task, mesh_lib.make_mesh(), cached=True)
  arguments = (
    state,
    cache,
    np.arange(batch, dtype=np.int32)[None],
    steps.make_control(0, 3e-3, 0),
  )
  counted = product_count.count(step, *arguments)
  assert counted == pytest.approx(338e9, rel=0.2)
  with winograd.plain_convolution(True):
    xla = step.lower(*arguments).cost_analysis()["flops"]
  assert counted == pytest.approx(xla, rel=0.2)
  # Counting leaves the step that runs the faster one.
  faster = step.lower(*arguments).cost_analysis()["flops"]
  assert 0.4 * xla < faster < 0.8 * xla


def test_mapnets_gradient_against_the_closed_form():
  def build():
    return refiners.build("mapnet", {}, frames_in=150, rngs=nnx.Rngs(0))

  structure, params = nnx.split(nnx.eval_shape(build))
  params = nnx.as_pure(params)

  def loss(params, pose, audio, keys):
    return nnx.merge(structure, params)(pose, audio, keys).sum()

  counted = product_count.count(
    jax.grad(loss),
    params,
    jnp.zeros((2, 150, 13, 3)),
    jnp.zeros((2, 150, 35)),
    jax.random.split(jax.random.key(0), 2),
  )

  def encoder(layers, tokens):
    # Three products for each of the forward pass; attention's two need four,
    # and the scores are made again.
    dense = 3 * tokens * (4 * 160**2 + 2 * 160 * 640)
    return layers * (dense + 7 * tokens**2 * 160)

  # Nothing asks for the gradient of the inputs.
  ends = 2 * 150 * (39 + 35) * 160 + 3 * 150 * 160 * (160 + 39)
  over_time = 3 * 160 * (2 * 150**2 + 300 * 150)
  window = 2 * encoder(12, 150) + encoder(2, 300) + ends + over_time
  assert counted == 2 * 2 * window
  assert counted / 2 == pytest.approx(9.476e9, rel=1e-3)


def test_lifters_gradient_against_the_closed_form():
  width, sound_width, stages, depth = 16, 8, 2, 2
  fields = {
    "width": width,
    "sound_width": sound_width,
    "stages": stages,
    "depth": depth,
  }

  def build():
    return lifters.build(
      "posekernel", fields, inputs="both", rngs=nnx.Rngs(0), dtype=jnp.float32
    )

  structure, params = nnx.split(nnx.eval_shape(build))
  params = nnx.as_pure(params)

  def loss(params, visual, sound):
    maps = nnx.merge(structure, params)(visual, sound)
    return sum(jnp.square(m).sum() for m in maps)

  x, z, y, pairs = 6, 5, 4, 3
  counted = product_count.count(
    jax.grad(loss),
    params,
    jnp.zeros((2, x, z, y, 15)),
    jnp.zeros((2, pairs, x, z, y)),
  )
  # Neighbours that there are, of 27 for each voxel.
  met = (3 * x - 2) * (3 * z - 2) * (3 * y - 2)
  wide = 2 * sound_width
  # Sound and light come from outside: nothing asks for their gradients.
  heard = 2 * sound_width + 3 * (sound_width * wide + wide * wide)
  first = stages * width * (2 * 15 + 3 * wide) + 3 * (stages - 1) * 15 * width
  inside = 3 * stages * (depth - 1) * width * width
  heads = 3 * stages * width * 15 * x * y * z
  assert counted == 2 * 2 * (met * (pairs * heard + first + inside) + heads)
