"""The network that AcousticPose and its Speech2Gesture share.

Shibata et al., "Listening Human Behavior: 3D Human Pose Estimation With
Acoustic Signals", CVPR 2023: convolutions over time and bands, then a pyramid
over time whose levels are added on the way up (not joined, as in BGM2Pose).
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array, at_least_float32
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.blocks import (
  Conv,
  ConvBlock,
  ConvStack,
  merge_bands,
  middle,
)
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput

# Halvings of the frequency axis and of time.
_BAND_POOLS = 3
_TIME_POOLS = 2


class MultiScaleSum(nnx.Module):
  """Features to a pose per frame, and a description of the window.

  Attributes:
    joints: the number of joints of a pose.
    hidden_channels: the width of `PoseOutput.hidden`.

  Views: `nnx.view(model, use_running_average=...)`.
  """

  def __init__(
    self,
    width: float,
    tf_merge: str,
    *,
    audio_channels: int,
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
      width: multiplies the channel counts 64, 128 and 256; at least 8 each.
      tf_merge: how bands become features of a frame, see `merge_bands`.
      audio_channels: channels of the features.
      bands: mel bands, a multiple of 8.
      frames: frames that are seen, a multiple of 4.
      rngs: random streams, `params` or the default.
      joints: joints of a pose.
      context: how many of them, on either side, get no pose.
      axis_name: mesh axis over which batch statistics are shared, or None.
      dtype: type to compute in, float32 or bfloat16.

    Raises:
      InputError: if bands or frames cannot be halved as often as needed.
    """
    if bands % 2**_BAND_POOLS or not bands:
      raise InputError("bands", f"{bands} is no multiple of 8", "take 128")
    if frames % 2**_TIME_POOLS or not frames:
      raise InputError(
        "frames", f"{frames} is no multiple of 4", "take windows of 12 frames"
      )
    c1, c2, c3 = (max(8, int(c * width)) for c in (64, 128, 256))
    shared = {"rngs": rngs, "axis_name": axis_name, "dtype": dtype}
    self.tf_merge = tf_merge
    self.context = context
    self.joints = joints
    self.hidden_channels = c3
    self.dtype = dtype
    self.body = nnx.List(
      [
        ConvStack(i, o, (3, 3), pool=pool, **shared)
        for i, o, pool in (
          (audio_channels, c1, 2),
          (c1, c2, 2),
          (c2, c3, 2),
          (c3, c3, 1),
        )
      ]
    )
    self.merge = ConvBlock(c3 * bands // 2**_BAND_POOLS, c3, (2,), **shared)
    self.down1 = ConvStack(c3, c3, (2,), depth=1, pool=2, **shared)
    self.down2 = ConvStack(c3, c3, (2,), depth=2, pool=2, **shared)
    self.tail = nnx.List([ConvBlock(c3, c3, (3,), **shared) for _ in range(4)])
    self.head = Conv(
      c3,
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
      music: not read: it is among the features, where it is used.
      pose: not read.
      keys: not read; nothing is dropped.

    Returns:
      Poses, and as `hidden` the coarsest level's mean over time.
    """
    del music, pose, keys
    x = audio.astype(self.dtype)
    for stack in self.body:
      x = stack(x)
    full = self.merge(merge_bands(x, self.tf_merge))
    half = self.down1(full)
    quarter = self.down2(half)
    half = half + jnp.repeat(quarter, 2, axis=1)
    x = full + jnp.repeat(half, 2, axis=1)
    for block in self.tail:
      x = block(x)
    poses = self.head(middle(x, self.context))
    return PoseOutput(
      poses.reshape(*poses.shape[:2], self.joints, 3),
      hidden=at_least_float32(quarter).mean(axis=1),
    )
