"""Speech2Gesture (Ginosar et al., "Learning Individual Styles of
Conversational Gesture", CVPR 2019) as fitted to AMPL by BGM2Pose's authors.

They keep the input, log-mel alone, and take the network of `multi_scale_sum`
for the original's U-Net, without its adversary. The original's adversary, a
critic of the motion between frames, is an option here. 5,629,247 parameters
at width 1 with six channels, the critic not counted.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
from flax import nnx

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.batch_norm import BatchNorm
from bgm2pose_jax.nn.blocks import uniform_param
from bgm2pose_jax.nn.field_checks import (
  check_choice,
  check_positive,
  check_width,
)
from bgm2pose_jax.systems.bgm2pose.models.multi_scale_sum import MultiScaleSum

# Window 4 everywhere; (outputs, stride) of the critic's convolutions. All but
# the first and the last are normalised.
_CRITIC_LAYERS = ((64, 2), (128, 2), (256, 1), (1, 1))
_CRITIC_WINDOW = 4
_CRITIC_SLOPE = 0.2


@dataclasses.dataclass(frozen=True)
class Speech2GestureConfig:
  """Fields of the network and of its critic.

  Attributes:
    width: multiplies the channel counts 64, 128 and 256; at least 8 each.
    tf_merge: `permute` or `view`, as in `BGM2PoseConfig`.
    adversary: `motion`: a critic tells true from predicted motion by least
      squares (Mao et al., ICCV 2017); `off`, as the baseline is run.
    adversary_ratio: weight of the network's term.
    critic_learning_rate: the learning rate of the critic's Adam, constant.
  """

  width: float = 1.0
  tf_merge: str = "permute"
  adversary: str = "off"
  adversary_ratio: float = 1.0
  critic_learning_rate: float = 1e-4

  def __post_init__(self):
    check_width(self.width)
    check_choice("tf_merge", self.tf_merge, ("permute", "view"))
    check_choice("adversary", self.adversary, ("motion", "off"))
    check_positive("critic_learning_rate", self.critic_learning_rate)

  @classmethod
  def official(cls, **changes) -> Speech2GestureConfig:
    """The published code's reading where it and the text differ."""
    return cls(**{"tf_merge": "view", **changes})


class Speech2Gesture(MultiScaleSum):
  """Log-mel of recording and music to poses."""

  def __init__(self, config: Speech2GestureConfig, **sizes):
    """Draws the parameters; `sizes` are those of `MultiScaleSum`."""
    sizes.pop("music_channels")
    super().__init__(config.width, config.tf_merge, **sizes)


class MotionCritic(nnx.Module):
  """Convolutions over frame differences: a mark per stretch of time.

  Each mark sees a patch, not the whole (PatchGAN).
  """

  def __init__(
    self, joints: int, *, rngs: nnx.Rngs, axis_name: str | None = None
  ):
    inputs = joints * 3
    kernels, biases = [], []
    for outputs, _ in _CRITIC_LAYERS:
      # Glorot and Bengio (AISTATS 2010), as the original draws them.
      bound = math.sqrt(6 / (_CRITIC_WINDOW * (inputs + outputs)))
      kernels.append(
        uniform_param(rngs, (_CRITIC_WINDOW, inputs, outputs), bound)
      )
      biases.append(nnx.Param(jnp.zeros((outputs,), jnp.float32)))
      inputs = outputs
    self.kernels, self.biases = nnx.List(kernels), nnx.List(biases)
    self.norms = nnx.List(
      [BatchNorm(c, axis_name=axis_name) for c, _ in _CRITIC_LAYERS[1:-1]]
    )

  def __call__(self, poses: Array) -> Array:
    """Maps poses [b, t, joint, 3] to marks [b, patch]."""
    x = jnp.diff(poses, axis=1)
    x = x.reshape(*x.shape[:2], -1)
    last = len(_CRITIC_LAYERS) - 1
    for i, (_, stride) in enumerate(_CRITIC_LAYERS):
      x = jax.lax.conv_general_dilated(
        x,
        self.kernels[i][...],
        (stride,),
        "SAME",
        dimension_numbers=("NWC", "WIO", "NWC"),
      )
      x = x + self.biases[i][...]
      if 0 < i < last:
        x = self.norms[i - 1](x)
      if i < last:
        x = jax.nn.leaky_relu(x, _CRITIC_SLOPE)
    return x[..., 0]
