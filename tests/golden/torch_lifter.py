"""PoseKernelLifter's network and its layers in PyTorch.

Written from their description, of PyTorch's own layers, for making reference
arrays; the package needs none of it. Volumes are [b, c, x, z, y].
"""

from __future__ import annotations

import torch
from torch import nn

JOINTS = 15


class Block(nn.Module):
  """Convolution, group normalisation, ReLU."""

  def __init__(self, inputs: int, outputs: int, groups: int):
    super().__init__()
    self.conv = nn.Conv3d(inputs, outputs, 3, padding=1)
    self.norm = nn.GroupNorm(min(groups, outputs), outputs)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    """[b, inputs, x, z, y] to [b, outputs, x, z, y]."""
    return torch.relu(self.norm(self.conv(x)))


class Lifter(nn.Module):
  """Stages on light, sound and the heatmaps before; see `inputs`."""

  def __init__(
    self,
    inputs: str,
    width: int,
    sound_width: int,
    stages: int,
    depth: int,
    groups: int,
  ):
    super().__init__()
    wide = 2 * sound_width
    base = 0
    self.sound = None
    self.reads_light = inputs != "audio"
    if self.reads_light:
      base += JOINTS
    if inputs != "visual":
      base += wide
      self.sound = nn.Sequential(
        Block(1, sound_width, groups),
        Block(sound_width, wide, groups),
        Block(wide, wide, groups),
      )
    self.stages = nn.ModuleList()
    for stage in range(stages):
      first = base + (JOINTS if stage else 0)
      blocks = [Block(first, width, groups)]
      blocks += [Block(width, width, groups) for _ in range(depth - 1)]
      self.stages.append(nn.Sequential(*blocks, nn.Conv3d(width, JOINTS, 1)))

  def forward(
    self, visual: torch.Tensor, sound: torch.Tensor
  ) -> list[torch.Tensor]:
    """[b, joint, x, z, y] and [b, pair, x, z, y] to heatmaps of each stage."""
    base = [visual] if self.reads_light else []
    if self.sound is not None:
      b, pairs = sound.shape[:2]
      heard = self.sound(sound.flatten(0, 1)[:, None])
      base.append(heard.unflatten(0, (b, pairs)).amax(1))
    maps: list[torch.Tensor] = []
    for stage in self.stages:
      maps.append(stage(torch.cat(base + maps[-1:], 1)))
    return maps


def loss(maps: list[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
  """Mean squared error of every stage, tenfold within three deviations."""
  weight = torch.where(target > torch.exp(torch.tensor(-4.5)), 10.0, 1.0)
  errors = [((m - target).square() * weight).mean() for m in maps]
  return torch.stack(errors).sum()
