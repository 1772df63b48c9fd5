"""What a prediction's page draws against time: images and lines, packed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.report import timeline
from bgm2pose_jax.systems.bgm2pose.heard import band_ticks, heard_image
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ, PoseTrack

# More than a wide screen has pixels; an hour and a glance are drawn alike.
MAX_COLUMNS = 4000


def pictures(
  track: PoseTrack,
  frames: int,
  spectrogram: np.ndarray | None,
  attention: np.ndarray | None,
) -> list[dict[str, Any]]:
  """Images of the first frames for the timeline.

  Args:
    track: the prediction.
    frames: how many frames of it are shown.
    spectrogram: [frames, bands], log-mel dB of channel W; None draws none.
    attention: [frames, bands], how much each band was attended to, not
      negative; None draws none.

  Raises:
    InputError: an array of another length, or with values that cannot be.
  """
  size = per_column(frames)
  found = []
  if spectrogram is not None:
    heard = _checked("spectrogram", spectrogram, len(track))[:frames]
    found.append(heard_image(means(heard, size)))
  if attention is not None:
    weights = _checked("attention", attention, len(track))[:frames]
    if (weights < 0).any():
      raise InputError(
        "attention", "has negative weights", "give weights after the softmax"
      )
    even = weights.mean(axis=1, keepdims=True)
    shares = means(weights / np.where(even > 0, even, 1), size)
    high = max(float(np.percentile(shares, 99.5)), 1.0)
    found.append(
      timeline.image(
        "Attention, × even share",
        shares,
        (0, high),
        ("0", f"{high:.2g}"),
        band_ticks(shares.shape[1]),
      )
    )
  return found


def per_column(frames: int) -> int:
  """How many of so many frames make one column of an image."""
  return max(1, math.ceil(frames / MAX_COLUMNS))


def means(values: np.ndarray, size: int) -> np.ndarray:
  """Means of `size` frames each, the last of what is left.

  Args:
    values: [frames, ...].
    size: frames of a mean.

  Returns:
    float64 [ceil(frames / size), ...].
  """
  starts = np.arange(0, len(values), size)
  counts = np.diff(starts, append=len(values))
  sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
  return sums / counts.reshape(-1, *[1] * (values.ndim - 1))


def round_top(value: float) -> float:
  """The next of 1, 2, 5, 10, 20, ...; 1 where nothing is above zero."""
  if value <= 0:
    return 1.0
  unit = 10.0 ** math.floor(math.log10(value))
  return next(k * unit for k in (1, 2, 5, 10) if k * unit >= value * 0.999)


def _checked(name: str, values: np.ndarray, frames: int) -> np.ndarray:
  values = np.asarray(values)
  if values.ndim != 2 or len(values) != frames or not values.shape[1]:
    raise InputError(
      name, f"shape {values.shape}", f"give [frames={frames}, bands]"
    )
  if not np.isfinite(values).all():
    raise InputError(name, "is not finite", "predict again")
  return values


def lines(track: PoseTrack, frames: int) -> list[dict[str, Any]]:
  """Spread and speed of the first frames, each a mean over joints.

  Args:
    track: the prediction.
    frames: how many frames of it are shown.
  """
  size = per_column(frames)
  pose = track.pose[:frames]
  target = None if track.target is None else track.target[:frames]
  found = []
  if track.spread is not None:
    spread = track.spread[:frames].mean(axis=1)
    found.append(
      ("Spread of the models, hip-spine lengths", [("pred", "", spread)])
    )
  speeds = [("pred", "prediction", _speed(pose))]
  if target is not None:
    speeds.insert(0, ("truth", "truth", _speed(target)))
  found.append(("Joint speed, hip-spine lengths/s", speeds))
  made = []
  for title, curves in found:
    shown = [means(values, size) for _, _, values in curves]
    made.append(
      {
        "curves": [
          [colour, name, [float(f"{v:.3g}") for v in values]]
          for (colour, name, _), values in zip(curves, shown)
        ],
        "title": title,
        "top": round_top(max(float(values.max()) for values in shown)),
      }
    )
  return made


def _speed(pose: np.ndarray) -> np.ndarray:
  """Mean joint speed [frames], hip-spine lengths per second."""
  if len(pose) < 2:
    return np.zeros(len(pose))
  step = np.linalg.norm(np.diff(pose, axis=0), axis=-1).mean(axis=1)
  return RATE_HZ * np.concatenate([step[:1], step])
