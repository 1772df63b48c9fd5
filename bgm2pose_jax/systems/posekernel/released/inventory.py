"""What the released folder holds, as text, from headers and a few joints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.files import array_file, plain_file
from bgm2pose_jax.report import text_table
from bgm2pose_jax.systems.posekernel.released import arrays, layout, units

# Joints of so many samples say what the unit is.
_LOOKED_AT = 20
_NOTE = (
  "no images: 2D keypoints are simulated from the true joints (oracle 2D)\n"
  "terms: CC-BY-NC-4.0, non-commercial use; the method is covered by the "
  "patent US 12423861 B2"
)


def of_all(found: Sequence[layout.Environment]) -> str:
  """Says what environments hold, a line each.

  Args:
    found: environments from `layout.find`.

  Returns:
    A table of samples, shapes, types and units, and the release's terms.

  Raises:
    InputError: a file that cannot be used.
  """
  rows = [
    [
      "environment",
      "samples",
      "sensors",
      "unit",
      "rir",
      "type",
      "gnd",
      "type",
      "unit",
    ]
  ]
  for each in found:
    with system_errors.in_one_line(each.folder):
      rows.append(_row(each))
  total = sum(len(each.numbers) for each in found)
  lines = text_table.aligned(rows, left=(0, 2, 3, 4, 5, 6, 7, 8), rule=True)
  return "\n".join([*lines, f"{total} samples", _NOTE])


def _row(each: layout.Environment) -> list[str]:
  shapes: set[tuple[int, ...]] = set()
  types: set[str] = set()
  for number in each.numbers:
    path = each.kernels(number)
    shape, dtype = _header(path)
    arrays.check_kernels(path, shape)
    shapes.add(shape)
    types.add(dtype.name)
  taps = sorted({shape[1] for shape in shapes})
  spread = str(taps[0]) if len(taps) == 1 else f"{taps[0]} to {taps[-1]}"
  truth = [_header(each.truth(number)) for number in each.numbers]
  looked_at = each.numbers[:: max(1, len(each.numbers) // _LOOKED_AT)]
  joints = [arrays.read_joints(each.truth(number)) for number in looked_at]
  sensors = arrays.read_sensors(each.sensors)
  return [
    each.name,
    str(len(each.numbers)),
    str(_header(each.sensors)[0]),
    units.scale_of(sensors)[1],
    f"(4, {spread})",
    ", ".join(sorted(types)),
    ", ".join(sorted({str(shape) for shape, _ in truth})),
    ", ".join(sorted({dtype.name for _, dtype in truth})),
    units.scale_of(np.stack(joints))[1],
  ]


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
  fix = "copy the file again"
  with plain_file.opened(path, fix) as file:
    shape, _, dtype = array_file.read_header(path, file, fix)
  return shape, dtype
