"""BGM2Pose: frequency-wise attention and contrastive pose extraction.

Shibata et al., "BGM2Pose: Active 3D Human Pose Estimation with Non-Stationary
Sounds", arXiv 2503.00389, sections 2.2 and 2.3; layer widths and the decoder
follow the authors' published network, on which the text is silent.

At width 1 the network that predicts has 8,468,863 parameters, the heads used
in training 579,328.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn import paired_stacks
from bgm2pose_jax.nn.blocks import (
  Conv,
  ConvBlock,
  ConvStack,
  DoublingConv,
  merge_bands,
  middle,
)
from bgm2pose_jax.nn.dropout import ExampleDropout
from bgm2pose_jax.nn.field_checks import check_choice, check_rate, check_width
from bgm2pose_jax.systems.bgm2pose.models.contrastive import ContrastiveHeads
from bgm2pose_jax.systems.bgm2pose.models.frequency_attention import (
  FrequencyAttention,
)
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput

# Below this an attention head is all overhead: the weights of 128 x 128 bands
# cost the same whatever a head's size.
HEAD_CHANNELS = 16
# Halvings of the frequency axis after the attention, and of time after that.
_BODY_POOLS = 3
_TIME_POOLS = 2
# Dropout places; the numbers are part of a run's randomness, so they stay.
_FREQUENCY, _AUDIO_TOKEN, _POSE_TOKEN, _AUDIO, _MUSIC, _BODY, _DOWN = range(7)
_TAIL = (7, 8)


@dataclasses.dataclass(frozen=True)
class BGM2PoseConfig:
  """Fields of the network; the defaults are the paper's text.

  Attributes:
    width: multiplies the channel counts 64, 128 and 256; at least 8 each.
    frequency_attention: False goes from the audio stem to the body ("w/o
      FA" of the paper's ablation).
    music_conditioning: False leaves the music stem out, and the attention
      is self-attention of the recording ("w/o BGM conditioning").
    contrastive: whether the heads for the contrastive loss exist.
    fa_query: `audio`: the recording asks, the music is the key (equation 1);
      `music`: the published code, where the music asks.
    fa_heads: heads of the frequency attention. Equation 1 has one; the
      published code 8. Never fewer than 16 channels a head.
    fa_residual: add the recording's tokens to the result. Not in equation 1;
      the published code does.
    tf_merge: `permute` gives each frame its own bands as features, as text
      and figures have it; `view` is the published code's reshape without a
      transpose, after which the convolutions over time run over bands.
    contrastive_heads: heads of the two contrastive attentions (the published
      code's 8), never fewer than 16 channels a head.
    dropout: after the stems, the body, the first halving of time and twice
      in the decoder. The published code has these places, all at 0.
    attention_dropout: the dropout of attention weights, 0.1 in the published
      code.
    stem_pool: maximum over this many bands after the first half of each
      stem. 1 in the paper; more makes everything behind it cheaper.
  """

  width: float = 1.0
  frequency_attention: bool = True
  music_conditioning: bool = True
  contrastive: bool = True
  fa_query: str = "audio"
  fa_heads: int = 1
  fa_residual: bool = False
  tf_merge: str = "permute"
  contrastive_heads: int = 8
  dropout: float = 0.0
  attention_dropout: float = 0.1
  stem_pool: int = 1

  def __post_init__(self):
    check_choice("fa_query", self.fa_query, ("audio", "music"))
    check_choice("tf_merge", self.tf_merge, ("permute", "view"))
    check_width(self.width)
    for name in ("dropout", "attention_dropout"):
      check_rate(name, getattr(self, name))
    for name in ("fa_heads", "contrastive_heads", "stem_pool"):
      if getattr(self, name) < 1:
        raise InputError(
          f"network.{name}",
          f"{getattr(self, name)} is below 1",
          "take 1 or more",
        )

  @classmethod
  def official(cls, **changes) -> BGM2PoseConfig:
    """The published code's reading of every flag where it and text differ."""
    reading = {
      "fa_query": "music",
      "fa_heads": 8,
      "fa_residual": True,
      "tf_merge": "view",
    }
    return cls(**{**reading, **changes})

  def channels(self) -> tuple[int, int, int]:
    """Channels of the stems' first half, the attention and the rest."""
    first, second, third = (max(8, int(c * self.width)) for c in (64, 128, 256))
    return first, second, third


class BGM2Pose(nnx.Module):
  """Recording and music features to a pose per frame.

  Views: `nnx.view(model, use_running_average=..., deterministic=...)`.
  """

  def __init__(
    self,
    config: BGM2PoseConfig,
    *,
    audio_channels: int,
    music_channels: int,
    bands: int,
    frames: int,
    rngs: nnx.Rngs,
    joints: int = 21,
    context: int = 0,
    axis_name: str | None = None,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      config: the network's fields.
      audio_channels: channels of the difference and intensity features.
      music_channels: channels of the music features.
      bands: mel bands, a multiple of 8 * stem_pool.
      frames: frames that are seen, a multiple of 4.
      rngs: random streams, `params` or the default.
      joints: joints of a pose.
      context: how many of them, on either side, get no pose.
      axis_name: mesh axis over which batch statistics are shared, or None.
      dtype: type to compute in, float32 or bfloat16.

    Raises:
      InputError: if bands or frames cannot be halved as often as needed.
    """
    step = 2**_BODY_POOLS * config.stem_pool
    if bands % step or bands < step:
      raise InputError(
        "bands", f"{bands} is no multiple of {step}", "change network.stem_pool"
      )
    if frames % 2**_TIME_POOLS or frames < 2**_TIME_POOLS:
      raise InputError(
        "frames", f"{frames} is no multiple of 4", "take windows of 12 frames"
      )
    if attends_to_music(config) and not music_channels:
      raise InputError(
        "network.music_conditioning",
        "is on, but no music is among the inputs",
        "set network.music_conditioning=false, or change data.inputs",
      )
    c1, c2, c3 = config.channels()
    shared = {"rngs": rngs, "axis_name": axis_name, "dtype": dtype}
    tokens = bands // config.stem_pool
    attends = config.frequency_attention
    self.config = config
    self.joints = joints
    self.context = context
    self.dtype = dtype

    self.audio_stem = _stem(audio_channels, c1, c2, config, **shared)
    self.audio_dropout = ExampleDropout(config.dropout, _AUDIO)
    self.music_stem = (
      _stem(music_channels, c1, c2, config, **shared)
      if attends_to_music(config)
      else None
    )
    self.music_dropout = ExampleDropout(config.dropout, _MUSIC)
    self.frequency_attention = (
      FrequencyAttention(
        c2,
        tokens,
        _heads(config.fa_heads, c2),
        query=config.fa_query,
        residual=config.fa_residual,
        dropout=config.attention_dropout,
        stream=_FREQUENCY,
        rngs=rngs,
        dtype=dtype,
      )
      if attends
      else None
    )
    self.body = nnx.List(
      [
        ConvStack(c2 if i == 0 else c3, c3, (3, 3), pool=2, **shared)
        for i in range(_BODY_POOLS)
      ]
    )
    self.body_dropout = ExampleDropout(config.dropout, _BODY)
    merged = c3 * tokens // 2**_BODY_POOLS
    self.merge = ConvBlock(merged, c3, (2,), **shared)
    self.down1 = ConvStack(c3, c3, (2,), depth=1, pool=2, **shared)
    self.down_dropout = ExampleDropout(config.dropout, _DOWN)
    self.down2 = ConvStack(c3, c3, (2,), depth=2, pool=2, **shared)
    self.up1 = DoublingConv(c3, c3, rngs=rngs, dtype=dtype)
    self.decode1 = ConvBlock(2 * c3, c3, (3,), **shared)
    self.up2 = DoublingConv(c3, c3, rngs=rngs, dtype=dtype)
    self.decode2 = ConvBlock(2 * c3, c3, (3,), **shared)
    self.tail = nnx.List([ConvBlock(c3, c3, (3,), **shared) for _ in range(4)])
    self.tail_dropout = nnx.List(
      [ExampleDropout(config.dropout, stream) for stream in _TAIL]
    )
    # Coordinates reach ten hip-spine lengths: in bfloat16 they would step by
    # 0.06, and the smoothness term squares such steps a hundredfold.
    self.head = Conv(
      c3,
      joints * 3,
      (1,),
      rngs=rngs,
      dtype=jnp.promote_types(dtype, jnp.float32),
    )
    self.contrastive = (
      ContrastiveHeads(
        c3,
        _heads(config.contrastive_heads, c3),
        frames - 2 * context,
        joints,
        dropout=config.attention_dropout,
        streams=(_AUDIO_TOKEN, _POSE_TOKEN),
        **shared,
      )
      if config.contrastive
      else None
    )

  def __call__(
    self,
    audio: Array,
    music: Array,
    pose: Array | None = None,
    *,
    keys: Array | None = None,
  ) -> PoseOutput:
    """Predicts poses, and embeds audio and pose where poses are given.

    Args:
      audio: [b, t, f, ca], differences and intensity, standardised.
      music: [b, t, f, cm], standardised.
      pose: true poses [b, t, joint, 3] in training; None in use. They do not
        touch the prediction.
      keys: PRNG keys [b] for dropout, one per example.

    Returns:
      Poses, and embeddings where `pose` is given and the heads exist.
    """
    x, m = self.encode(audio, music, keys)
    if self.frequency_attention is not None:
      x = self.frequency_attention(x, m, keys)
    poses, sequence = self.decode(self.halve_bands(x, keys), keys)
    if pose is None or self.contrastive is None:
      return PoseOutput(poses)
    return PoseOutput(
      poses,
      self.contrastive.audio(sequence, keys),
      self.contrastive.pose(pose, keys),
    )

  def attention_weights(self, audio: Array, music: Array) -> Array | None:
    """How much the network makes use of each band, to be shown.

    Args:
      audio: the audio, as in a call.
      music: the music, as in a call.

    Returns:
      float32 [b, t, f / stem_pool] of frames with a pose, sums to one over
      bands; None where the
      network has no attention over them.
    """
    if self.frequency_attention is None:
      return None
    x, m = self.encode(audio, music, None)
    return middle(self.frequency_attention.weights(x, m), self.context)

  def encode(
    self, audio: Array, music: Array, keys: Array | None
  ) -> tuple[Array, Array | None]:
    """Both stems.

    Args:
      audio: [b, t, f, ca] of the recording.
      music: [b, t, f, cm] of the music.
      keys: PRNG keys [b], or None.

    Returns:
      As `encode_audio` and `encode_music`; None without a music stem.
    """
    if self.music_stem is None:
      return self.encode_audio(audio, keys), None
    first, second = zip(self.audio_stem, self.music_stem)
    if not paired_stacks.applies(first):
      return self.encode_audio(audio, keys), self.encode_music(music, keys)
    given = audio.astype(self.dtype), music.astype(self.dtype)
    x, m = paired_stacks.run(first, second, *given)
    return self.audio_dropout(x, keys), self.music_dropout(m, keys)

  def encode_audio(self, audio: Array, keys: Array | None) -> Array:
    """The recording's stem: [b, t, f, ca] to [b, t, f / stem_pool, c]."""
    x = audio.astype(self.dtype)
    for stack in self.audio_stem:
      x = stack(x)
    return self.audio_dropout(x, keys)

  def encode_music(self, music: Array, keys: Array | None) -> Array:
    """The music's stem: [b, t, f, cm] to [b, t, f / stem_pool, c].

    Raises:
      ValueError: the network has none.
    """
    if self.music_stem is None:
      raise ValueError("this network has no music stem")
    m = music.astype(self.dtype)
    for stack in self.music_stem:
      m = stack(m)
    return self.music_dropout(m, keys)

  def halve_bands(self, x: Array, keys: Array | None) -> Array:
    """The body: [b, t, f, c] to [b, t, f / 8, c]."""
    for stack in self.body:
      x = stack(x)
    return self.body_dropout(x, keys)

  def decode(self, x: Array, keys: Array | None) -> tuple[Array, Array]:
    """Convolutions over time.

    Args:
      x: [b, t, f, c] of the body.
      keys: PRNG keys [b], or None.

    Returns:
      Of the frames with a pose: poses, float32 [b, t, joint, 3], and the
      sequence [b, t, c] that the contrastive head reads.
    """
    full = self.merge(merge_bands(x, self.config.tf_merge))
    half = self.down_dropout(self.down1(full), keys)
    quarter = self.down2(half)
    x = jnp.concatenate([half, self.up1(quarter)], axis=-1)
    x = jnp.concatenate([full, self.up2(self.decode1(x))], axis=-1)
    x = self.decode2(x)
    for i, block in enumerate(self.tail):
      x = block(x)
      if i in (1, 2):
        x = self.tail_dropout[i - 1](x, keys)
    x = self.head(middle(x, self.context))
    poses = x.reshape(*x.shape[:2], self.joints, 3)
    return poses, middle(full, self.context)


def attends_to_music(config: BGM2PoseConfig) -> bool:
  """Whether the network has a music stem."""
  return config.frequency_attention and config.music_conditioning


def _stem(
  inputs: int, c1: int, c2: int, config: BGM2PoseConfig, **shared
) -> nnx.List:
  return nnx.List(
    [
      ConvStack(inputs, c1, (3, 3), pool=config.stem_pool, **shared),
      ConvStack(c1, c2, (3, 3), **shared),
    ]
  )


def _heads(wanted: int, channels: int) -> int:
  """Heads of at least 16 channels that divide the channels evenly."""
  heads = max(1, min(wanted, channels // HEAD_CHANNELS))
  while channels % heads:
    heads -= 1
  return heads
