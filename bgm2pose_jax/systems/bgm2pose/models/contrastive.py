"""Contrastive pose extraction: one embedding per window for audio and pose.

BGM2Pose, section 2.3. Both heads exist for training only: the loss pulls a
window's audio and pose embeddings together and pushes apart windows that
share the music.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.nn.attention import Attention
from bgm2pose_jax.nn.blocks import ConvBlock, add_bias, normal_param


class ContrastiveHeads(nnx.Module):
  """Token readers of the audio sequence and of the true pose sequence.

  A learnable token goes in front of each sequence, one time embedding is
  added to both, and one self-attention layer each (no residual) gives the
  token's embedding, scaled to unit length.
  """

  def __init__(
    self,
    channels: int,
    heads: int,
    frames: int,
    joints: int,
    *,
    dropout: float,
    streams: tuple[int, int],
    rngs: nnx.Rngs,
    axis_name: str | None = None,
    dtype: DTypeLike = jnp.float32,
  ):
    self.audio_token = normal_param(rngs, (channels,))
    self.pose_token = normal_param(rngs, (channels,))
    self.time_embedding = normal_param(rngs, (frames + 1, channels))
    self.pose_block = ConvBlock(
      joints * 3, channels, (3,), rngs=rngs, axis_name=axis_name, dtype=dtype
    )
    attentions = [
      Attention(
        channels,
        heads,
        dropout=dropout,
        stream=stream,
        rngs=rngs,
        dtype=dtype,
      )
      for stream in streams
    ]
    self.audio_attention, self.pose_attention = attentions
    self.dtype = dtype

  def audio(self, sequence: Array, keys: Array | None) -> Array:
    """Embeds an audio sequence [b, t, c] as float32 [b, c], unit length."""
    return self._read(self.audio_token, sequence, self.audio_attention, keys)

  def pose(self, pose: Array, keys: Array | None) -> Array:
    """Embeds poses [b, t, joint, 3] as float32 [b, c], unit length."""
    rows = pose.reshape(*pose.shape[:2], -1)
    return self._read(
      self.pose_token, self.pose_block(rows), self.pose_attention, keys
    )

  def _read(
    self,
    token: nnx.Param,
    sequence: Array,
    attention: Attention,
    keys: Array | None,
  ) -> Array:
    b, _, channels = sequence.shape
    # Repeated before the cast: its gradient is summed in float32.
    first = jnp.broadcast_to(token[...], (b, 1, channels)).astype(self.dtype)
    tokens = jnp.concatenate([first, sequence.astype(self.dtype)], axis=1)
    tokens = add_bias(tokens, self.time_embedding[...])
    tokens = tokens[:, None]
    # Only the token's row of the result is read, so only it is computed.
    out = attention(tokens[:, :, :1], tokens, tokens, keys)[:, 0, 0]
    return unit_length(at_least_float32(out))


def unit_length(x: Array) -> Array:
  """Scales the last axis to length 1; zero stays zero, gradients finite."""
  square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
  return x * jax.lax.rsqrt(jnp.maximum(square, 1e-24))
