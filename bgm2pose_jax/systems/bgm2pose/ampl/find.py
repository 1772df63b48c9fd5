"""Which of AMPL's layouts a folder holds."""

from __future__ import annotations

import pathlib
import shlex

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError

_RELEASED = "dataset_spec_2400"
# In the folder that holds `data`, or in `data` itself.
_RAW = ("data/sound_cut", "sound_cut")
# As AMPL is downloaded.
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def find_dataset(
  ampl_dir: str | pathlib.Path, wanted: str | None = None
) -> str:
  """Returns the dataset name that a folder implies.

  Args:
    ampl_dir: the folder that holds `dataset_spec_2400` (the published
      preprocessed layout) or `data/sound_cut` (recordings); for recordings
      `data` itself will do. Where both are there recordings come first.
    wanted: the dataset that it should hold; None takes any.

  Raises:
    InputError: when it holds neither, or not the one that is wanted; an
      archive, or a folder that cannot be read.
  """
  folder = pathlib.Path(ampl_dir)
  found = []
  with system_errors.in_one_line(folder):
    refuse_archive("ampl_dir", folder)
    if any((folder / raw).is_dir() for raw in _RAW):
      found.append("ampl/raw")
    if (folder / _RELEASED).is_dir():
      found.append("ampl/released")
  if found and wanted is not None and wanted not in found:
    raise InputError(
      f"--ampl_dir={ampl_dir}",
      f"holds {' and '.join(found)}, not {wanted}",
      "drop --dataset or give another folder",
    )
  if found:
    return wanted or found[0]
  if not folder.is_dir():
    raise InputError(
      f"--ampl_dir={ampl_dir}",
      "is a file" if folder.exists() else "no such folder",
      "give the folder that contains data/sound_cut or dataset_spec_2400",
    )
  raise InputError(
    f"--ampl_dir={ampl_dir}",
    "holds neither data/sound_cut nor dataset_spec_2400",
    "give the folder that contains one of them; `bgm2pose doctor FOLDER` says "
    "what a folder holds",
  )


def refuse_archive(flag: str, path: pathlib.Path) -> None:
  """Refuses an archive where a folder is asked for.

  Args:
    flag: its name, for the message.
    path: the path, as given.

  Raises:
    InputError: naming the command that unpacks it.
  """
  if path.name.lower().endswith(_ARCHIVES) and path.is_file():
    raise InputError(
      f"--{flag}={path}",
      "is an archive",
      "unpack it: python -m bgm2pose_jax.data.extract "
      f"--archive={shlex.quote(str(path))} --out=FOLDER",
    )
