"""kernels.npz as the command `kernel` writes it, brought to the network's form.

The file holds `kernels` [sample, pair, tap], `rate_hz`, and maybe `names`
[sample]; tap 0 is when the sound leaves the loudspeaker.
"""

from __future__ import annotations

import dataclasses
import math
import os

import numpy as np
from scipy import signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses import image_points
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS, SAMPLE_RATE_HZ

_FIX = "give kernels.npz as the command `kernel` writes it"
_MAX_PAIRS = 64
# Below the first there is no echo of a body's fine parts; nobody records above
# the second.
_RATES_HZ = (32_000, 384_000)
_MAX_FACTOR = 640
_ROWS = 256
# Sound that is back sooner has met no body: what is left of the direct sound.
_DIRECT_M = 0.6
# What is cut off at the end and loud enough to mention.
_CUT_SHARE = 0.05
_NAME_CHARS = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Kernels:
  """Kernels of samples.

  Attributes:
    names: name of each sample.
    named: whether the file names them; else they are numbers from 0.
    kernels: float32 [sample, pair, tap=KERNEL_TAPS] at 96 kHz.
    notes: what was done to them, sentences.
    warnings: what makes the result worse, sentences.
  """

  names: tuple[str, ...]
  named: bool
  kernels: np.ndarray
  notes: tuple[str, ...] = ()
  warnings: tuple[str, ...] = ()

  def __len__(self) -> int:
    """How many samples there are."""
    return len(self.kernels)


def read(path: str | os.PathLike[str]) -> Kernels:
  """Reads kernels of any usual rate and length.

  Args:
    path: the file.

  Raises:
    InputError: no such file, arrays of other shapes, values that are not
      finite, silence, or a rate that cannot be brought to 96 kHz.
  """
  found = array_file.read_npz(
    path, ("kernels", "rate_hz"), _FIX, optional=("names",)
  )
  kernels = found["kernels"]
  if kernels.ndim != 3 or kernels.dtype.kind != "f" or not kernels.size:
    raise InputError(path, f"kernels are {kernels.dtype} {kernels.shape}", _FIX)
  samples, pairs, taps = kernels.shape
  if pairs > _MAX_PAIRS or samples > image_points.MAX_FRAMES:
    raise InputError(path, f"kernels have shape {kernels.shape}", _FIX)
  rate_hz = _rate(found["rate_hz"], path)
  names = _names(found.get("names"), samples, path)
  notes, warnings = [], []
  out = np.zeros((samples, pairs, KERNEL_TAPS), np.float32)
  cut = total = direct = 0.0
  for start in range(0, samples, _ROWS):
    rows = kernels[start : start + _ROWS].astype(np.float64)
    bad = ~np.isfinite(rows).all(axis=(1, 2))
    if bad.any():
      name = (names or image_points.numbered(samples))[start + bad.argmax()]
      raise InputError(
        path, f"sample {name} has values that are not finite", _FIX
      )
    rows = _at_network_rate(rows, rate_hz)
    kept = rows[..., :KERNEL_TAPS]
    total += float((rows**2).sum())
    cut += float((rows[..., KERNEL_TAPS:] ** 2).sum())
    early = int(_DIRECT_M / SOUND_SPEED_M_S * SAMPLE_RATE_HZ)
    direct += float((kept[..., :early] ** 2).sum())
    out[start : start + _ROWS, :, : kept.shape[2]] = kept
  if not total > 0:
    raise InputError(path, "holds silence alone", "record and extract again")
  if rate_hz != SAMPLE_RATE_HZ:
    notes.append(
      f"The kernels have {rate_hz} samples a second and were brought to"
      f" {SAMPLE_RATE_HZ}."
    )
    if rate_hz < SAMPLE_RATE_HZ:
      warnings.append(
        f"Above {rate_hz / 2000:g} kHz the kernels hold nothing: echoes are"
        " less sharp than those of the training."
      )
  own = math.ceil(taps * SAMPLE_RATE_HZ / rate_hz)
  if own != KERNEL_TAPS:
    done = "cut to" if own > KERNEL_TAPS else "filled up with zeros to"
    reach_m = KERNEL_TAPS / SAMPLE_RATE_HZ * SOUND_SPEED_M_S / 2
    notes.append(
      f"The kernels have {own} taps and were {done} {KERNEL_TAPS}, which reach"
      f" {reach_m:.1f} m."
    )
  if cut > _CUT_SHARE * total:
    warnings.append(
      f"{100 * cut / total:.0f} % of the kernels' energy comes later than"
      " the network hears."
    )
  if direct > 0.5 * total:
    warnings.append(
      f"{100 * direct / total:.0f} % of the kernels' energy comes from nearer"
      f" than {_DIRECT_M / 2:g} m: the direct sound is not subtracted, or tap 0"
      " is not when the sound leaves."
    )
  # The command `kernel` writes zeros where a recording is not usable.
  silent = np.abs(out).max(axis=2) == 0
  if silent.any():
    warnings.append(
      f"{silent.sum()} of {samples * pairs} kernels are silent;"
      f" {silent.all(axis=1).sum()} samples have no sound at all."
    )
  return Kernels(
    names or image_points.numbered(samples),
    names is not None,
    out,
    tuple(notes),
    tuple(warnings),
  )


def _rate(value: np.ndarray, path: object) -> int:
  low, high = _RATES_HZ
  rate_hz = float(value.reshape(-1)[0]) if value.size == 1 else math.nan
  shared = (
    math.gcd(int(rate_hz), SAMPLE_RATE_HZ) if low <= rate_hz <= high else 0
  )
  if not shared or rate_hz % 1 or SAMPLE_RATE_HZ // shared > _MAX_FACTOR:
    raise InputError(
      path,
      f"rate_hz is {value.tolist()!r:.40}",
      f"resample the recordings to {SAMPLE_RATE_HZ} Hz and extract the kernels"
      " again",
    )
  return int(rate_hz)


def _names(
  value: np.ndarray | None, samples: int, path: object
) -> tuple[str, ...] | None:
  if value is None:
    return None
  names = tuple(str(name) for name in value.ravel().tolist())
  if len(names) != samples:
    raise InputError(path, f"has {len(names)} names of {samples} samples", _FIX)
  for name in names:
    if (
      not 0 < len(name) <= _NAME_CHARS
      or not name.isprintable()
      or set(name) & set(',"')
    ):
      raise InputError(
        path,
        f"names a sample {name!r:.60}",
        "give short names without commas and quotes",
      )
  if len(set(names)) < samples:
    twice = next(name for name in names if names.count(name) > 1)
    raise InputError(
      path, f"names two samples {twice!r}", "name each differently"
    )
  return names


def _at_network_rate(rows: np.ndarray, rate_hz: int) -> np.ndarray:
  """Resamples impulse responses; what they add to a sound stays as loud.

  A tap of a response stands for the time between two samples, so its value
  falls as the rate rises.
  """
  if rate_hz == SAMPLE_RATE_HZ:
    return rows
  shared = math.gcd(rate_hz, SAMPLE_RATE_HZ)
  up, down = SAMPLE_RATE_HZ // shared, rate_hz // shared
  scale = rate_hz / SAMPLE_RATE_HZ
  return signal.resample_poly(rows, up, down, axis=-1) * scale
