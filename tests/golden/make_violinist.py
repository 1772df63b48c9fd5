"""Makes the reference arrays of MAPnet and its rivals; needs PyTorch.

    python tests/golden/make_violinist.py

writes one .npz a network beside this file: narrow networks with drawn weights,
and what PyTorch 2.13 computes of them in float64 on CPU:

  weights/KEY           float32
  pose, audio, target   float32 inputs and what is asked for
  out                   float64, prediction
  loss                  float64
  gradient/KEY          float64, of every parameter

Weights and inputs are multiples of powers of two: exact in every type.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch
import torch_violinist

BATCH, FRAMES_IN, SEED = 2, 5, 11
# Width, heads, feed-forward channels.
SIZES = (6, 2, 10)


def networks() -> dict[str, torch.nn.Module]:
  """The networks by the names of their files."""
  return {
    "mapnet": torch_violinist.MAPnet(FRAMES_IN, SIZES, 2, 2, 7),
    "mapnet_unbalanced": torch_violinist.MAPnet(FRAMES_IN, SIZES, 2, 1, 0),
    "pot": torch_violinist.PoT(FRAMES_IN, SIZES, 3, 7),
    "lstm_pose_audio": torch_violinist.LSTMs(6),
  }


def drawn(rng: np.random.Generator, shape, spread: float) -> torch.Tensor:
  """Normal numbers, rounded to 1/64."""
  values = np.round(rng.normal(scale=spread, size=shape) * 64) / 64
  return torch.from_numpy(values)


def make(network: torch.nn.Module) -> dict[str, np.ndarray]:
  """Everything that is stored of one network."""
  rng = np.random.default_rng(SEED)
  network.double()
  out = {}
  for key, value in network.named_parameters():
    # Norms start at one; at their start, mistakes would not show.
    centre = 1.0 if "norm" in key and key.endswith("weight") else 0.0
    value.data = drawn(rng, value.shape, 0.4) + centre
    out[f"weights/{key}"] = value.data.numpy().astype(np.float32)
  given = {
    "pose": drawn(rng, (BATCH, FRAMES_IN, torch_violinist.COLUMNS), 1.0),
    "audio": drawn(rng, (BATCH, 150, torch_violinist.AUDIO), 1.0),
    "target": drawn(rng, (BATCH, 150, torch_violinist.COLUMNS), 1.0),
  }
  out |= {name: x.numpy().astype(np.float32) for name, x in given.items()}
  predicted = network(given["pose"], given["audio"])
  loss = torch_violinist.loss(predicted, given["target"])
  loss.backward()
  out["out"], out["loss"] = predicted.detach().numpy(), loss.detach().numpy()
  for key, value in network.named_parameters():
    out[f"gradient/{key}"] = value.grad.numpy()
  return out


def main() -> None:
  """Writes all files."""
  folder = pathlib.Path(__file__).parent
  for name, network in networks().items():
    arrays = make(network)
    path = folder / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size} bytes")


if __name__ == "__main__":
  main()
