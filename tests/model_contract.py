"""One law for every model; each model's test calls `check_contract`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from bgm2pose_jax.nn.views import views

# Adds one number to all scores of a query, which the softmax removes.
ZERO_GRADIENT = ("key_bias",)


def check_contract(
  build, inputs, target_shape, *, dropout=True, skip_gradient=()
):
  """Checks a model in the form the trainer uses it.

  Args:
    build: takes `nnx.Rngs`, returns the model.
    inputs: arrays [b, ...] in call order; the last one is the true pose.
    target_shape: expected shape of `.pose`.
    dropout: whether the built model drops anything.
    skip_gradient: path parts whose gradient is zero by construction.
  """
  model = build(nnx.Rngs(0))
  _, params, rest = nnx.split(model, nnx.Param, ...)
  params, rest = nnx.as_pure(params), nnx.as_pure(rest)
  train_def, eval_def = map(nnx.graphdef, views(model))
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves((params, rest)))
  batch = inputs[0].shape[0]
  keys = jax.random.split(jax.random.key(1), batch)
  target = jax.random.normal(jax.random.key(2), target_shape)

  @jax.jit
  def train(params, rest, inputs, keys):
    def loss(params):
      m = nnx.merge(train_def, params, rest, copy=True)
      out = m(*inputs, keys=keys)
      total = jnp.mean(jnp.square(out.pose - target))
      if out.audio_embedding is not None:
        similarity = out.audio_embedding @ out.pose_embedding.T
        total += jnp.mean(jnp.sin(3 * similarity))
      return total, (out, nnx.as_pure(nnx.state(m, nnx.Not(nnx.Param))))

    return jax.value_and_grad(loss, has_aux=True)(params)

  (_, (out, new_rest)), grads = train(params, rest, inputs, keys)
  # Shape and type.
  assert out.pose.shape == target_shape
  assert out.pose.dtype == jnp.float32
  for embedding in (out.audio_embedding, out.pose_embedding):
    if embedding is not None:
      assert embedding.dtype == jnp.float32
      length = np.linalg.norm(embedding, axis=-1)
      np.testing.assert_allclose(length, 1, atol=1e-5)
  # Every parameter learns.
  for path, grad in jax.tree_util.tree_leaves_with_path(grads):
    name = jax.tree_util.keystr(path)
    assert np.isfinite(grad).all(), name
    if not any(part in name for part in (*ZERO_GRADIENT, *skip_gradient)):
      assert np.abs(grad).max() > 1e-9, name
  # Batch statistics move, keep their structure, and nothing else is state.
  assert jax.tree.structure(new_rest) == jax.tree.structure(rest)
  for (path, new), old in zip(
    jax.tree_util.tree_leaves_with_path(new_rest), jax.tree.leaves(rest)
  ):
    assert not np.array_equal(new, old), jax.tree_util.keystr(path)

  @jax.jit
  def predict(params, rest, inputs):
    return nnx.merge(eval_def, params, rest)(*inputs).pose

  # With the first, far too large running variances every example would look
  # the same; let them settle.
  for _ in range(30):
    _, (_, new_rest) = train(params, new_rest, inputs, keys)[0]
  arrays = inputs[:-1]
  full = np.asarray(predict(params, new_rest, arrays))
  # An example's prediction does not depend on its neighbours.
  alone = predict(params, new_rest, [x[1:2] for x in arrays])
  np.testing.assert_allclose(alone, full[1:2], rtol=1e-4, atol=1e-4)
  assert np.abs(full[0] - full[1]).max() > 1e-6

  # Dropout follows the example, not its place in the batch. Batch statistics
  # and masks together: reversing the batch must reverse the outputs.
  reverse = [x[::-1] for x in inputs]
  (_, (back, _)), _ = train(params, rest, reverse, keys[::-1])
  np.testing.assert_allclose(back.pose[::-1], out.pose, rtol=1e-3, atol=1e-3)
  if dropout:
    (_, (other, _)), _ = train(params, rest, inputs, keys[::-1])
    assert np.abs(other.pose - out.pose).max() > 1e-2
