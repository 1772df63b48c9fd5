"""A finished run, reduced to what tables and figures of many runs need."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.contract.comparison import ByName, GroupTable
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.evaluation.metrics import Figure
from bgm2pose_jax.files import array_file

MODEL = "model"  # beside the names of a system's baselines

_LONGEST_REASON = 300
# results.json and predictions.npz come from the same arrays; sums in another
# order differ in the seventh digit.
_TOLERANCE = 1e-4
_AGAIN = "evaluate the run again"

Block = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
  """What is kept of a finished run.

  Attributes:
    path: its folder.
    dataset, fingerprint, simulated: the data, from results.json.
    recordings_digest: digest of the recordings; the fingerprint where a run
      does not say it.
    sections: every section it trained or tested on.
    figures: [figure] the headline figures, by "model" and each baseline; NaN
      for a figure of a baseline that the run's version did not have.
    groups: {table of `Comparison.by_group`: its figures, [group], by "model"
      and the reference baseline}; NaN where no test window is of the group.
    by_name: for each chart of `Comparison.by_name` {name: value}, by "model"
      and, where the chart marks it, the reference baseline.
    curve: [k] of `Comparison.curve`; None where the system has none.
    sums: [n, m] from `Metrics.overall`, in order of recording and window.
    recording, window_index: [n] of each window.
    digest: digest of windows and targets: equal digests may be paired.
  """

  path: pathlib.Path
  dataset: str
  fingerprint: str
  recordings_digest: str
  simulated: bool
  sections: tuple[str, ...]
  figures: Mapping[str, np.ndarray]
  groups: Mapping[str, Mapping[str, np.ndarray]]
  by_name: tuple[Mapping[str, Mapping[str, float]], ...]
  curve: np.ndarray | None
  sums: np.ndarray
  recording: np.ndarray
  window_index: np.ndarray
  digest: str

  def figures_of(self, table: str) -> Mapping[str, np.ndarray]:
    """The figures that a table has, by "model" and its baselines."""
    return self.groups.get(table, self.figures)


def one_line(text: object) -> str:
  """Text of any origin as one printable line of bounded length."""
  line = "".join(c if c.isprintable() else " " for c in str(text))
  line = " ".join(line.split())
  if len(line) > _LONGEST_REASON:
    line = line[: _LONGEST_REASON - 3] + "..."
  return line


def reference_of(system: System) -> str:
  """The first baseline; the model itself where there is none."""
  return next(iter(system.figures.baselines), MODEL)


def read_run(
  folder: pathlib.Path, expected: Mapping[str, Any], system: System
) -> Run:
  """Reads the folder of a finished run.

  Args:
    folder: holds results.json and predictions.npz.
    expected: entries that results.json must have.
    system: the run's system.

  Raises:
    InputError: for anything that is not as it should be.
  """
  path = folder / run_folder.RESULTS
  found = run_folder.read_json(path)
  wanted = system.figures.metrics.figures
  keys = [figure.key for figure in wanted if not figure.is_later]
  _check_is(path, found, expected, keys[0])
  try:
    blocks = {MODEL: found, **{n: found[n] for n in system.figures.baselines}}
    figures = {
      who: np.asarray(_headline(block, wanted)) for who, block in blocks.items()
    }
    reference = reference_of(system)
    groups = {
      table: {
        who: _of_groups(found, wanted, who)
        for who in dict.fromkeys((MODEL, reference))
      }
      for table, wanted in system.comparison.by_group.items()
    }
    by_name = tuple(
      {
        who: _named(blocks[who], chart, system)
        for who in ((MODEL, reference) if chart.is_marked else (MODEL,))
      }
      for chart in system.comparison.by_name
    )
    made = found["fingerprint"]
    digest = found.get("recordings_digest") or made
    facts = (str(found["dataset"]), str(made), str(digest))
    simulated = found["simulated"]
    names = [name for key in system.comparison.sections for name in found[key]]
  except (
    KeyError, TypeError, ValueError, AttributeError, OverflowError,
  ) as error:  # fmt: skip
    raise InputError(path, f"is no whole run's ({error!r})", _AGAIN) from error
  if not isinstance(simulated, bool):
    raise InputError(path, f"has simulated={simulated!r}", _AGAIN)
  return Run(
    folder,
    *facts,
    simulated,
    tuple(map(str, names)),
    figures,
    groups,
    by_name,
    **_reduced(folder / run_folder.PREDICTIONS, system, figures[MODEL]),
  )


def _check_is(
  path: pathlib.Path, found: Block, expected: Mapping[str, Any], key: str
) -> None:
  """The run is the one that was asked for, and has something to compare."""
  for name, value in expected.items():
    if found.get(name) != value:
      raise InputError(
        path,
        f"has {name}={found.get(name)!r}, asked for was {value!r}",
        "give each run its own folder",
      )
  if found.get(key) is None:
    raise InputError(path, "has no ground truth", "leave it out of the sweep")


def _of_groups(found: Block, wanted: GroupTable, who: str) -> np.ndarray:
  """[group] a table's figures of the model or the reference baseline."""
  block = found[wanted.block]
  values = []
  for name in wanted.names:
    if name not in block:  # no test window is of the group
      values.append(math.nan)
      continue
    row = block[name] if who == MODEL else block[name][who]
    values += _numbers([row[wanted.figure]])
  return np.asarray(values)


def _headline(block: Block, wanted: Iterable[Figure]) -> list[float]:
  """The headline figures; NaN for a later one that the run does not have."""
  return [
    math.nan
    if figure.is_later and figure.key not in block
    else _numbers([block[figure.key]])[0]
    for figure in wanted
  ]


def _named(block: Block, chart: ByName, system: System) -> dict[str, float]:
  """{name: value} of a chart; without groups that have no test window."""
  found = block[chart.block]
  names = chart.names or tuple(found)
  if chart.block in system.figures.groups:
    names = tuple(name for name in names if name in found)
  later = {f.key for f in system.figures.metrics.figures if f.is_later}
  if chart.figure in later:
    names = tuple(name for name in names if chart.figure in found[name])
  values = _numbers(found[name][chart.figure] for name in names)
  return dict(zip(map(one_line, names), values))


def _numbers(values: Iterable[Any]) -> list[float]:
  """Finite numbers; ValueError for anything else."""
  out = [float(value) for value in values]
  if not all(map(math.isfinite, out)):
    raise ValueError("a figure that is not finite")
  return out


def _read_predictions(
  path: pathlib.Path, system: System
) -> dict[str, np.ndarray]:
  """The arrays, checked, in order of recording and window."""
  columns = sorted(system.figures.name_columns)
  names = ("pred", "target", "window_index", *columns)
  arrays = array_file.read_npz(path, names, _AGAIN)
  n = len(arrays["target"]) if arrays["target"].ndim else 0
  for name, array in arrays.items():
    is_window = name in ("pred", "target")
    shape = (n, *(system.comparison.window if is_window else ()))
    if n == 0 or array.shape != shape:
      raise InputError(path, f"{name} has shape {array.shape}", _AGAIN)
    kinds = "f" if is_window else "iu" if name == "window_index" else "U"
    if array.dtype.kind not in kinds or (
      is_window and not np.isfinite(array).all()
    ):
      raise InputError(path, f"{name} holds other than it should", _AGAIN)
  order = np.lexsort((arrays["window_index"], arrays["recording"]))
  return {name: array[order] for name, array in arrays.items()}


def _reduced(
  path: pathlib.Path, system: System, figures: np.ndarray
) -> dict[str, Any]:
  """What `Run` keeps of the predictions, checked against results.json.

  Args:
    path: file of the predictions.
    system: the run's system.
    figures: the headline figures of results.json; those that are NaN there
      are filled in.
  """
  arrays = _read_predictions(path, system)
  pred, target = arrays["pred"], arrays["target"]
  metrics = system.figures.metrics
  sums = metrics.overall(metrics.sums(pred, target))
  again = metrics.headline(sums.sum(axis=0))
  unknown = np.isnan(figures)
  figures[unknown] = again[unknown]
  at = int(np.argmin(unknown))  # the first that both have
  first, said = float(again[at]), float(figures[at])
  if not math.isclose(first, said, rel_tol=_TOLERANCE, abs_tol=1e-6):
    raise InputError(
      path,
      f"gives {metrics.figures[at].title} {first:.5g}, {run_folder.RESULTS} "
      f"says {said:.5g}",
      _AGAIN,
    )
  digest = hashlib.sha256(np.ascontiguousarray(target, "<f4").tobytes())
  for name in sorted(arrays.keys() - {"pred", "target"}):
    digest.update("\n".join(map(str, arrays[name].tolist())).encode())
  curve = system.comparison.curve
  return {
    "curve": curve.values(pred, target) if curve else None,
    "sums": sums,
    "recording": arrays[system.figures.blocks.column],
    "window_index": arrays["window_index"].astype(np.int64),
    "digest": digest.hexdigest(),
  }
