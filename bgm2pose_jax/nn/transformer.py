"""A transformer encoder (Vaswani et al., arXiv 1706.03762), norms first.

Each layer adds attention and a feed-forward part to its input, both of the
normalised input (Xiong et al., arXiv 2002.04745); a last normalisation follows
the last layer. Layout, epsilon and places of dropout are those of PyTorch's
`TransformerEncoderLayer(norm_first=True)`.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.attention import Attention
from bgm2pose_jax.nn.blocks import truncated_normal_param
from bgm2pose_jax.nn.dense import Dense
from bgm2pose_jax.nn.dot_product import ATTENDED
from bgm2pose_jax.nn.dropout import ExampleDropout
from bgm2pose_jax.nn.field_checks import (
  check_choice,
  check_positive,
  check_rate,
)

_EPSILON = 1e-5
# What a layer keeps for its gradient: products and what attention needs. The
# rest (norms, GELU, dropout masks) is element-wise and made again, in the pass
# that reads it: a third of the memory, and on CPU less time than fetching it.
_KEPT = jax.checkpoint_policies.save_from_both_policies(
  jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
  jax.checkpoint_policies.save_only_these_names(ATTENDED),
)
# Places of dropout in a layer.
_WEIGHTS, _ATTENDED, _INSIDE, _AFTER = range(4)


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
  """Fields of an encoder.

  Attributes:
    layers: how many.
    width: channels of a token.
    heads: attentions side by side; divides `width`.
    mlp: channels inside the feed-forward part.
    dropout: share of values dropped, of attention weights too.
    attn_scale: scores are divided by the root of a head's channels (`head`) or
      of all channels (`model`).
  """

  layers: int
  width: int
  heads: int
  mlp: int
  dropout: float = 0.1
  attn_scale: str = "head"

  def __post_init__(self):
    for name in ("layers", "width", "heads", "mlp"):
      check_positive(name, getattr(self, name))
    if self.width % self.heads:
      raise InputError(
        "network.heads",
        f"{self.heads} heads do not divide width {self.width}",
        "take a divisor of it",
      )
    check_rate("dropout", self.dropout)
    check_choice("attn_scale", self.attn_scale, ("head", "model"))


class EncoderLayer(nnx.Module):
  """Attention and a feed-forward part, each added to what it read."""

  def __init__(
    self,
    config: EncoderConfig,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      config: the encoder's fields.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    width = config.width
    whole = config.attn_scale == "model"
    self.norm_attention = _norm(width, rngs, dtype)
    self.attention = Attention(
      width,
      config.heads,
      dropout=config.dropout,
      stream=_WEIGHTS,
      rngs=rngs,
      dtype=dtype,
      init=truncated_normal_param,
      scale=1 / math.sqrt(width) if whole else None,
    )
    self.norm_mlp = _norm(width, rngs, dtype)
    self.mlp_in = Dense(width, config.mlp, rngs=rngs, dtype=dtype)
    self.mlp_out = Dense(config.mlp, width, rngs=rngs, dtype=dtype)
    self.drop_attended = ExampleDropout(config.dropout, _ATTENDED)
    self.drop_inside = ExampleDropout(config.dropout, _INSIDE)
    self.drop_after = ExampleDropout(config.dropout, _AFTER)

  def __call__(self, x: Array, keys: Array | None) -> Array:
    """Maps [b, n, c] to [b, n, c].

    Args:
      x: tokens.
      keys: PRNG keys [b] of the examples in this layer, or None.
    """
    mixed = self.attention.among(self.norm_attention(x)[:, None], keys)[:, 0]
    x = x + self.drop_attended(mixed, keys)
    inside = jax.nn.gelu(self.mlp_in(self.norm_mlp(x)), approximate=True)
    out = self.mlp_out(self.drop_inside(inside, keys))
    return x + self.drop_after(out, keys)


class Encoder(nnx.Module):
  """Layers one after another; every parameter is [layer, ...].

  The layers run in a loop: one of them is compiled, however many there are.
  Written out, four layers needed 8 % less processor time a step on CPU, which
  two dozen layers to compile would not be worth.
  """

  def __init__(
    self,
    config: EncoderConfig,
    *,
    stream: int,
    positions: int | None = None,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      config: the encoder's fields.
      stream: number that tells this encoder's dropout from others'.
      positions: how many tokens there are, to add a learned position to each;
        None adds nothing, and any number of tokens will do.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    self.positions = (
      None
      if positions is None
      else truncated_normal_param(rngs, (positions, config.width))
    )
    draw = nnx.vmap(
      lambda key: EncoderLayer(config, rngs=nnx.Rngs(key), dtype=dtype)
    )
    self.layers = draw(jax.random.split(rngs.params(), config.layers))
    self.norm = _norm(config.width, rngs, dtype)
    self.count = config.layers
    self.stream = stream
    self.dtype = dtype

  def __call__(self, x: Array, keys: Array | None) -> Array:
    """Maps [b, n, c] to [b, n, c].

    Args:
      x: tokens.
      keys: PRNG keys [b] of the examples; may be None where nothing is
        dropped.

    Raises:
      ValueError: if values are to be dropped and `keys` is None.
    """
    x = x.astype(self.dtype)
    if self.positions is not None:
      x = x + self.positions[...].astype(self.dtype)
    structure, params = nnx.split(self.layers)

    def step(x: Array, layer: tuple) -> tuple[Array, None]:
      params, keys = layer
      return nnx.merge(structure, params)(x, keys), None

    keys = None if keys is None else self._layer_keys(keys)
    step = jax.checkpoint(step, policy=_KEPT, prevent_cse=False)
    return self.norm(jax.lax.scan(step, x, (params, keys))[0])

  def _layer_keys(self, keys: Array) -> Array:
    """[b] to [layer, b]; each layer of each encoder has its own."""
    own = jax.vmap(lambda key: jax.random.fold_in(key, self.stream))(keys)
    fold = jax.vmap(jax.random.fold_in, in_axes=(0, None))
    return jax.vmap(fold, in_axes=(None, 0))(own, jnp.arange(self.count))


def _norm(width: int, rngs: nnx.Rngs, dtype: DTypeLike) -> nnx.LayerNorm:
  return nnx.LayerNorm(
    width, epsilon=_EPSILON, use_fast_variance=False, dtype=dtype, rngs=rngs
  )
