"""MAPnet and its rivals in PyTorch, of PyTorch's own layers.

Written from the networks' description, for making reference arrays; the
package needs none of it. Every attribute has the name of ours, so that weights
and gradients can be compared by name. Nothing is dropped.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

COLUMNS, AUDIO, FRAMES = 39, 35, 150


def encoder(layers: int, width: int, heads: int, mlp: int) -> nn.Module:
  """Layers that normalise first, and a last normalisation."""
  layer = nn.TransformerEncoderLayer(
    width,
    heads,
    mlp,
    dropout=0.0,
    activation=nn.GELU(approximate="tanh"),
    layer_norm_eps=1e-5,
    batch_first=True,
    norm_first=True,
  )
  return nn.TransformerEncoder(
    layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
  )


class Branch(nn.Module):
  """A dense layer into tokens, positions, an encoder, rebalancing."""

  def __init__(self, columns, frames, sizes, layers, hidden):
    super().__init__()
    self.dense = nn.Linear(columns, sizes[0])
    self.positions = nn.Parameter(torch.empty(frames, sizes[0]))
    self.encoder = encoder(layers, *sizes)
    self.time = nn.Linear(frames, hidden) if hidden else None

  def forward(self, x):
    x = self.encoder(self.dense(x) + self.positions)
    return over_time(self.time, x) if self.time is not None else x


def over_time(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
  """A dense layer over axis 1 of [b, t, c]."""
  return layer(x.transpose(1, 2)).transpose(1, 2)


class Head(nn.Module):
  """Over the tokens, per frame with GELU, per frame to the pose."""

  def __init__(self, tokens, width):
    super().__init__()
    self.time = nn.Linear(tokens, FRAMES)
    self.hidden = nn.Linear(width, width)
    self.pose = nn.Linear(width, COLUMNS)

  def forward(self, x):
    x = self.hidden(over_time(self.time, x))
    return self.pose(functional.gelu(x, approximate="tanh"))


class MAPnet(nn.Module):
  """Both branches, fusion, head."""

  def __init__(self, frames_in, sizes, branch_layers, fusion_layers, hidden):
    super().__init__()
    self.pose = Branch(COLUMNS, frames_in, sizes, branch_layers, hidden)
    self.audio = Branch(AUDIO, FRAMES, sizes, branch_layers, hidden)
    self.fusion_encoder = encoder(fusion_layers, *sizes)
    tokens = 2 * hidden if hidden else frames_in + FRAMES
    self.head = Head(tokens, sizes[0])

  def forward(self, pose, audio):
    both = torch.cat([self.pose(pose), self.audio(audio)], 1)
    return self.head(self.fusion_encoder(both))


class PoT(nn.Module):
  """The pose branch and the head."""

  def __init__(self, frames_in, sizes, branch_layers, hidden):
    super().__init__()
    self.pose = Branch(COLUMNS, frames_in, sizes, branch_layers, hidden)
    self.head = Head(hidden, sizes[0])

  def forward(self, pose, audio):
    return self.head(self.pose(pose))


class LSTMs(nn.Module):
  """One layer a branch, side by side into a dense layer."""

  def __init__(self, width):
    super().__init__()
    self.pose_lstm = nn.LSTM(COLUMNS, width, batch_first=True)
    self.audio_lstm = nn.LSTM(AUDIO, width, batch_first=True)
    self.pose_out = nn.Linear(2 * width, COLUMNS)

  def forward(self, pose, audio):
    # Each pose stands until the next one comes.
    pose = pose.repeat_interleave(FRAMES // pose.shape[1], 1)
    read = [self.pose_lstm(pose)[0], self.audio_lstm(audio)[0]]
    return self.pose_out(torch.cat(read, -1))


def loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
  """Mean distance of joints, smooth where it is zero."""
  apart = (predicted - target).unflatten(-1, (-1, 3))
  return (apart.square().sum(-1) + 1e-8).sqrt().mean()
