"""Poses packed for the player: small whole numbers in base64."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.skeleton import Skeleton

# 20 minutes at 20 frames a second: with some 20 joints as int16 numbers in
# base64 they are 4 MB, twice that with ground truth.
MAX_FRAMES = 24_000


def body(skeleton: Skeleton, head: str | None = None) -> dict[str, Any]:
  """What the player needs to know of a skeleton, JSON-ready.

  Args:
    skeleton: the skeleton of the poses.
    head: name of the joint that is drawn as a head; None draws none.
  """
  return {
    "bones": [list(bone) for bone in skeleton.bones],
    "head": None if head is None else skeleton.index(head),
    "joints": list(skeleton.joints),
    "lengths": skeleton.unit,
  }


def pack(
  pose: np.ndarray,
  target: np.ndarray | None = None,
  spread: np.ndarray | None = None,
  *,
  other: np.ndarray | None = None,
  clips: Sequence[Mapping[str, Any]],
  clip_frames: int,
  rate_hz: float,
  simulated: bool,
  body: Mapping[str, Any],
) -> dict[str, Any]:
  """What the player needs, JSON-ready.

  Args:
    pose: [..., joint, 3] predictions in any unit, y up; leading axes are
      frames in order.
    target: like `pose`, ground truth; None where there is none.
    spread: [..., joint], standard deviation between models in that unit; None
      for one model.
    other: like `pose`, a third figure to show beside; None for none.
    clips: stretches to choose from, each `label`, `start` (where it begins in
      `pose`), `windows` (its length) and `first` (number of its first
      window), all three counted in windows of `clip_frames` frames; may have
      `first_s`, the time of its first frame.
    clip_frames: frames of a window; 1 where frames stand alone.
    rate_hz: frames a second.
    simulated: whether to mark the picture.
    body: the body from `body`.

  Returns:
    `pred` and `target` as base64 of little-endian int16 in multiples of
    `unit` of the poses' unit, `spread` as base64 of uint8 in multiples of
    `spread_unit`; empty text stands for what is not there. `other`, as `pred`
    is, stands only where it is given.

  Raises:
    InputError: a value that is not finite.
  """
  figures = {"pose": pose, "target": target, "other": other}
  for name, values in (*figures.items(), ("spread", spread)):
    if values is not None and not np.isfinite(values).all():
      raise InputError(name, "is not finite", "predict again")
  shown = [each for each in figures.values() if each is not None]
  unit = (_largest(shown) or 1.0) / 32767
  packed = {
    {"pose": "pred"}.get(name, name): _base64(each, unit, "<i2", 32767)
    for name, each in figures.items()
    if each is not None
  }
  spread_unit = (_largest([] if spread is None else [spread]) or 1.0) / 255
  packed_spread = ""
  if spread is not None:
    packed_spread = _base64(spread, spread_unit, "u1", 255)
  return {
    **body,
    "clips": [dict(clip) for clip in clips],
    "frames": int(clip_frames),
    "rate_hz": float(rate_hz),
    "simulated": bool(simulated),
    "spread": packed_spread,
    "spread_unit": spread_unit,
    "target": "",
    "unit": unit,
    **packed,
  }


def _largest(arrays: Sequence[np.ndarray]) -> float:
  return max((float(np.abs(x).max(initial=0)) for x in arrays), default=0.0)


def _base64(values: np.ndarray, unit: float, dtype: str, top: int) -> str:
  low = -top if np.dtype(dtype).kind == "i" else 0
  # float64: in float32 a small unit would round to zero.
  whole = np.rint(np.asarray(values, np.float64) / unit)
  packed = np.clip(whole, low, top).astype(dtype)
  return base64.b64encode(packed.tobytes()).decode("ascii")
