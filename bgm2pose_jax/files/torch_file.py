"""PyTorch files that hold a state_dict, read and written as NumPy arrays.

Needs PyTorch, the extra `torch`; nothing else does.
"""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file, whole_file

# Where training scripts put a state_dict among other things.
_FIELDS = ("state_dict", "model_state_dict", "model")
# Left by DataParallel before every key.
_PREFIX = "module."
_ALONE = "save the weights alone: torch.save(model.state_dict(), FILE)"


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
  size = plain_file.check(path, "give a file of torch.save").st_size
  _check_archive(path, size)
  try:
    held = torch.load(path, map_location="cpu", weights_only=True)
  except MemoryError:
    raise
  except Exception as error:  # pickle's errors have no common base
    raise InputError(
      path,
      f"cannot be read as plain weights ({_reason(error)})",
      _ALONE,
    ) from error
  found = _state_dict(held, torch)
  if found is None:
    raise InputError(
      path,
      f"holds no state_dict, but {_in_words(held)}",
      _ALONE,
    )
  if all(key.startswith(_PREFIX) for key in found):
    found = {key.removeprefix(_PREFIX): x for key, x in found.items()}
  # Tensors may claim any shape over a few bytes; copies would fill memory.
  claimed = sum(x.numel() * x.element_size() for x in found.values())
  if claimed > 2 * size:
    raise InputError(
      path, f"claims {claimed} bytes of weights in {size}", _ALONE
    )
  try:
    return {key: _as_numpy(x, torch) for key, x in found.items()}
  except (RuntimeError, TypeError, NotImplementedError) as error:
    first = str(error).strip().split("\n")[0]
    raise InputError(
      path, f"holds a tensor of another kind ({first})", _ALONE
    ) from error


def write_state_dict(
  path: str | pathlib.Path, arrays: Mapping[str, np.ndarray]
) -> None:
  """Writes a state_dict that `torch.load` reads, whole or not at all.

  Args:
    path: the path of the file.
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


def _reason(error: Exception) -> str:
  """PyTorch explains at length, and how to run a stranger's code, too."""
  lines = str(error).strip().splitlines() or [type(error).__name__]
  own = [x.strip() for x in lines if "WeightsUnpickler error" in x]
  return own[0] if own else lines[0].partition(". ")[0]


def _check_archive(path: pathlib.Path, size: int) -> None:
  """Refuses compressed archives: `torch.save` makes none."""
  if not zipfile.is_zipfile(path):
    return
  try:
    with zipfile.ZipFile(path) as archive:
      held = sum(entry.file_size for entry in archive.infolist())
  except Exception as error:
    raise InputError(path, f"is a damaged archive ({error})", _ALONE) from None
  if held > size:
    raise InputError(path, f"claims {held} bytes in {size}", _ALONE)


def _state_dict(held: Any, torch: Any, depth: int = 0) -> dict[str, Any] | None:
  """The state_dict in what a file held, or None."""
  # A dict may hold itself.
  if depth > len(_FIELDS) or not isinstance(held, Mapping) or not held:
    return None
  if all(isinstance(x, torch.Tensor) for x in held.values()):
    return {str(key): x for key, x in held.items()}
  for field in _FIELDS:
    if field in held:
      return _state_dict(held[field], torch, depth + 1)
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
