"""PoT, the paper's transformer over poses alone: MAPnet without audio.

The pose branch of MAPnet, its rebalancing layer and its head. 3,819,419
parameters at the sizes below with 150 frames in.
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
  POSE_COLUMNS,
  Head,
  TimeDense,
  as_rows,
)
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


@dataclasses.dataclass(frozen=True)
class PoTConfig:
  """Fields of the network.

  Attributes:
    width: channels of a token.
    hidden: tokens after rebalancing.
    heads: the number of heads of each attention.
    mlp: channels inside a layer's feed-forward part.
    branch_layers: the depth of the transformer.
    dropout: share of values dropped.
    attn_scale: `head` or `model`, see `nn.transformer.EncoderConfig`.
  """

  width: int = 160
  hidden: int = WINDOW_FRAMES
  heads: int = 10
  mlp: int = 640
  branch_layers: int = 12
  dropout: float = 0.1
  attn_scale: str = "head"

  def __post_init__(self):
    check_positive("hidden", self.hidden)
    check_positive("branch_layers", self.branch_layers)
    self.encoder()

  def encoder(self) -> EncoderConfig:
    """The transformer's fields.

    Raises:
      InputError: a field that makes no encoder.
    """
    return EncoderConfig(
      layers=self.branch_layers,
      width=self.width,
      heads=self.heads,
      mlp=self.mlp,
      dropout=self.dropout,
      attn_scale=self.attn_scale,
    )


class PoT(nnx.Module):
  """Poses at a low rate to poses at 50 frames per second.

  Views: `nnx.view(model, deterministic=...)`.
  """

  def __init__(
    self,
    config: PoTConfig,
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
    width = config.width
    self.pose_in = Dense(POSE_COLUMNS, width, rngs=rngs, dtype=dtype)
    self.pose_encoder = Encoder(
      config.encoder(), stream=0, positions=frames_in, rngs=rngs, dtype=dtype
    )
    self.pose_time = TimeDense(frames_in, config.hidden, rngs=rngs, dtype=dtype)
    self.head = Head(config.hidden, width, rngs=rngs, dtype=dtype)

  def __call__(
    self, pose: Array, audio: Array | None, keys: Array | None = None
  ) -> Array:
    """Cleans poses.

    Args:
      pose: [b, frames_in, joint=13, 3], normalised.
      audio: not read.
      keys: PRNG keys [b] of the examples for dropout; may be None in use.

    Returns:
      float32 [b, frame=150, joint=13, 3], normalised.
    """
    del audio
    pose = self.pose_encoder(self.pose_in(as_rows(pose)), keys)
    return self.head(self.pose_time(pose))
