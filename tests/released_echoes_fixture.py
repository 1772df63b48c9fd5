"""Folders in the released layout, in every form that they may have."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
from stand_in_samples import PAIRS_M, StandIn

from bgm2pose_jax.systems.posekernel.sample import Sample


@dataclasses.dataclass(frozen=True)
class Form:
  """How a folder is written.

  Attributes:
    sensors: shape of the sensors' array.
    joints: how many joints a pose has.
    transposed: poses are (3, joints).
    scale: units in a metre, of joints and of sensors.
    taps: taps of a response.
    dtype: of every array.
    first: number of the first sample.
    fortran: order of the arrays in the file.
  """

  sensors: tuple[int, ...] = (4, 3)
  joints: int = 25
  transposed: bool = False
  scale: tuple[float, float] = (1.0, 1.0)
  taps: int = 3072
  dtype: str = "<f8"
  first: int = 0
  fortran: bool = False


def save(path: pathlib.Path, values: Any, form: Form) -> None:
  array = np.asarray(values, form.dtype)
  np.save(path, np.asfortranarray(array) if form.fortran else array)


def write(
  root: pathlib.Path,
  form: Form | None = None,
  environments: int = 2,
  samples: int = 10,
) -> dict[str, list[Sample]]:
  """Writes `root`/dataset/...; the samples that it holds."""
  form = form or Form()
  made = StandIn(environments, samples)
  out: dict[str, list[Sample]] = {}
  for number, name in enumerate(made.environments(), start=1):
    folder = root / "dataset" / f"environment{number}"
    folder.mkdir(parents=True)
    sensors = form.scale[1] * PAIRS_M
    if form.sensors != (4, 3):
      # A loudspeaker 10 cm to one side, a microphone to the other.
      aside = form.scale[1] * np.array([0.1, 0, 0])
      sensors = np.stack([sensors - aside, sensors + aside], axis=1)
    save(folder / "audio_sensor_loc.npy", sensors.reshape(form.sensors), form)
    out[folder.name] = list(made.make(name))
    for sample in out[folder.name]:
      place = folder / str(sample.index + form.first)
      place.mkdir()
      rng = np.random.default_rng(sample.index)
      extra = rng.normal(size=(form.joints - 15, 3))
      joints = form.scale[0] * np.concatenate([sample.pose_m, extra])
      save(place / "gnd.npy", joints.T if form.transposed else joints, form)
      kernels = np.zeros((4, form.taps))
      kept = min(form.taps, sample.kernels.shape[1])
      kernels[:, :kept] = sample.kernels[:, :kept]
      kernels[:, kept:] = 7.0  # must not be read
      save(place / "rir.npy", kernels, form)
  return out
