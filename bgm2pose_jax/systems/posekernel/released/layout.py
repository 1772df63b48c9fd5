"""Folders of the released data set: environments and numbered samples."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key

SENSORS, KERNELS, TRUTH = "audio_sensor_loc.npy", "rir.npy", "gnd.npy"
# The release has 1,681 in the largest environment.
MAX_SAMPLES = 100_000
_TOP = "dataset"
_ENVIRONMENT = re.compile(r"environment([1-9][0-9]{0,2})")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
_FIX = "give the folder of the release, which holds dataset/environment1/..."
# A gap of this many is named; more are counted.
_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Environment:
  """A folder of samples.

  Attributes:
    name: such as `environment1`.
    folder: its path.
    numbers: names of the samples' folders, rising without a gap.
  """

  name: str
  folder: Path
  numbers: tuple[int, ...]

  @property
  def sensors(self) -> Path:
    """File with the places of the pairs."""
    return self.folder / SENSORS

  def kernels(self, number: int) -> Path:
    """File with a sample's impulse responses."""
    return self.folder / str(number) / KERNELS

  def truth(self, number: int) -> Path:
    """File with a sample's joints."""
    return self.folder / str(number) / TRUTH

  def files(self) -> list[str]:
    """Names of all its files, relative to the folder of environments."""
    parts = [
      f"{self.name}/{number}/{file}"
      for number in self.numbers
      for file in (KERNELS, TRUTH)
    ]
    return [f"{self.name}/{SENSORS}", *parts]


def find(folder: str | os.PathLike[str]) -> tuple[Environment, ...]:
  """Lists the environments of a folder and their samples.

  Args:
    folder: the folder of the release, or its `dataset`.

  Returns:
    Environments in natural order.

  Raises:
    InputError: no such folder, no environment, one without sensors or samples,
      a sample that is missing, or one without one of its files.
  """
  root = Path(folder)
  with system_errors.in_one_line(root):
    if not root.is_dir():
      raise InputError(root, "is no folder", _FIX)
    if (root / _TOP).is_dir():
      root = root / _TOP
    names = sorted(
      (e.name for e in os.scandir(root) if _ENVIRONMENT.fullmatch(e.name)),
      key=natural_key,
    )
    if not names:
      raise InputError(root, "holds no folder environment1", _FIX)
    return tuple(_environment(root / name) for name in names)


def _environment(folder: Path) -> Environment:
  if not folder.is_dir():
    raise InputError(folder, "is no folder", _FIX)
  if not (folder / SENSORS).exists():
    raise InputError(
      folder,
      f"has no {SENSORS}: where its pairs stand is not known",
      "copy the environment again",
    )
  numbers = []
  for entry in os.scandir(folder):
    if _NUMBER.fullmatch(entry.name):
      numbers.append(int(entry.name))
    if len(numbers) > MAX_SAMPLES:
      raise InputError(
        folder, f"holds more than {MAX_SAMPLES} samples", "give the release"
      )
  if not numbers:
    raise InputError(folder, "holds no sample, such as 0", _FIX)
  numbers.sort()
  _check_whole(folder, numbers)
  return Environment(folder.name, folder, tuple(numbers))


def _check_whole(folder: Path, numbers: list[int]) -> None:
  """Refuses gaps: neighbours in number are taken for neighbours in time."""
  first = min(numbers[0], 1)
  missing = sorted(set(range(first, numbers[-1])) - set(numbers))
  if missing:
    named = ", ".join(map(str, missing[:_NAMED]))
    more = f" and {len(missing) - _NAMED} more" * (len(missing) > _NAMED)
    raise InputError(
      folder, f"lacks sample {named}{more}", "copy the environment again"
    )
  for number in numbers:
    for file in (KERNELS, TRUTH):
      if not (folder / str(number) / file).exists():
        raise InputError(
          folder / str(number), f"has no {file}", "copy the sample again"
        )
