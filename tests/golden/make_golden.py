"""Makes the reference arrays of the published networks; needs PyTorch.

    python tests/golden/make_golden.py

writes one .npz a network beside this file: narrow networks with drawn weights
and statistics, and what PyTorch 2.13 computes of them in float64 on CPU:

  weights/KEY            float32, by the published names
  audio, music, pose     float32 inputs, channels last
  use/pose               prediction with running statistics
  train/...              pose and embeddings with the batch's own
  loss                   as trained
  gradient/KEY           of every parameter
  after/KEY              running statistics after that batch
  count/KEY              entries a channel that they are over

All float64 but the weights and inputs, which are float32 on purpose: exact in
both types.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch
import torch_networks

# Narrow, yet with several heads and more than one band at the end.
WIDTH, BANDS, BATCH, SEED = 1 / 16, 16, 4, 7
HEADS = {"fa_heads": 4, "heads": 8}
MODELS = ("bgm2pose", "acousticpose", "speech2gesture", "wipose")
AUDIO_CHANNELS = {"bgm2pose": 11, "acousticpose": 9}


def drawn(model: str, width: float, bands: int, **heads: int):
  """A network in evaluation mode whose norms and statistics are in use.

  At their start, statistics let hardly anything of the input through many
  layers, and a mistake would not show.
  """
  torch.manual_seed(SEED)
  network = torch_networks.build(model, width, bands, **heads)
  with torch.no_grad():
    for module in network.modules():
      if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
        torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        torch.nn.init.normal_(module.bias, 0, 0.3)
        module.momentum = 1.0
      elif isinstance(module, torch.nn.MultiheadAttention):
        # PyTorch starts them at zero, where a mistake would not show.
        torch.nn.init.normal_(module.in_proj_bias, 0, 0.3)
        torch.nn.init.normal_(module.out_proj.bias, 0, 0.3)
    # Of another batch than the one that is looked at.
    call(network, inputs(model, bands, BATCH, SEED + 1), torch.float32)
  for module in network.modules():
    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
      module.momentum = 0.1
  return network.eval()


def inputs(
  model: str, bands: int, batch: int, seed: int = SEED
) -> dict[str, np.ndarray]:
  """Standardised features and swinging poses, channels last, float32."""
  rng = np.random.default_rng(seed)
  frames = torch_networks.FRAMES
  channels = AUDIO_CHANNELS.get(model, 6)
  out = {"audio": rng.normal(size=(batch, frames, bands, channels))}
  if model == "bgm2pose":
    out["music"] = rng.normal(size=(batch, frames, bands, 2))
  phase = rng.uniform(0, 6, (batch, 1, 21, 3))
  time = np.arange(frames).reshape(1, -1, 1, 1)
  out["pose"] = np.sin(phase + 0.3 * time)
  return {name: x.astype(np.float32) for name, x in out.items()}


def call(network, arrays: dict[str, np.ndarray], dtype):
  """Runs a network on channels-last inputs."""
  as_torch = {k: torch.from_numpy(x).to(dtype) for k, x in arrays.items()}
  audio = as_torch["audio"].permute(0, 3, 1, 2)
  if "music" not in as_torch:
    return network(audio)
  music = as_torch["music"].permute(0, 3, 1, 2)
  return network(audio, music, as_torch["pose"].flatten(2))


def _counts(network, counts: dict) -> None:
  """Notes how many entries a channel each batch normalisation sees."""
  for name, module in network.named_modules():
    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):

      def note(_, given, __, name=name):
        counts[name] = given[0].numel() // given[0].shape[1]

      module.register_forward_hook(note)


def make(model: str) -> dict[str, np.ndarray]:
  """Everything that is stored of one network."""
  network = drawn(model, WIDTH, BANDS, **HEADS)
  arrays = inputs(model, BANDS, BATCH)
  out = dict(arrays)
  start = {k: x.clone() for k, x in network.state_dict().items()}
  network.double()
  predicted = call(network, arrays, torch.float64)
  predicted = predicted[0] if isinstance(predicted, tuple) else predicted
  out["use/pose"] = predicted.detach().numpy()
  counts: dict[str, int] = {}
  _counts(network, counts)
  outputs = call(network.train(), arrays, torch.float64)
  target = torch.from_numpy(arrays["pose"]).double().flatten(2)
  loss = torch_networks.loss(outputs, target)
  loss.backward()
  out["loss"] = loss.detach().numpy()
  names = ("pose", "audio_embedding", "pose_embedding")
  outputs = outputs if isinstance(outputs, tuple) else (outputs,)
  for name, value in zip(names, outputs):
    out[f"train/{name}"] = value.detach().numpy()
  for key, value in network.named_parameters():
    if value.grad is not None:
      out[f"gradient/{key}"] = value.grad.numpy()
      out[f"weights/{key}"] = start[key].numpy()
  for name, count in counts.items():
    out[f"count/{name}"] = np.asarray(count)
    for entry in ("running_mean", "running_var"):
      key = f"{name}.{entry}"
      out[f"weights/{key}"] = start[key].numpy()
      out[f"after/{key}"] = network.state_dict()[key].numpy()
  return out


def main() -> None:
  """Writes all files."""
  folder = pathlib.Path(__file__).parent
  for model in MODELS:
    arrays = make(model)
    path = folder / f"{model}.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size} bytes")


if __name__ == "__main__":
  main()
