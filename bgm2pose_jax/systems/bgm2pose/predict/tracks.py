"""What a prediction's page draws against time: images and lines, packed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bgm2pose_jax.audio import mel
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.report import images
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ, PoseTrack

# More than a wide screen has pixels; an hour and a glance are drawn alike.
MAX_COLUMNS = 4000
# Steps of colour: finer than an eye tells apart, and half the bytes of 256.
_LEVELS = 64
_RANGE_DB = 70.0
_TICKS_HZ = (250, 1000, 4000, 16000)
_SAMPLE_RATE_HZ = 48000


def pack(
  track: PoseTrack,
  frames: int,
  spectrogram: np.ndarray | None,
  attention: np.ndarray | None,
) -> dict[str, Any]:
  """Images and lines of the first frames, JSON-ready; see page.js.

  Args:
    track: the prediction.
    frames: how many frames of it are shown.
    spectrogram: [frames, bands], log-mel dB of channel W; None draws none.
    attention: [frames, bands], how much each band was attended to, not
      negative; None draws none.

  Raises:
    InputError: an array of another length, or with values that cannot be.
  """
  per_column = max(1, math.ceil(frames / MAX_COLUMNS))
  pictures = []
  if spectrogram is not None:
    heard = _checked("spectrogram", spectrogram, len(track))[:frames]
    shown = means(heard, per_column)
    high = 5 * math.ceil(float(np.percentile(shown, 99.9)) / 5)
    low = 5 * math.floor(float(shown.min()) / 5)
    low = min(max(low, high - _RANGE_DB), high - 5)
    pictures.append(
      _image(
        "Sound heard (W), dB", shown, (low, high), (f"{low:g}", f"{high:g}")
      )
    )
  if attention is not None:
    weights = _checked("attention", attention, len(track))[:frames]
    if (weights < 0).any():
      raise InputError(
        "attention", "has negative weights", "give weights after the softmax"
      )
    even = weights.mean(axis=1, keepdims=True)
    shares = means(weights / np.where(even > 0, even, 1), per_column)
    high = max(float(np.percentile(shares, 99.5)), 1.0)
    pictures.append(
      _image("Attention, × even share", shares, (0, high), ("0", f"{high:.2g}"))
    )
  return {
    "frames": frames,
    "images": pictures,
    "lines": _lines(track, frames, per_column),
    "per_column": per_column,
    "ramp": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in images.ramp(12).tolist()],
  }


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


def _image(
  title: str,
  values: np.ndarray,
  limits: tuple[float, float],
  texts: tuple[str, str],
) -> dict[str, Any]:
  """One image over the mel bands; the highest band is its first row."""
  low, high = limits
  bands = values.shape[1]
  steps = np.rint((values - low) / (high - low) * (_LEVELS - 1))
  steps = np.clip(steps, 0, _LEVELS - 1).astype(np.uint8)
  top_mel = mel.hz_to_mel(_SAMPLE_RATE_HZ / 2)
  centre_mel = np.linspace(0, top_mel, bands + 2)[1:-1]
  ticks = [
    [
      round(float(np.interp(mel.hz_to_mel(hz), centre_mel, range(bands))), 2),
      f"{hz} Hz" if hz < 1000 else f"{hz // 1000} kHz",
    ]
    for hz in _TICKS_HZ
  ]
  return {
    "high_text": texts[1],
    "low_text": texts[0],
    "rows": bands,
    "ticks": ticks,
    "title": title,
    "uri": images.data_uri(images.png(steps.T[::-1], images.ramp(_LEVELS))),
  }


def _lines(
  track: PoseTrack, frames: int, per_column: int
) -> list[dict[str, Any]]:
  """Spread, error and speed, each a mean over joints."""
  pose = track.pose[:frames]
  target = None if track.target is None else track.target[:frames]
  found = []
  if track.spread is not None:
    spread = track.spread[:frames].mean(axis=1)
    found.append(
      ("Spread of the models, hip-spine lengths", [("pred", "", spread)])
    )
  if target is not None:
    error = np.linalg.norm(pose - target, axis=-1).mean(axis=1) * track.unit_cm
    found.append(("Joint distance to the truth, cm", [("pred", "", error)]))
  speeds = [("pred", "prediction", _speed(pose))]
  if target is not None:
    speeds.insert(0, ("truth", "truth", _speed(target)))
  found.append(("Joint speed, hip-spine lengths/s", speeds))
  lines = []
  for title, curves in found:
    shown = [means(values, per_column) for _, _, values in curves]
    lines.append(
      {
        "curves": [
          [colour, name, [float(f"{v:.3g}") for v in values]]
          for (colour, name, _), values in zip(curves, shown)
        ],
        "title": title,
        "top": round_top(max(float(values.max()) for values in shown)),
      }
    )
  return lines


def _speed(pose: np.ndarray) -> np.ndarray:
  """Mean joint speed [frames], hip-spine lengths per second."""
  if len(pose) < 2:
    return np.zeros(len(pose))
  step = np.linalg.norm(np.diff(pose, axis=0), axis=-1).mean(axis=1)
  return RATE_HZ * np.concatenate([step[:1], step])
