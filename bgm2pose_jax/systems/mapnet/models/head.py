"""What the transformer networks share: their inputs and their end.

Where the paper leaves a layer's form open, the form here is a choice. The
module that makes it says so.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.dense import Dense
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES

JOINTS = BODY13.num_joints
# Columns of a pose, joint by joint: x, y, z.
POSE_COLUMNS = 3 * JOINTS
# Columns of the audio features, every 20 ms.
AUDIO_COLUMNS = 35


class TimeDense(nnx.Module):
  """A dense layer over the tokens of every channel.

  The paper's rebalancing layer maps [b, T, 160] to [b, 150, 160] and names no
  mechanism; this one is a choice. Its bias adds one number to all channels of
  a token. Before an encoder that changes nothing: every normalisation, the
  last one too, takes it out.
  """

  def __init__(
    self,
    tokens_in: int,
    tokens_out: int,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      tokens_in: how many tokens come in.
      tokens_out: how many tokens come out.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    self.dense = Dense(tokens_in, tokens_out, rngs=rngs, dtype=dtype)

  def __call__(self, x: Array) -> Array:
    """Maps [b, tokens_in, c] to [b, tokens_out, c]."""
    return self.dense(x.swapaxes(1, 2)).swapaxes(1, 2)


class Head(nnx.Module):
  """Three dense layers from tokens to poses.

  The paper names three fully connected layers and no layout. Chosen: over the
  tokens; per frame with GELU; per frame to the pose.
  """

  def __init__(
    self,
    tokens: int,
    width: int,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      tokens: how many tokens come in.
      width: channels of a token.
      rngs: random streams, `params` or the default.
      dtype: type to compute in; the last layer computes in float32 at least.
    """
    self.time = TimeDense(tokens, WINDOW_FRAMES, rngs=rngs, dtype=dtype)
    self.hidden = Dense(width, width, rngs=rngs, dtype=dtype)
    self.pose = Dense(
      width, POSE_COLUMNS, rngs=rngs, dtype=jnp.promote_types(dtype, "float32")
    )

  def __call__(self, x: Array) -> Array:
    """Maps [b, tokens, width] to poses [b, frame=150, joint=13, 3]."""
    x = jax.nn.gelu(self.hidden(self.time(x)), approximate=True)
    return as_pose(self.pose(x))


def as_rows(pose: Array) -> Array:
  """Lays joints and axes of poses [b, t, joint, 3] side by side."""
  return pose.reshape(*pose.shape[:2], -1)


def as_pose(rows: Array) -> Array:
  """Undoes `as_rows`: [b, t, 39] to [b, t, joint=13, 3]."""
  return rows.reshape(*rows.shape[:2], JOINTS, 3)
