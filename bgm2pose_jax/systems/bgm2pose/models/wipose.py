"""WiPose (Jiang et al., "Towards 3D human pose construction using WiFi",
MobiCom 2020) as BGM2Pose's authors fit it to sound.

Each frame's spectrum through one-dimensional convolutions, then three layers
of LSTM over the frames. The original turns its output into joint rotations of
a known skeleton; the fitted one reads coordinates off directly. At width 1 it
has 1,756,767 parameters.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.batch_norm import BatchNorm
from bgm2pose_jax.nn.blocks import Conv, max_pool, middle
from bgm2pose_jax.nn.field_checks import check_width
from bgm2pose_jax.nn.lstm import LSTM
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput

# Windows of the convolutions over bands and their outputs at width 1.
_WINDOWS = (2, 2, 3, 4)
_CHANNELS = (32, 64, 128, 256)
_LAYERS = 3


@dataclasses.dataclass(frozen=True)
class WiPoseConfig:
  """Fields of the network.

  Attributes:
    width: multiplies the channel counts 32, 64, 128 and 256; at least 8 each.
  """

  width: float = 1.0

  def __post_init__(self):
    check_width(self.width)


class WiPose(nnx.Module):
  """Spectra of recording and music to a pose per frame.

  Views: `nnx.view(model, use_running_average=...)`.
  """

  def __init__(
    self,
    config: WiPoseConfig,
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
      audio_channels: channels of the features.
      music_channels: not read: the music is among the features.
      bands: mel bands, 8 or more.
      frames: how many frames are seen; any number.
      rngs: random streams, `params` or the default.
      joints: joints of a pose.
      context: how many of them, on either side, get no pose.
      axis_name: mesh axis over which batch statistics are shared, or None.
      dtype: type to compute in, float32 or bfloat16.

    Raises:
      InputError: if the bands cannot be halved three times.
    """
    del music_channels, frames
    if bands < 8:
      raise InputError("bands", f"{bands} is below 8", "take more mel bands")
    channels = [max(8, int(c * config.width)) for c in _CHANNELS]
    self.joints = joints
    self.context = context
    self.dtype = dtype
    inputs = [audio_channels, *channels[:-1]]
    self.convs = nnx.List(
      [
        Conv(i, o, (window,), rngs=rngs, dtype=dtype)
        for i, o, window in zip(inputs, channels, _WINDOWS)
      ]
    )
    self.norms = nnx.List([BatchNorm(c, axis_name=axis_name) for c in channels])
    self.lstm = nnx.List(
      [
        LSTM(channels[-1], channels[-1], rngs=rngs, dtype=dtype)
        for _ in range(_LAYERS)
      ]
    )
    self.head = Conv(
      channels[-1],
      joints * 3,
      (1,),
      rngs=rngs,
      dtype=jnp.promote_types(dtype, jnp.float32),
    )

  def __call__(
    self,
    audio: Array,
    music: Array,
    pose: Array | None = None,
    *,
    keys: Array | None = None,
  ) -> PoseOutput:
    """Predicts poses.

    Args:
      audio: [b, t, f, c], standardised.
      music: not read.
      pose: not read.
      keys: not read; nothing is dropped.
    """
    del music, pose, keys
    b, t = audio.shape[:2]
    x = audio.reshape(b * t, *audio.shape[2:])
    for conv, norm in zip(self.convs[:-1], self.norms[:-1]):
      x = jax.nn.silu(max_pool(norm(conv(x)), -2, 2))
    x = jax.nn.silu(self.norms[-1](self.convs[-1](x)).mean(axis=-2))
    x = x.reshape(b, t, -1)
    for layer in self.lstm:
      x = layer(x)
    x = self.head(middle(x, self.context))
    return PoseOutput(x.reshape(*x.shape[:2], self.joints, 3))
