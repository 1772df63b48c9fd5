"""Weights of our networks from a published PyTorch state_dict, and back.

On NumPy arrays in both their types; needs no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.models import torch_keys
from bgm2pose_jax.systems.bgm2pose.models.torch_keys import Row

_BATCHES = "num_batches_tracked"


class _Layout(NamedTuple):
  to_ours: Callable[[np.ndarray], np.ndarray]
  to_torch: Callable[[np.ndarray], np.ndarray]


def _last_two_first(x: np.ndarray) -> np.ndarray:
  return x.transpose(x.ndim - 1, x.ndim - 2, *range(x.ndim - 2))


LAYOUTS = {
  "same": _Layout(lambda x: x, lambda x: x),
  # [out, in, *window] and [*window, in, out].
  "conv": _Layout(
    lambda x: x.transpose(*range(2, x.ndim), 1, 0), _last_two_first
  ),
  # [in, out, 4] and [4, in, out]; the taps keep their order.
  "transposed_conv": _Layout(
    lambda x: np.moveaxis(x, 2, 0), lambda x: np.moveaxis(x, 0, 2)
  ),
  # [out, in] and [in, out].
  "matrix": _Layout(np.transpose, np.transpose),
  # [out, in] and [1, in, out]: a convolution that sees one frame.
  "pointwise": _Layout(lambda x: x.T[None], lambda x: x[0].T),
  # [1, 1, c] and [c].
  "token": _Layout(lambda x: x[0, 0], lambda x: x[None, None]),
}


def from_torch(
  model: str,
  found: Mapping[str, np.ndarray],
  wanted: Mapping[str, tuple[int, ...]],
  where: object,
) -> tuple[dict[str, np.ndarray], list[str]]:
  """Takes a network's arrays out of a state_dict.

  Args:
    model: name in `models.registry`.
    found: the state_dict, key to array.
    wanted: path of each of our arrays and its shape.
    where: what `found` was read from, for messages.

  Returns:
    Path to array, in the types of `found`; and the keys that were left: what
    the published network never runs, and what this one was built without.

  Raises:
    InputError: a key is missing, unexpected, of another shape, not finite, or
      differs from the same array under its other name.
  """
  found = _under_one_name(model, found, where)
  table = [row for row in torch_keys.rows(model) if row.path in wanted]
  _check_complete(table, wanted)
  out = {}
  for row in table:
    shape = _torch_shape(row, wanted[row.path])
    array = found.get(row.key)
    if array is None or array.shape != shape:
      is_what = "is missing" if array is None else f"is {list(array.shape)}"
      raise InputError(
        where,
        f"{row.key} {is_what}, wanted {list(shape)}",
        "take the file of this --model; network.width must be that of the file",
      )
    if not np.isfinite(array).all():
      bad = array.size - int(np.isfinite(array).sum())
      raise InputError(
        where,
        f"{row.key} holds {bad} of {array.size} values that are not finite",
        "take weights of a run that did not diverge",
      )
    if row.third is not None:
      array = np.split(array, 3)[row.third]
    out[row.path] = np.ascontiguousarray(LAYOUTS[row.layout].to_ours(array))
  used = {row.key for row in table}
  left = sorted(
    k for k in found if k not in used and not k.endswith("." + _BATCHES)
  )
  may_be_left = _may_be_left(model, wanted)
  for key in left:
    if key.split(".")[0] not in may_be_left:
      raise InputError(
        where,
        f"{key} is unexpected, {list(found[key].shape)} where none is wanted",
        "take the --model and the network.* fields that the file was saved of",
      )
  return out, left


def to_torch(
  model: str,
  arrays: Mapping[str, np.ndarray],
  *,
  batches: int,
  fill_unused: bool = False,
) -> dict[str, np.ndarray]:
  """Names a network's arrays as published.

  Args:
    model: name in `models.registry`.
    arrays: path to array; every array of the network.
    batches: what each batch normalisation's count of batches becomes.
    fill_unused: add what the published module registers and never runs, so
      that it loads strictly: zeros, gains and variances of one.

  Returns:
    The state_dict; an array under two names is in it twice.

  Raises:
    InputError: the network has a part that the published one has not, or the
      other way round. The contrastive heads alone may be missing, without
      `fill_unused`.
  """
  table = [row for row in torch_keys.rows(model) if row.path in arrays]
  _check_complete(table, arrays)
  for row in torch_keys.rows(model):
    is_head = "/contrastive/" in row.path
    if row.path not in arrays and (fill_unused or not is_head):
      raise InputError(
        row.path,
        f"is not in this network, the published one has it as {row.key}",
        "drop --fill_unused" if is_head else "take a run without ablation",
      )
  out: dict[str, np.ndarray] = {}
  stacked: dict[str, list[np.ndarray]] = {}
  for row in table:
    array = LAYOUTS[row.layout].to_torch(arrays[row.path])
    if row.third is None:
      out[row.key] = np.ascontiguousarray(array)
    else:  # the table has them in order
      stacked.setdefault(row.key, []).append(array)
  out |= {key: np.concatenate(parts) for key, parts in stacked.items()}
  for key in list(out):
    if key.endswith(".running_var"):
      out[key.replace("running_var", _BATCHES)] = np.asarray(batches, np.int64)
  if fill_unused:
    out = _unused(model, arrays) | out
  for key in list(out):
    _, second = torch_keys.both_names(model, key)
    if second is not None:
      out[second] = out[key]
  return out


def batches_tracked(found: Mapping[str, np.ndarray]) -> int:
  """Returns the most batches that any batch normalisation has counted."""
  counts = [int(x) for key, x in found.items() if key.endswith("." + _BATCHES)]
  return max(counts, default=0)


def _under_one_name(
  model: str, found: Mapping[str, np.ndarray], where: object
) -> dict[str, np.ndarray]:
  """Drops second names; both must hold the same."""
  out: dict[str, np.ndarray] = {}
  for key, array in found.items():
    first, _ = torch_keys.both_names(model, key)
    other = out.setdefault(first, array)
    if other.shape != array.shape or not np.array_equal(
      other, array, equal_nan=True
    ):
      raise InputError(
        where,
        f"{key} differs from the same array under its other name",
        "save the state_dict of one module",
      )
  return out


def _torch_shape(row: Row, ours: tuple[int, ...]) -> tuple[int, ...]:
  empty = np.broadcast_to(np.float32(0), ours)
  shape = LAYOUTS[row.layout].to_torch(empty).shape
  return shape if row.third is None else (3 * shape[0], *shape[1:])


def _check_complete(table: Sequence[Row], ours: Iterable[str]) -> None:
  missing = sorted(set(ours) - {row.path for row in table})
  if missing:
    raise InputError(
      missing[0],
      "has no name in the published network",
      "take network.* fields of the published network",
    )


def _may_be_left(model: str, ours: Iterable[str]) -> tuple[str, ...]:
  unused = torch_keys.unused(model)
  if model != "bgm2pose" or _has_heads(ours):
    return unused
  return (*unused, *torch_keys.HEADS)


def _has_heads(ours: Iterable[str]) -> bool:
  return any("/contrastive/" in path for path in ours)


def _unused(
  model: str, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """What the published module holds and never runs."""
  if not torch_keys.unused(model):
    return {}
  c = len(arrays["params/merge/conv/bias"])
  out: dict[str, np.ndarray] = {}
  for name, window in zip(torch_keys.UNUSED_BLOCKS, ((3,), (3,), (3, 3))):
    out[f"{name}.0.weight"] = np.zeros((c, c, *window), np.float32)
    out[f"{name}.0.bias"] = np.zeros(c, np.float32)
    for entry, value in (
      ("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1),
    ):  # fmt: skip
      out[f"{name}.2.{entry}"] = np.full(c, value, np.float32)
    out[f"{name}.2.{_BATCHES}"] = np.asarray(0, np.int64)
  if model != "bgm2pose":
    return out
  # A token for every fourth band.
  tokens = arrays["params/frequency_attention/band_embedding"].shape[0] // 4
  out["pos_embedding2.weight"] = np.zeros((tokens, c), np.float32)
  # What the published loss multiplies cosines by; the entry is only logged.
  out["logit_scale"] = np.asarray(math.log(1 / 0.07), np.float32)
  name = "multi_head_attention2"
  out[f"{name}.in_proj_weight"] = np.zeros((3 * c, c), np.float32)
  out[f"{name}.in_proj_bias"] = np.zeros(3 * c, np.float32)
  out[f"{name}.out_proj.weight"] = np.zeros((c, c), np.float32)
  out[f"{name}.out_proj.bias"] = np.zeros(c, np.float32)
  return out
