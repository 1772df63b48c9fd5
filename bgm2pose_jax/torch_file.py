"""PyTorch files that hold a state_dict, read and written as NumPy arrays.

Needs PyTorch, the extra `torch`; nothing else does.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax import whole_file
from bgm2pose_jax.errors import InputError

# Where training scripts put a state_dict among other things.
_FIELDS = ("state_dict", "model_state_dict", "model")
# Left by DataParallel before every key.
_PREFIX = "module."


def read_state_dict(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """Reads a state_dict; nothing but tensors and plain values is unpickled.

  Args:
    path: a file of `torch.save`: a state_dict, or a dict that holds one as
      `state_dict`, `model_state_dict` or `model`.

  Returns:
    Key to array: float32 whatever floating type was saved, counts as they
    are. A `module.` before every key is taken off.

  Raises:
    InputError: no PyTorch, no such file, or no state_dict in it.
  """
  torch = _torch()
  path = pathlib.Path(path)
  if not path.is_file():
    raise InputError(path, "no such file", "give a file of torch.save")
  try:
    held = torch.load(path, map_location="cpu", weights_only=True)
  except Exception as error:  # pickle's errors have no common base
    # PyTorch explains at length; the first line says what happened.
    first = str(error).strip().split("\n")[0]
    raise InputError(
      path,
      f"cannot be read as plain weights ({first})",
      "save the weights alone: torch.save(model.state_dict(), FILE)",
    ) from error
  found = _state_dict(held, torch)
  if found is None:
    raise InputError(
      path,
      f"holds no state_dict, but {_in_words(held)}",
      "save the weights alone: torch.save(model.state_dict(), FILE)",
    )
  if all(key.startswith(_PREFIX) for key in found):
    found = {key.removeprefix(_PREFIX): x for key, x in found.items()}
  return {key: _as_numpy(x, torch) for key, x in found.items()}


def write_state_dict(
  path: str | pathlib.Path, arrays: Mapping[str, np.ndarray]
) -> None:
  """Writes a state_dict that `torch.load` reads, whole or not at all.

  Args:
    path: of the file.
    arrays: key to array.

  Raises:
    InputError: no PyTorch, or the file cannot be written.
  """
  torch = _torch()
  path = pathlib.Path(path)
  tensors = {key: torch.from_numpy(np.array(x)) for key, x in arrays.items()}
  try:
    with whole_file.writing(path) as file:
      torch.save(tensors, file)
  except RuntimeError as error:
    # What its archive writer makes of a disk that is full.
    raise InputError(
      path,
      f"cannot be written ({str(error).splitlines()[0]})",
      "free some space",
    ) from error


def _torch() -> Any:
  try:
    import torch  # pyright: ignore[reportMissingImports]
  except ImportError as error:
    raise InputError(
      "PyTorch",
      "is not installed",
      "pip install 'bgm2pose-jax[torch]'",
    ) from error
  return torch


def _state_dict(held: Any, torch: Any) -> dict[str, Any] | None:
  """The state_dict in what a file held, or None."""
  if not isinstance(held, Mapping) or not held:
    return None
  if all(isinstance(x, torch.Tensor) for x in held.values()):
    return {str(key): x for key, x in held.items()}
  for field in _FIELDS:
    if field in held:
      return _state_dict(held[field], torch)
  return None


def _in_words(held: Any) -> str:
  if not isinstance(held, Mapping):
    return f"a {type(held).__name__}"
  keys = [str(key) for key in held]
  return f"a dict of {', '.join(keys[:8]) or 'nothing'}"


def _as_numpy(tensor: Any, torch: Any) -> np.ndarray:
  if tensor.is_floating_point():
    tensor = tensor.to(torch.float32)
  return tensor.detach().contiguous().numpy()
