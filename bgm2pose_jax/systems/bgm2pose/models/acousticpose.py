"""AcousticPose (Shibata et al., CVPR 2023): poses that hide who moves.

The network of `multi_scale_sum` and a critic that guesses the subject from
the coarsest level. Trained against it, the network learns to leave the
person's build out. 5,630,975 parameters at width 1 with nine channels, the
critic not counted.
"""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
from flax import nnx

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.blocks import uniform_param
from bgm2pose_jax.nn.field_checks import (
  check_choice,
  check_positive,
  check_width,
)
from bgm2pose_jax.systems.bgm2pose.models.multi_scale_sum import MultiScaleSum


@dataclasses.dataclass(frozen=True)
class AcousticPoseConfig:
  """Fields of the network and of its critic.

  Attributes:
    width: multiplies the channel counts 64, 128 and 256; at least 8 each.
    tf_merge: `permute` or `view`, as in `BGM2PoseConfig`.
    adversary: `std`: the critic's guesses are to be even (the deviation of its
      probabilities is a loss); `normal`: they are to be wrong (its cross
      entropy is a gain); `off`.
    adversary_ratio: weight of that term.
    adversary_epochs: after these many the term is left out; the critic goes
      on.
    critic_learning_rate: the learning rate of the critic's Adam, constant.
    subject_labels: `dense`: a class for each training subject. `mod5`: the
      published code's raw id modulo 5, which gives two people one class.
  """

  width: float = 1.0
  tf_merge: str = "permute"
  adversary: str = "std"
  adversary_ratio: float = 1.0
  adversary_epochs: int = 35
  critic_learning_rate: float = 1e-3
  subject_labels: str = "dense"

  def __post_init__(self):
    check_width(self.width)
    check_choice("tf_merge", self.tf_merge, ("permute", "view"))
    check_choice("adversary", self.adversary, ("std", "normal", "off"))
    check_choice("subject_labels", self.subject_labels, ("dense", "mod5"))
    check_positive("critic_learning_rate", self.critic_learning_rate)

  @classmethod
  def official(cls, **changes) -> AcousticPoseConfig:
    """The published code's reading where it and the text differ."""
    return cls(**{"tf_merge": "view", **changes})


class AcousticPose(MultiScaleSum):
  """Features to poses; `hidden` is what the critic reads."""

  def __init__(self, config: AcousticPoseConfig, **sizes):
    """Draws the parameters; `sizes` are those of `MultiScaleSum`."""
    sizes.pop("music_channels")
    super().__init__(config.width, config.tf_merge, **sizes)


class SubjectCritic(nnx.Module):
  """One linear layer from a window's description to subjects."""

  def __init__(self, inputs: int, classes: int, *, rngs: nnx.Rngs):
    bound = 1 / math.sqrt(inputs)
    self.kernel = uniform_param(rngs, (inputs, classes), bound)
    self.bias = uniform_param(rngs, (classes,), bound)

  def __call__(self, hidden: Array) -> Array:
    """Maps [b, inputs] to logits [b, classes]."""
    return jnp.asarray(hidden) @ self.kernel[...] + self.bias[...]
