"""Loss terms, one value per example; the task weighs and averages them.

L = MSE + 100 MSE of frame differences + InfoNCE (specification 5; BGM2Pose,
arXiv 2503.00389, section 3.4).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import ArrayLike, at_least_float32
from bgm2pose_jax.base.errors import InputError


def _check_poses(pred: jax.Array, target: jax.Array) -> None:
  if pred.shape != target.shape or pred.ndim < 3:
    raise InputError(
      "loss",
      f"prediction {tuple(pred.shape)} against target {tuple(target.shape)}",
      "pass two arrays [b, t, joint, 3] of one shape",
    )


def _mean_square(error: jax.Array) -> jax.Array:
  """Mean of squares over all axes but the first."""
  return jnp.mean(jnp.square(error), axis=tuple(range(1, error.ndim)))


def pose_mse(pred: jax.Array, target: jax.Array) -> jax.Array:
  """Mean squared coordinate error of each example.

  Args:
    pred: [b, t, joint, 3] (or [b, t, 63]), normalised units.
    target: the same shape.

  Returns:
    float32 [b].

  Raises:
    InputError: the shapes differ.
  """
  _check_poses(pred, target)
  pred, target = at_least_float32(pred), at_least_float32(target)
  return _mean_square(pred - target)


def smoothness(pred: jax.Array, target: jax.Array) -> jax.Array:
  """Mean squared error of the frame-to-frame differences of each example.

  Args:
    pred: [b, t, joint, 3] (or [b, t, 63]), normalised units, t > 1.
    target: the same shape.

  Returns:
    float32 [b], per squared frame (50 ms).

  Raises:
    InputError: the shapes differ, or there is one frame only.
  """
  _check_poses(pred, target)
  if pred.shape[1] < 2:
    raise InputError(
      "smoothness loss", "one frame", "pass windows of two frames or more"
    )
  pred, target = at_least_float32(pred), at_least_float32(target)
  return _mean_square(jnp.diff(pred - target, axis=1))


def _unit(embedding: jax.Array) -> jax.Array:
  """float32 rows of length one; a zero row stays zero, also its gradient."""
  embedding = at_least_float32(embedding)
  square = jnp.sum(jnp.square(embedding), axis=-1, keepdims=True)
  return embedding * jax.lax.rsqrt(jnp.maximum(square, 1e-12))


def info_nce(
  audio_embedding: jax.Array,
  pose_embedding: jax.Array,
  scale: ArrayLike,
  *,
  all_audio: jax.Array | None = None,
  all_pose: jax.Array | None = None,
  offset: ArrayLike = 0,
) -> jax.Array:
  """Symmetric contrastive loss of each example against the whole batch.

  The mean of two cross-entropies over scaled cosines: the pose that belongs
  to this audio among all poses, and the audio that belongs to this pose among
  all audios (van den Oord et al., arXiv 1807.03748; both ways as in CLIP).
  Logits are float32 whatever the embeddings are.

  On several devices each passes its rows, all devices' rows gathered, and
  where its own begin in them; the values are those of one device.

  Args:
    audio_embedding: [b, d] of any length; cosines are formed here.
    pose_embedding: [b, d].
    scale: factor on the cosines (inverse temperature).
    all_audio: [B, d] audio embeddings of all devices; own rows if not given.
    all_pose: [B, d] pose embeddings of all devices; own rows if not given.
    offset: index of the first own row in the gathered rows.

  Returns:
    float32 [b].

  Raises:
    InputError: shapes disagree, or one of the gathered arrays is missing.
  """
  if audio_embedding.ndim != 2 or audio_embedding.shape != pose_embedding.shape:
    raise InputError(
      "contrastive loss",
      f"audio {tuple(audio_embedding.shape)} against pose "
      f"{tuple(pose_embedding.shape)}",
      "pass two arrays [b, d] of one shape",
    )
  if (all_audio is None) != (all_pose is None):
    raise InputError(
      "contrastive loss",
      "one of all_audio and all_pose without the other",
      "pass both or neither",
    )
  rows, size = audio_embedding.shape
  if all_audio is None or all_pose is None:
    all_audio, all_pose = audio_embedding, pose_embedding
  if (
    all_audio.shape != all_pose.shape
    or all_audio.ndim != 2
    or all_audio.shape[1] != size
    or all_audio.shape[0] < rows
  ):
    raise InputError(
      "contrastive loss",
      f"gathered audio {tuple(all_audio.shape)}, pose {tuple(all_pose.shape)}",
      f"pass [B, d] with d = {size} and B >= {rows}",
    )
  own = jnp.asarray(offset) + jnp.arange(rows)

  def one_way(query: jax.Array, keys: jax.Array) -> jax.Array:
    logits = scale * jnp.matmul(
      _unit(query), _unit(keys).T, precision=jax.lax.Precision.HIGHEST
    )
    right = jnp.take_along_axis(logits, own[:, None], axis=1)[:, 0]
    return jax.nn.logsumexp(logits, axis=1) - right

  return 0.5 * (
    one_way(audio_embedding, all_pose) + one_way(pose_embedding, all_audio)
  )
