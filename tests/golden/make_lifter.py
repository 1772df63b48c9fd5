"""Makes the reference arrays of PoseKernelLifter; needs PyTorch.

    python tests/golden/make_lifter.py

writes beside this file what PyTorch 2.13 computes in float64 on CPU.
lifter_both.npz, lifter_visual.npz and lifter_audio.npz hold narrow networks:

  weights/KEY                     float32
  visual, sound, target           float32, [b, c, x, z, y]
  out/STAGE                       float64, heatmaps
  loss                            float64
  gradient/KEY                    float64, of every parameter

volumes.npz holds layers: of `conv3d`, for each pair of channels C_O, conv/C_O/
with x, kernel, grad (what enters on the way back), out, x_grad and
kernel_grad; the same of `group_norm` and ReLU in norm/ with scale and bias.

Weights and inputs are multiples of powers of two: exact in every type.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch
import torch_lifter
from torch.nn import functional

SEED = 5
GRID = (5, 6, 5)
BATCH, PAIRS = 2, 3
SIZES = {"width": 6, "sound_width": 3, "stages": 2, "depth": 2, "groups": 3}
# Few channels and many, in any order; no whole registers.
CHANNELS = ((1, 8), (8, 16), (16, 8), (13, 12), (12, 16))
VOLUME = (6, 3, 4)


def drawn(rng: np.random.Generator, shape, spread: float = 1.0):
  """Normal numbers, rounded to 1/16."""
  values = np.round(rng.normal(scale=spread, size=shape) * 16) / 16
  return torch.from_numpy(values)


def network(inputs: str) -> dict[str, np.ndarray]:
  """Everything that is stored of one network."""
  rng = np.random.default_rng(SEED)
  made = torch_lifter.Lifter(inputs, **SIZES).double()
  out = {}
  for key, value in made.named_parameters():
    # Norms start at one; at their start, mistakes would not show.
    centre = 1.0 if "norm" in key and key.endswith("weight") else 0.0
    value.data = drawn(rng, value.shape, 0.4) + centre
    out[f"weights/{key}"] = value.data.numpy().astype(np.float32)
  visual = drawn(rng, (BATCH, torch_lifter.JOINTS, *GRID))
  sound = drawn(rng, (BATCH, PAIRS, *GRID))
  target = torch.from_numpy(
    np.round(rng.uniform(0, 0.2, visual.shape) * 1024) / 1024
  )
  given = {"visual": visual, "sound": sound, "target": target}
  out |= {name: x.numpy().astype(np.float32) for name, x in given.items()}
  maps = made(visual, sound)
  loss = torch_lifter.loss(maps, target)
  loss.backward()
  out["loss"] = loss.detach().numpy()
  out |= {f"out/{i}": m.detach().numpy() for i, m in enumerate(maps)}
  for key, value in made.named_parameters():
    out[f"gradient/{key}"] = value.grad.numpy()
  return out


def layers() -> dict[str, np.ndarray]:
  """Convolutions and a normalisation, ours in channels last."""
  rng = np.random.default_rng(SEED)
  out = {}
  for c, o in CHANNELS:
    x = drawn(rng, (2, c, *VOLUME)).requires_grad_()
    kernel = drawn(rng, (o, c, 3, 3, 3)).requires_grad_()
    grad = drawn(rng, (2, o, *VOLUME))
    y = functional.conv3d(x, kernel, padding=1)
    y.backward(grad)
    found = {"x": x, "grad": grad, "out": y, "x_grad": x.grad}
    kernels = {"kernel": kernel, "kernel_grad": kernel.grad}
    found = {k: v.detach().movedim(1, -1) for k, v in found.items()}
    found |= {k: v.detach().permute(2, 3, 4, 1, 0) for k, v in kernels.items()}
    out |= {f"conv/{c}_{o}/{key}": v.numpy() for key, v in found.items()}
  x = (drawn(rng, (2, 6, *VOLUME)) + 40).requires_grad_()
  scale = drawn(rng, (6,)).requires_grad_()
  bias = drawn(rng, (6,)).requires_grad_()
  grad = drawn(rng, x.shape)
  y = torch.relu(functional.group_norm(x, 3, scale, bias, eps=1e-5))
  y.backward(grad)
  volumes = {"x": x, "grad": grad, "out": y, "x_grad": x.grad}
  found = {k: v.detach().movedim(1, -1) for k, v in volumes.items()}
  found |= {"scale": scale.detach(), "scale_grad": scale.grad}
  found |= {"bias": bias.detach(), "bias_grad": bias.grad}
  return out | {f"norm/{key}": v.numpy() for key, v in found.items()}


def main() -> None:
  """Writes all files."""
  files = {f"lifter_{i}": network(i) for i in ("both", "visual", "audio")}
  files["volumes"] = layers()
  for name, arrays in files.items():
    path = pathlib.Path(__file__).parent / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size} bytes")


if __name__ == "__main__":
  main()
