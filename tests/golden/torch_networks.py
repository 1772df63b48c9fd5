"""The published networks in PyTorch, written from their description.

With the published names of modules, so that weights and gradients can be
compared by name. For making reference arrays and for checks with PyTorch at
hand; the package needs none of it. Channels first: audio [b, c, t, f].
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

JOINTS = 21
FRAMES = 12


def _block(inputs: int, outputs: int, window: int, axes: int) -> list:
  conv, norm = {
    1: (nn.Conv1d, nn.BatchNorm1d),
    2: (nn.Conv2d, nn.BatchNorm2d),
  }[axes]
  return [
    conv(inputs, outputs, window, padding="same"),
    nn.LeakyReLU(),
    norm(outputs),
  ]


def _stack(inputs, outputs, window=3, axes=2, depth=2, pool=None):
  """`depth` blocks and a maximum over `pool` neighbours."""
  layers = _block(inputs, outputs, window, axes)
  for _ in range(depth - 1):
    layers += _block(outputs, outputs, window, axes)
  if pool is not None:
    layers.append({1: nn.MaxPool1d, 2: nn.MaxPool2d}[axes](pool))
  return nn.Sequential(*layers)


def channels(width: float) -> tuple[int, int, int]:
  """Channel counts of the three stages."""
  a, b, c = (max(8, int(n * width)) for n in (64, 128, 256))
  return a, b, c


class _Pyramid(nn.Module):
  """What BGM2Pose and its older relatives share, unused blocks included."""

  def __init__(self, merged: int, c: int):
    super().__init__()
    self.fifth_block = _stack(merged, c, 2, 1, 1)
    self.sixth_block = _stack(c, c, 2, 1, 1, pool=2)
    self.seventh_block = _stack(c, c, 2, 1, 2, pool=2)
    self.eight_block = _stack(c, c, 3, 1, 1)
    self.ninth_block = _stack(c, c, 3, 1, 1)
    self.tenth_block = _stack(c, c, 3, 2, 1)
    for i in range(2, 6):
      setattr(self, f"fifth_block{i}", _stack(c, c, 3, 1, 1))
    self.bottleneck = nn.Conv1d(c, JOINTS * 3, 1)

  def tail(self, x):
    for i in range(2, 6):
      x = getattr(self, f"fifth_block{i}")(x)
    return self.bottleneck(x).transpose(1, 2)


class BGM2Pose(_Pyramid):
  """The published code's reading, attention without dropout."""

  def __init__(self, width, bands, fa_heads, heads):
    a, b, c = channels(width)
    super().__init__(c * bands // 8, c)
    self.main_block = nn.Sequential(_stack(11, a), _stack(a, b))
    self.music_block = nn.Sequential(_stack(2, a), _stack(a, b))
    self.main_block2 = nn.Sequential(
      *[_stack(b if i == 0 else c, c, pool=(1, 2)) for i in range(3)]
    )
    self.pos_embedding = nn.Embedding(bands, b)
    self.pos_embedding2 = nn.Embedding(bands // 4, c)
    self.multi_head_attention1 = nn.MultiheadAttention(
      b, fa_heads, batch_first=True
    )
    self.multi_head_attention2 = nn.MultiheadAttention(c, heads)
    self.up1 = nn.ConvTranspose1d(c, c, 4, stride=2, padding=1)
    self.up2 = nn.ConvTranspose1d(c, c, 4, stride=2, padding=1)
    self.dec1 = _stack(2 * c, c, 3, 1, 1)
    self.dec2 = _stack(2 * c, c, 3, 1, 1)
    self.cls_token = nn.Parameter(torch.randn(1, 1, c))
    self.pose_token = nn.Parameter(torch.randn(1, 1, c))
    self.time_embedding = nn.Embedding(FRAMES + 1, c)
    self.sound_seq_fusion = nn.MultiheadAttention(c, heads, batch_first=True)
    self.pose_embedding = _stack(JOINTS * 3, c, 3, 1, 1)
    self.pose_mixer = nn.MultiheadAttention(c, heads, batch_first=True)
    self.logit_scale = nn.Parameter(
      torch.tensor(1 / 0.07).log(), requires_grad=False
    )

  def forward(self, audio, music, pose):
    """Poses [b, t, 63] and both embeddings [b, c]."""
    x = self._attend(self.main_block(audio), self.music_block(music))
    x = self.main_block2(x)
    # Straight into [b, features, t]: nothing trades places with time.
    x = x.reshape(x.shape[0], -1, x.shape[2])
    e5 = self.fifth_block(x)
    e6 = self.sixth_block(e5)
    e7 = self.seventh_block(e6)
    d6 = self.dec1(torch.cat([e6, self.up1(e7)], 1))
    d5 = self.dec2(torch.cat([e5, self.up2(d6)], 1))
    return (
      self.tail(d5),
      self._read(self.cls_token, e5, self.sound_seq_fusion),
      self._read(
        self.pose_token,
        self.pose_embedding(pose.transpose(1, 2)),
        self.pose_mixer,
      ),
    )

  def _attend(self, audio, music):
    """Between the bands of each frame; the music asks."""
    b, c, t, f = audio.shape

    def tokens(x):
      x = x.permute(0, 2, 3, 1).reshape(b * t, f, c)
      return x + self.pos_embedding.weight

    audio, music = tokens(audio), tokens(music)
    mixed, _ = self.multi_head_attention1(music, audio, audio)
    return (audio + mixed).reshape(b, t, f, c).permute(0, 3, 1, 2)

  def _read(self, token, sequence, attention):
    tokens = torch.cat(
      [token.expand(len(sequence), -1, -1), sequence.transpose(1, 2)], 1
    )
    tokens = tokens + self.time_embedding.weight
    mixed, _ = attention(tokens, tokens, tokens)
    return functional.normalize(mixed[:, 0], dim=-1)


class MultiScaleSum(_Pyramid):
  """AcousticPose with nine channels, Speech2Gesture with six."""

  def __init__(self, width, bands, inputs):
    a, b, c = channels(width)
    super().__init__(c * bands // 8, c)
    self.first_block = _stack(inputs, a, pool=(1, 2))
    self.second_block = _stack(a, b, pool=(1, 2))
    self.third_block = _stack(b, c, pool=(1, 2))
    self.forth_block = _stack(c, c)

  def forward(self, audio):
    """Poses [b, t, 63]."""
    x = self.third_block(self.second_block(self.first_block(audio)))
    x = self.forth_block(x)
    e5 = self.fifth_block(x.reshape(x.shape[0], -1, x.shape[2]))
    e6 = self.sixth_block(e5)
    e6 = e6 + self.seventh_block(e6).repeat_interleave(2, -1)
    return self.tail(e5 + e6.repeat_interleave(2, -1))


class WiPose(nn.Module):
  """Convolutions over a frame's bands, then three layers of LSTM."""

  def __init__(self, width, inputs):
    super().__init__()
    sizes = [inputs, *(max(8, int(n * width)) for n in (32, 64, 128, 256))]
    for i, window in enumerate((2, 2, 3, 4)):
      last = i == 3
      block = nn.Sequential(
        nn.Conv1d(sizes[i], sizes[i + 1], window, padding="same"),
        nn.BatchNorm1d(sizes[i + 1]),
        nn.AdaptiveAvgPool1d(1) if last else nn.MaxPool1d(2),
        nn.SiLU(),
      )
      setattr(self, f"cnn{i + 1}", block)
    # The same blocks under second names.
    self.cnn = nn.Sequential(self.cnn1, self.cnn2, self.cnn3, self.cnn4)
    self.lstm1 = nn.LSTM(sizes[-1], sizes[-1], 3, batch_first=True)
    self.fc1 = nn.Sequential(nn.Linear(sizes[-1], JOINTS * 3))

  def forward(self, audio):
    """Poses [b, t, 63]."""
    b, c, t, f = audio.shape
    x = self.cnn(audio.transpose(1, 2).reshape(b * t, c, f))
    x, _ = self.lstm1(x.reshape(b, t, -1))
    return self.fc1(x)


def build(model: str, width: float, bands: int, fa_heads=8, heads=8):
  """A network by our name for it."""
  if model == "bgm2pose":
    return BGM2Pose(width, bands, fa_heads, heads)
  if model == "wipose":
    return WiPose(width, 6)
  return MultiScaleSum(width, bands, 9 if model == "acousticpose" else 6)


def loss(outputs, target):
  """Squared error, 100 times that of motion, and both ways of InfoNCE."""
  pose, *embeddings = outputs if isinstance(outputs, tuple) else (outputs,)
  total = functional.mse_loss(pose, target) + 100 * functional.mse_loss(
    pose.diff(dim=1), target.diff(dim=1)
  )
  if embeddings:
    audio, posed = embeddings
    scale = torch.tensor(1 / 0.07, dtype=audio.dtype).log()
    logits = scale * audio @ posed.T
    right = torch.arange(len(logits))
    total = total + 0.5 * (
      functional.cross_entropy(logits, right)
      + functional.cross_entropy(logits.T, right)
    )
  return total
