"""Losses against NumPy, under jit, and split over devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import losses


def _pair(shape, seed=0):
  rng = np.random.default_rng(seed)
  return tuple(rng.normal(size=shape).astype(np.float32) for _ in range(2))


def _info_nce(audio, pose, scale):
  audio = audio / np.linalg.norm(audio, axis=1, keepdims=True)
  pose = pose / np.linalg.norm(pose, axis=1, keepdims=True)
  logits = scale * audio.astype(np.float64) @ pose.T.astype(np.float64)
  rows = np.log(np.exp(logits).sum(1)) - np.diag(logits)
  columns = np.log(np.exp(logits).sum(0)) - np.diag(logits)
  return (rows + columns) / 2


@pytest.mark.parametrize("shape", [(5, 12, 21, 3), (5, 12, 63)])
def test_pose_terms_against_numpy(shape):
  pred, target = _pair(shape)
  error = pred.astype(np.float64) - target
  axes = tuple(range(1, len(shape)))
  got = jax.jit(losses.pose_mse)(pred, target)
  np.testing.assert_allclose(got, (error**2).mean(axes), rtol=1e-6)
  got = jax.jit(losses.smoothness)(pred, target)
  want = (np.diff(error, axis=1) ** 2).mean(axes)
  np.testing.assert_allclose(got, want, rtol=1e-6)


def test_smoothness_ignores_a_constant_offset():
  _, target = _pair((2, 12, 21, 3))
  np.testing.assert_allclose(
    losses.smoothness(jnp.asarray(target + 3.0), jnp.asarray(target)),
    0,
    atol=1e-11,
  )


def test_bfloat16_predictions_are_judged_in_float32():
  pred, target = _pair((3, 12, 21, 3))
  low = jnp.asarray(pred, jnp.bfloat16)
  got = losses.pose_mse(low, jnp.asarray(target))
  assert got.dtype == jnp.float32
  want = ((np.asarray(low, np.float64) - target) ** 2).mean((1, 2, 3))
  np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("scale", [2.659, 14.286])
def test_info_nce_against_numpy(scale):
  audio, pose = _pair((16, 32))
  got = jax.jit(losses.info_nce)(audio, pose, scale)
  assert got.shape == (16,)
  np.testing.assert_allclose(got, _info_nce(audio, pose, scale), rtol=1e-5)


def test_info_nce_of_perfect_and_of_equal_embeddings():
  eye = jnp.eye(8)
  want = np.log(1 + 7 * np.exp(-14.0))
  np.testing.assert_allclose(losses.info_nce(eye, eye, 14.0), want, atol=1e-6)
  same = jnp.ones((8, 4))
  np.testing.assert_allclose(
    losses.info_nce(same, same, 14.0), np.log(8), rtol=1e-5
  )


def test_shards_with_gathered_rows_equal_one_device():
  audio, pose = _pair((12, 16))
  scale = 14.286

  def whole(a, p):
    return losses.info_nce(a, p, scale)

  def shard(a, p):
    return losses.info_nce(
      a,
      p,
      scale,
      all_audio=jax.lax.all_gather(a, "data", tiled=True),
      all_pose=jax.lax.all_gather(p, "data", tiled=True),
      offset=jax.lax.axis_index("data") * a.shape[0],
    )

  def split(a, p):
    parts = jax.vmap(shard, axis_name="data")(
      a.reshape(3, 4, 16), p.reshape(3, 4, 16)
    )
    return parts.reshape(12)

  np.testing.assert_allclose(
    jax.jit(split)(audio, pose), jax.jit(whole)(audio, pose), rtol=1e-6
  )
  for argument in (0, 1):
    want, got = (
      jax.jit(jax.grad(lambda a, p, f=f: f(a, p).mean(), argument))(audio, pose)
      for f in (whole, split)
    )
    np.testing.assert_allclose(got, want, atol=1e-7)


def test_info_nce_gradient_is_finite_on_zero_embeddings():
  zeros = jnp.zeros((4, 8))
  loss = jax.jit(jax.grad(lambda a: losses.info_nce(a, zeros, 14.0).sum()))
  grad = loss(zeros)
  assert np.isfinite(np.asarray(grad)).all()


def test_shape_mismatch_raises():
  pred, target = _pair((4, 12, 21, 3))
  with pytest.raises(InputError, match="against target"):
    losses.pose_mse(pred[:1], target)
  with pytest.raises(InputError, match="against target"):
    losses.smoothness(pred[:, :1], target)
  with pytest.raises(InputError, match="one frame"):
    losses.smoothness(pred[:, :1], target[:, :1])
  audio, pose = _pair((4, 8))
  with pytest.raises(InputError, match="audio"):
    losses.info_nce(audio[:1], pose, 1.0)
  with pytest.raises(InputError, match="both or neither"):
    losses.info_nce(audio, pose, 1.0, all_audio=audio)
  with pytest.raises(InputError, match="gathered"):
    losses.info_nce(audio, pose, 1.0, all_audio=audio[:2], all_pose=pose[:2])
