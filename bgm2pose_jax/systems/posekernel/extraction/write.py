"""The folder of extracted kernels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, staged_folder, whole_file
from bgm2pose_jax.systems.posekernel.extraction import page
from bgm2pose_jax.systems.posekernel.extraction.report import Report

KERNELS, REPORT, PAGE = "kernels.npz", "report.json", "report.html"


def check_new(out: Path) -> None:
  """Refuses a path that exists.

  Args:
    out: folder to make.

  Raises:
    InputError: something is there.
  """
  if out.exists() or out.is_symlink():
    raise InputError(out, "exists already", "give another --out")


def write_all(
  out: Path, kernels: np.ndarray, report: Report, title: str
) -> list[Path]:
  """Makes the folder, whole or not at all.

  Args:
    out: folder to make.
    kernels: float32 [sample, pair, tap].
    report: what was found.
    title: the title of the page.

  Returns:
    The files.

  Raises:
    InputError: it exists, or cannot be made.
  """
  check_new(out)
  try:
    with staged_folder.staged(out) as stage:
      array_file.write(
        stage / KERNELS,
        {
          "kernels": kernels,
          "rate_hz": np.array(report.rate_hz),
          "names": np.array(report.names),
          "usable": report.usable,
        },
      )
      text = json.dumps(report.to_dict(), indent=1, allow_nan=False) + "\n"
      whole_file.write_text(stage / REPORT, text)
      whole_file.write_text(stage / PAGE, page.render(kernels, report, title))
  except OSError as error:
    raise InputError(
      out, f"cannot be made ({error.strerror or error})", "give another --out"
    ) from error
  return [out / name for name in (KERNELS, REPORT, PAGE)]
