"""Attention between the frequency bands of a recording and its music."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.attention import Attention
from bgm2pose_jax.nn.blocks import add_bias, normal_param


class FrequencyAttention(nnx.Module):
  """Attention between the bands of one frame (BGM2Pose, section 2.2).

  Each band is a token; a learnable embedding of the band is added to the
  recording's and to the music's tokens.
  """

  def __init__(
    self,
    channels: int,
    bands: int,
    heads: int,
    *,
    query: str,
    residual: bool,
    dropout: float,
    stream: int,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    self.band_embedding = normal_param(rngs, (bands, channels))
    self.attention = Attention(
      channels, heads, dropout=dropout, stream=stream, rngs=rngs, dtype=dtype
    )
    self.query = query
    self.residual = residual
    self.dtype = dtype

  def __call__(
    self, audio: Array, music: Array | None, keys: Array | None
  ) -> Array:
    """Mixes the recording's bands.

    Args:
      audio: [b, t, f, c] of the recording.
      music: [b, t, f, c] of the music; None attends within the recording.
      keys: PRNG keys [b], or None.

    Returns:
      [b, t, f, c].
    """
    audio, other = self._tokens(audio, music)
    if self.query == "music":
      mixed = self.attention(other, audio, audio, keys)
    else:
      mixed = self.attention(audio, other, audio, keys)
    return audio + mixed if self.residual else mixed

  def weights(self, audio: Array, music: Array | None) -> Array:
    """How much each band of the recording is made use of, to be shown.

    Args:
      audio: [b, t, f, c] of the recording.
      music: [b, t, f, c] of the music; None attends within the recording.

    Returns:
      float32 [b, t, f], what the bands' values weigh, mean over heads and
      queries; sums to one over f.
    """
    audio, other = self._tokens(audio, music)
    if self.query == "music":
      return self.attention.weights(other, audio).mean(axis=2)
    # Key k of the music brings band k of the recording.
    return self.attention.weights(audio, other).mean(axis=2)

  def _tokens(self, audio: Array, music: Array | None) -> tuple[Array, Array]:
    embedding = self.band_embedding[...]
    audio = add_bias(audio, embedding)
    return audio, audio if music is None else add_bias(music, embedding)
