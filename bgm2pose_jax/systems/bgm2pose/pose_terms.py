"""Loss terms of pose networks, over all devices' rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import losses
from bgm2pose_jax.systems.bgm2pose.config import LossConfig
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput


def loss_terms(
  weights: LossConfig, out: PoseOutput, target: jax.Array
) -> dict[str, jax.Array]:
  """Weighted loss terms, each a mean over this device's rows.

  Args:
    weights: the weights of the terms.
    out: the output of the network.
    target: poses [b, t, joint, 3], around what the network predicts around.

  Returns:
    `pose`, and where they have a weight `smoothness` and, of a network that
    embeds, `contrastive`.
  """
  terms = {"pose": losses.pose_mse(out.pose, target).mean()}
  if weights.smoothness:
    terms["smoothness"] = (
      weights.smoothness * losses.smoothness(out.pose, target).mean()
    )
  if (
    weights.contrastive
    and out.audio_embedding is not None
    and out.pose_embedding is not None
  ):
    terms["contrastive"] = (
      weights.contrastive
      * _global_info_nce(
        out.audio_embedding, out.pose_embedding, weights.contrastive_scale
      ).mean()
    )
  return terms


def term_norms(
  weights: LossConfig, out: PoseOutput, target: jax.Array
) -> dict[str, jax.Array]:
  """Gradient norm of each term at the network's outputs (cheap).

  Of the mean over all devices' rows, whatever their number: each device's own
  mean has gradients larger by the number of devices.

  Args:
    weights: the weights of the terms.
    out: the output of the network.
    target: poses [b, t, joint, 3].

  Returns:
    `output_gradient_<term>`, equal on every device.
  """
  axis = mesh_lib.DATA_AXIS
  devices = jax.lax.axis_size(axis)
  norms = {}
  for name in sorted(loss_terms(weights, out, target)):
    grads = jax.grad(lambda o, n=name: loss_terms(weights, o, target)[n])(out)
    square = jax.lax.psum(optax.tree.norm(grads, squared=True), axis)
    norms[f"output_gradient_{name}"] = jnp.sqrt(square) / devices
  return norms


def _global_info_nce(
  audio: jax.Array, pose: jax.Array, scale: float
) -> jax.Array:
  """InfoNCE of this device's rows against all devices' rows, [b]."""
  axis = mesh_lib.DATA_AXIS
  return losses.info_nce(
    audio,
    pose,
    scale,
    all_audio=jax.lax.all_gather(audio, axis, tiled=True),
    all_pose=jax.lax.all_gather(pose, axis, tiled=True),
    offset=jax.lax.axis_index(axis) * audio.shape[0],
  )
