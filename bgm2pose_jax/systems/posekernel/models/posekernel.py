"""A multi-stage network on volumes of sound and light.

Yang et al., "PoseKernelLifter" (CVPR 2022, arXiv 2112.00216). Its abstract has
a multi-stage 3D network that fuses sound and image. What is attributed to the
paper, and was not checked against its text: three convolutions that all pairs
share, the maximum over the pairs, six stages in the style of convolutional
pose machines (Wei et al., CVPR 2016). Windows, widths and normalisation are
choices.

572,682 parameters at the sizes below.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn import plane_convolution
from bgm2pose_jax.nn.blocks import add_bias, uniform_param
from bgm2pose_jax.nn.dense import Dense
from bgm2pose_jax.nn.field_checks import check_positive
from bgm2pose_jax.nn.volumes import (
  WINDOW,
  GroupNorm,
  VolumeBlock,
  VolumeConv,
  convolve,
  relu,
)
from bgm2pose_jax.poses.body15 import BODY15

JOINTS = BODY15.num_joints
POOLS = ("max", "max_mean")


@dataclasses.dataclass(frozen=True)
class PoseKernelConfig:
  """Fields of the network.

  Attributes:
    width: channels of a stage.
    sound_width: channels of the first sound layer; the two others have twice
      as many.
    stages: how many; each gives heatmaps.
    depth: convolutions of a stage.
    groups: groups of the normalisations, see `nn.volumes.GroupNorm`.
    pool: what of all pairs a voxel keeps: `max`, the fullest pair's channels;
      `max_mean`, the mean over pairs beside them, which is large where the
      echoes of several pairs meet.
    remat: compute a stage's values again for its gradient instead of keeping
      them. On CPU it saves no memory.
  """

  width: int = 32
  sound_width: int = 8
  stages: int = 6
  depth: int = 3
  groups: int = 8
  pool: str = "max"
  remat: bool = False

  def __post_init__(self):
    if self.pool not in POOLS:
      raise InputError(
        "network.pool", f"is {self.pool!r}", f"give {' or '.join(POOLS)}"
      )
    for name in ("width", "sound_width", "stages", "depth", "groups"):
      check_positive(name, getattr(self, name))
    for channels in (self.width, self.sound_width, 2 * self.sound_width):
      if channels % min(channels, self.groups):
        raise InputError(
          "network.groups",
          f"{self.groups} groups do not divide {channels} channels",
          "take a divisor of every width",
        )


class SoundBranch(nnx.Module):
  """Three convolutions, the same for every pair; then one volume of all."""

  def __init__(
    self, config: PoseKernelConfig, *, rngs: nnx.Rngs, dtype: DTypeLike
  ):
    """Draws the parameters.

    Args:
      config: the network's fields.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    wide = 2 * config.sound_width
    widths = (1, config.sound_width, wide, wide)
    self.blocks = nnx.List(
      [
        VolumeBlock(a, b, groups=config.groups, rngs=rngs, dtype=dtype)
        for a, b in itertools.pairwise(widths)
      ]
    )
    self.pool = config.pool
    self.each = wide
    self.channels = wide if config.pool == "max" else 2 * wide

  def __call__(self, sound: Array) -> Array:
    """Maps [b, pair, x, z, y] to [b, x, z, y, c]; any number of pairs."""
    pairs = sound.shape[1]
    if plane_convolution.side_by_side_applies(self.each, pairs):
      x = jnp.moveaxis(sound, 1, -1)
      for block in self.blocks:
        x = block(x, lots=pairs)
      of_pairs = jnp.split(x, pairs, axis=-1)
    else:
      x = sound.reshape(-1, *sound.shape[2:], 1)
      for block in self.blocks:
        x = block(x)
      x = x.reshape(-1, pairs, *x.shape[1:])
      of_pairs = [x[:, i] for i in range(pairs)]
    # The first of equal ones takes the gradient.
    fullest = functools.reduce(lambda a, b: jnp.where(a >= b, a, b), of_pairs)
    if self.pool == "max":
      return fullest
    mean = functools.reduce(jnp.add, of_pairs) / pairs
    return jnp.concatenate([fullest, mean], axis=-1)


class BaseConv(nnx.Module):
  """What the first convolutions of all stages make of sound and light.

  They read the same volumes, so they are one convolution with the outputs of
  all stages side by side; sound and light apart, for the light needs no
  gradient.
  """

  def __init__(
    self,
    parts: dict[str, int],
    config: PoseKernelConfig,
    *,
    rngs: nnx.Rngs,
    dtype: DTypeLike,
  ):
    """Draws the parameters.

    Args:
      parts: channels of each input by its name.
      config: the network's fields.
      rngs: random streams, `params` or the default.
      dtype: type to compute in.
    """
    outputs = config.stages * config.width
    # The fan-in of a stage that also sees the heatmaps before it.
    bound = (27 * (sum(parts.values()) + JOINTS)) ** -0.5
    self.kernels = nnx.Dict(
      {
        name: uniform_param(rngs, (*WINDOW, channels, outputs), bound)
        for name, channels in parts.items()
      }
    )
    self.bias = uniform_param(rngs, (outputs,), bound)
    self.stages = config.stages
    self.dtype = dtype

  def __call__(self, parts: dict[str, Array]) -> list[Array]:
    """Maps {name: [b, x, z, y, c]} to [b, x, z, y, width] for each stage."""
    out = functools.reduce(
      jnp.add,
      [
        convolve(
          x.astype(self.dtype), self.kernels[name][...].astype(self.dtype)
        )
        for name, x in parts.items()
      ],
    )
    return jnp.split(add_bias(out, self.bias[...]), self.stages, axis=-1)


class Stage(nnx.Module):
  """From features, and the heatmaps before, to heatmaps."""

  def __init__(
    self,
    config: PoseKernelConfig,
    *,
    first: bool,
    rngs: nnx.Rngs,
    dtype: DTypeLike,
  ):
    """Draws the parameters.

    Args:
      config: the network's fields.
      first: no heatmaps come before.
      rngs: random streams, `params` or the default.
      dtype: type to compute in; the heatmaps are float32 at least.
    """
    width = config.width
    make: Callable[..., Any] = functools.partial(
      VolumeBlock, groups=config.groups, rngs=rngs, dtype=dtype
    )
    # Its bias is `BaseConv`'s.
    self.previous = (
      None
      if first
      else VolumeConv(JOINTS, width, bias=False, rngs=rngs, dtype=dtype)
    )
    self.norm = GroupNorm(width, min(config.groups, width))
    self.blocks = nnx.List(
      [make(width, width) for _ in range(config.depth - 1)]
    )
    self.head = Dense(
      width,
      JOINTS,
      rngs=rngs,
      dtype=jnp.promote_types(dtype, "float32"),
    )

  def __call__(self, base: Array, maps: Array | None) -> Array:
    """Maps [b, x, z, y, width] and [b, x, z, y, joint] to the latter."""
    if self.previous is not None and maps is not None:
      base = base + self.previous(maps)
    x = relu(self.norm(base))
    for block in self.blocks:
      x = block(x)
    return self.head(x)


class PoseKernel(nnx.Module):
  """Volumes of sound and viewing rays to heatmaps of joints."""

  def __init__(
    self,
    config: PoseKernelConfig,
    *,
    inputs: str,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
  ):
    """Draws the parameters.

    Args:
      config: the network's fields.
      inputs: `both`, `visual` or `audio`: a branch that is not asked for does
        not exist.
      rngs: random streams, `params` or the default.
      dtype: type to compute in, float32 or bfloat16.
    """
    self.sound = (
      None
      if inputs == "visual"
      else SoundBranch(config, rngs=rngs, dtype=dtype)
    )
    parts = {} if inputs == "audio" else {"visual": JOINTS}
    if self.sound is not None:
      parts["sound"] = self.sound.channels
    self.base = BaseConv(parts, config, rngs=rngs, dtype=dtype)
    self.stages = nnx.List(
      [
        Stage(config, first=i == 0, rngs=rngs, dtype=dtype)
        for i in range(config.stages)
      ]
    )
    self.remat = config.remat

  def __call__(
    self, visual: Array | None, sound: Array | None
  ) -> tuple[Array, ...]:
    """Finds joints.

    Args:
      visual: [b, x, z, y, joint], from `encoding.visual_volumes`; not read
        for `audio`.
      sound: [b, pair, x, z, y], from `encoding.sound_volumes`; not read for
        `visual`.

    Returns:
      The heatmaps of each stage, float32 [b, x, z, y, joint].

    Raises:
      ValueError: an input that the network reads is missing.
    """
    parts = {}
    if "visual" in self.base.kernels:
      parts["visual"] = visual
    if self.sound is not None:
      parts["sound"] = sound
    if any(part is None for part in parts.values()):
      raise ValueError(f"this network reads {' and '.join(parts)}")
    if self.sound is not None:
      parts["sound"] = self._run(self.sound, sound)
    base = self._run(self.base, parts)
    maps: list[Array] = []
    for stage, features in zip(self.stages, base):
      maps.append(self._run(stage, features, maps[-1] if maps else None))
    return tuple(maps)

  def _run(self, module: Any, *arguments: Any) -> Any:
    """A module's outputs; with `remat` nothing inside it is kept."""
    if not self.remat:
      return module(*arguments)
    structure, params = nnx.split(module)
    return jax.checkpoint(
      lambda params, *arguments: nnx.merge(structure, params)(*arguments)
    )(params, *arguments)
