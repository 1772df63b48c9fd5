"""MAPnet (Shrestha et al., arXiv 2203.12829): poses and audio, fused.

One transformer over the poses, one over the audio features. A rebalancing
layer brings each to the same number of tokens, and a third transformer sees
the tokens of both. The paper's depths: late fusion 12 + 2 layers (the default
and its best), balanced 7 + 7, early 2 + 12. It states width 160 and 150
rebalanced tokens; heads, feed-forward channels, dropout and the form of
positions are choices.

8,224,889 parameters at these sizes with 150 frames in.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.dense import Dense
from bgm2pose_jax.nn.field_checks import check_positive
from bgm2pose_jax.nn.transformer import Encoder, EncoderConfig
from bgm2pose_jax.systems.mapnet.models.head import (
  AUDIO_COLUMNS,
  POSE_COLUMNS,
  Head,
  TimeDense,
  as_rows,
)
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES

# Numbers of the encoders' dropout streams.
_POSE, _AUDIO, _FUSION = range(3)


@dataclasses.dataclass(frozen=True)
class MAPnetConfig:
  """Fields of the network.

  Attributes:
    width: channels of a token; the paper's H1.
    hidden: tokens of each branch after rebalancing; the paper's H2.
    heads: the number of heads of each attention.
    mlp: channels inside a layer's feed-forward part.
    branch_layers: the depth of the pose transformer and of the audio
      transformer.
    fusion_layers: the depth of the transformer that sees both.
    rebalance: bring each branch to `hidden` tokens; otherwise the tokens are
      put together as they are.
    dropout: share of values dropped.
    attn_scale: `head` or `model`, see `nn.transformer.EncoderConfig`.
  """

  width: int = 160
  hidden: int = WINDOW_FRAMES
  heads: int = 10
  mlp: int = 640
  branch_layers: int = 12
  fusion_layers: int = 2
  rebalance: bool = True
  dropout: float = 0.1
  attn_scale: str = "head"

  def __post_init__(self):
    check_positive("hidden", self.hidden)
    check_positive("fusion_layers", self.fusion_layers)
    self.encoder("branch_layers")

  def encoder(self, layers: str) -> EncoderConfig:
    """An encoder's fields.

    Args:
      layers: name of the field that counts its layers.

    Raises:
      InputError: a field that makes no encoder.
    """
    check_positive(layers, getattr(self, layers))
    return EncoderConfig(
      layers=getattr(self, layers),
      width=self.width,
      heads=self.heads,
      mlp=self.mlp,
      dropout=self.dropout,
      attn_scale=self.attn_scale,
    )


class MAPnet(nnx.Module):
  """Poses at a low rate and audio features to poses at 50 frames per second.

  Views: `nnx.view(model, deterministic=...)`.
  """

  def __init__(
    self,
    config: MAPnetConfig,
    *,
    frames_in: int,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      config: the network's fields.
      frames_in: poses that come in.
      rngs: random streams, `params` or the default.
      dtype: type to compute in, float32 or bfloat16.
    """
    self.pose_in = Dense(POSE_COLUMNS, config.width, rngs=rngs, dtype=dtype)
    self.audio_in = Dense(AUDIO_COLUMNS, config.width, rngs=rngs, dtype=dtype)
    branch = config.encoder("branch_layers")
    self.pose_encoder = Encoder(
      branch, stream=_POSE, positions=frames_in, rngs=rngs, dtype=dtype
    )
    self.audio_encoder = Encoder(
      branch, stream=_AUDIO, positions=WINDOW_FRAMES, rngs=rngs, dtype=dtype
    )
    counts = frames_in, WINDOW_FRAMES
    if config.rebalance:
      self.pose_time, self.audio_time = (
        TimeDense(count, config.hidden, rngs=rngs, dtype=dtype)
        for count in counts
      )
      counts = config.hidden, config.hidden
    else:
      self.pose_time = self.audio_time = None
    self.fusion_encoder = Encoder(
      config.encoder("fusion_layers"), stream=_FUSION, rngs=rngs, dtype=dtype
    )
    self.head = Head(sum(counts), config.width, rngs=rngs, dtype=dtype)

  def __call__(
    self, pose: Array, audio: Array | None, keys: Array | None = None
  ) -> Array:
    """Cleans poses.

    Args:
      pose: [b, frames_in, joint=13, 3], normalised.
      audio: [b, frame=150, column=35], normalised.
      keys: PRNG keys [b] of the examples for dropout; may be None in use.

    Returns:
      float32 [b, frame=150, joint=13, 3], normalised.

    Raises:
      ValueError: without audio.
    """
    if audio is None:
      raise ValueError("this network needs audio; pass zeros to go without")
    pose = self.pose_encoder(self.pose_in(as_rows(pose)), keys)
    audio = self.audio_encoder(self.audio_in(audio), keys)
    if self.pose_time is not None and self.audio_time is not None:
      pose, audio = self.pose_time(pose), self.audio_time(audio)
    both = jnp.concatenate([pose, audio], axis=1)
    return self.head(self.fusion_encoder(both, keys))
