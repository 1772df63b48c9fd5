"""How a system's networks find poses in files or arrays, for Python code."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, whole_file
from bgm2pose_jax.report.poses import Poses

# A value, and a path without an ending -> the file that was written.
Write = Callable[[Any, pathlib.Path], pathlib.Path]
# A WAV file's own size field ends here; RF64 goes on.
_WAV_BYTES = 4_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromFiles:
  """What a system's command that finds poses does, without its files.

  Attributes:
    inputs: {flag that names a file: how a value in memory becomes such a file}
      in the order in which `predict` takes them.
    define_flags: adds the command's flags; they are the options of `predict`.
    not_options: those of its flags that say where something is written.
    predict: (flags, a `TrainedModel` of the system) -> poses. Writes nothing.
  """

  inputs: Mapping[str, Write]
  define_flags: Callable[[flags.FlagValues], None]
  not_options: tuple[str, ...]
  predict: Callable[[flags.FlagValues, Any], Poses]


def write_sound(value: Any, path: pathlib.Path) -> pathlib.Path:
  """Writes sound in memory as a WAV file of float32 samples.

  Args:
    value: (samples, rate in Hz); the samples are [channel, samples] or
      [samples].
    path: without an ending.

  Raises:
    InputError: another kind of value.
  """
  import soundfile

  given, rate_hz = _with_rate(value, "samples [channel, samples]")
  samples = _in_full_scale(given, path)
  if samples.ndim == 1:
    samples = samples[None]
  if samples.ndim != 2 or len(samples) > samples.shape[1]:
    raise InputError(
      path.name,
      f"has samples of shape {samples.shape}",
      "give [channel, samples]",
    )
  if rate_hz % 1:
    raise InputError(path.name, f"has {rate_hz} Hz", "give whole Hz")
  path = path.with_suffix(".wav")
  kind = "RF64" if samples.size * 4 > _WAV_BYTES else "WAV"
  soundfile.write(path, samples.T, int(rate_hz), format=kind, subtype="FLOAT")
  return path


def arrays_with_rate(name: str) -> Write:
  """Makes a writer of (array, rate in Hz) as a .npz file.

  Args:
    name: of the array in the file; the rate's is `rate_hz`.
  """

  def write(value: Any, path: pathlib.Path) -> pathlib.Path:
    if isinstance(value, Mapping):
      return _write_npz(value, path)
    array, rate_hz = _with_rate(value, name)
    return _write_npz({name: array, "rate_hz": np.float64(rate_hz)}, path)

  return write


def arrays(name: str) -> Write:
  """Makes a writer of an array, or a mapping of arrays, as a .npz file.

  Args:
    name: of the array in the file.
  """

  def write(value: Any, path: pathlib.Path) -> pathlib.Path:
    named = value if isinstance(value, Mapping) else {name: value}
    return _write_npz(named, path)

  return write


def write_json(value: Any, path: pathlib.Path) -> pathlib.Path:
  """Writes a mapping of plain values as a JSON file.

  Raises:
    InputError: it holds something else.
  """
  if not isinstance(value, Mapping):
    raise _kind(path.name, value, "a path or a dict")
  try:
    text = json.dumps(value)
  except (TypeError, ValueError) as error:
    raise InputError(
      path.name, f"cannot be JSON ({error})", "give numbers, texts and lists"
    ) from error
  path = path.with_suffix(".json")
  whole_file.write_text(path, text)
  return path


def _write_npz(values: Mapping[str, Any], path: pathlib.Path) -> pathlib.Path:
  path = path.with_suffix(".npz")
  array_file.write(path, {k: np.asarray(v) for k, v in values.items()})
  return path


def _with_rate(value: Any, what: str) -> tuple[np.ndarray, float]:
  wanted = f"a path or ({what}, rate in Hz)"
  if not isinstance(value, tuple) or len(value) != 2:
    raise _kind("the input", value, wanted)
  array = np.asarray(value[0])
  if array.dtype.kind not in "iuf" or not np.isscalar(value[1]):
    raise _kind("the input", value, wanted)
  try:
    rate_hz = float(np.asarray(value[1]))
  except (TypeError, ValueError):
    raise _kind("the input", value, wanted) from None
  if not 0 < rate_hz < 1e9:
    raise InputError("the input", f"has {rate_hz} Hz", "give a rate above 0")
  return array, rate_hz


def _in_full_scale(samples: np.ndarray, path: pathlib.Path) -> np.ndarray:
  """float32 samples; whole numbers are parts of their type's full scale."""
  if samples.dtype.kind == "u":
    raise InputError(
      path.name,
      f"has {samples.dtype} samples",
      "give floating-point numbers, full scale being 1",
    )
  if samples.dtype.kind == "i":
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
  return samples.astype(np.float32)


def _kind(where: str, value: Any, wanted: str) -> InputError:
  return InputError(where, f"is {type(value).__name__}", f"give {wanted}")
