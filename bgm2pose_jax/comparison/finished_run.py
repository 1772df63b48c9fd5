"""A finished run, reduced to what tables and figures of many runs need."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.evaluation import bootstrap
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import results

METRICS = ("rmse", "mae", "pckh50")
MODEL = "model"  # beside the names of `results.BASELINES`

_LONGEST_REASON = 300
# results.json and predictions.npz come from the same arrays; sums in another
# order differ in the seventh digit.
_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Run:
  """What is kept of a finished run.

  Attributes:
    path: its folder.
    dataset, fingerprint, simulated: the data, from results.json.
    recordings_digest: of the recordings; the fingerprint where a run does not
      say it.
    tracks: every track it trained or tested on.
    figures: [row, 3] of `METRICS`, by "model" and each baseline.
    per_joint: [21] mean absolute errors, by the same names.
    per_subject: {subject: RMSE of the model}.
    frames: [12] RMSE at each frame of the window.
    sums: [n, 4] from `intervals.window_sums`, in order of recording and window.
    recording, window_index: [n] of each window.
    digest: of windows and targets: equal digests may be paired.
  """

  path: pathlib.Path
  dataset: str
  fingerprint: str
  recordings_digest: str
  simulated: bool
  tracks: tuple[str, ...]
  figures: Mapping[str, np.ndarray]
  per_joint: Mapping[str, np.ndarray]
  per_subject: Mapping[str, float]
  frames: np.ndarray
  sums: np.ndarray
  recording: np.ndarray
  window_index: np.ndarray
  digest: str


def one_line(text: object) -> str:
  """Text of any origin as one printable line of bounded length."""
  line = "".join(c if c.isprintable() else " " for c in str(text))
  line = " ".join(line.split())
  if len(line) > _LONGEST_REASON:
    line = line[: _LONGEST_REASON - 3] + "..."
  return line


def read_run(folder: pathlib.Path, expected: Mapping[str, Any]) -> Run:
  """Reads the folder of a finished run.

  Args:
    folder: holds results.json and predictions.npz.
    expected: entries that results.json must have.

  Raises:
    InputError: for anything that is not as it should be.
  """
  path = folder / run_folder.RESULTS
  found = run_folder.read_json(path)
  _check_is(path, found, expected)
  try:
    figures = {
      name: _numbers(row[key] for key in METRICS)
      for name, row in _blocks(found).items()
    }
    per_joint = {
      name: _numbers(row["per_joint"][j]["mae"] for j in BODY21.joints)
      for name, row in _blocks(found).items()
    }
    made = found["fingerprint"]
    digest = found.get("recordings_digest") or made
    facts = (str(found["dataset"]), str(made), str(digest))
    simulated = found["simulated"]
    tracks = (*found["train_tracks"], *found["test_tracks"])
    per_subject = {
      one_line(name): float(_numbers([row["rmse"]])[0])
      for name, row in found["per_subject"].items()
    }
  except (
    KeyError, TypeError, ValueError, AttributeError, OverflowError,
  ) as error:  # fmt: skip
    raise InputError(
      path, f"is no whole run's ({error!r})", "evaluate the run again"
    ) from error
  if not isinstance(simulated, bool):
    raise InputError(
      path, f"has simulated={simulated!r}", "evaluate the run again"
    )
  arrays = _read_predictions(folder / run_folder.PREDICTIONS)
  return Run(
    folder,
    *facts,
    simulated,
    tuple(map(str, tracks)),
    figures,
    per_joint,
    per_subject,
    **_reduced(folder / run_folder.PREDICTIONS, arrays, figures[MODEL]),
  )


def _check_is(
  path: pathlib.Path, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
  """The run is the one that was asked for, and has something to compare."""
  for key, value in expected.items():
    if found.get(key) != value:
      raise InputError(
        path,
        f"has {key}={found.get(key)!r}, asked for was {value!r}",
        "give each run its own folder",
      )
  if found.get("rmse") is None:
    raise InputError(path, "has no ground truth", "leave it out of the sweep")


def _blocks(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
  return {MODEL: found, **{name: found[name] for name in results.BASELINES}}


def _numbers(values: Any) -> np.ndarray:
  """Finite numbers as an array; ValueError for anything else."""
  out = [float(value) for value in values]
  if not all(map(math.isfinite, out)):
    raise ValueError("a figure that is not finite")
  return np.asarray(out)


def _read_predictions(path: pathlib.Path) -> dict[str, np.ndarray]:
  names = (
    "pred", "target", "window_index", "recording", "subject", "track",
  )  # fmt: skip
  return array_file.read_npz(path, names, "evaluate the run again")


def _reduced(
  path: pathlib.Path,
  arrays: Mapping[str, np.ndarray],
  figures: np.ndarray,
) -> dict[str, Any]:
  """What `Run` keeps of the predictions, checked against results.json."""
  pred, target = arrays["pred"], arrays["target"]
  n = len(target) if target.ndim else 0
  whole = (n, 12, BODY21.num_joints, 3)
  shapes = {"pred": whole, "target": whole}
  for name, array in arrays.items():
    if n == 0 or array.shape != shapes.get(name, (n,)):
      raise InputError(
        path, f"{name} has shape {array.shape}", "evaluate again"
      )
    is_pose = name in shapes
    kinds = {"window_index": "iu"}.get(name, "f" if is_pose else "U")
    if array.dtype.kind not in kinds or (
      is_pose and not np.isfinite(array).all()
    ):
      raise InputError(
        path, f"{name} holds other than it should", "evaluate the run again"
      )
  recording = arrays["recording"]
  order = np.lexsort((arrays["window_index"], recording))
  pred, target = pred[order], target[order]
  sums = bootstrap.window_sums(pred, target)
  rmse = math.sqrt(sums[:, 0].sum() / sums[:, 3].sum())
  if not math.isclose(rmse, figures[0], rel_tol=_TOLERANCE, abs_tol=1e-6):
    raise InputError(
      path,
      f"gives RMSE {rmse:.5g}, {run_folder.RESULTS} says {figures[0]:.5g}",
      "evaluate the run again",
    )
  digest = hashlib.sha256(np.ascontiguousarray(target, "<f4").tobytes())
  kept: dict[str, Any] = {
    "recording": recording[order],
    "window_index": arrays["window_index"][order].astype(np.int64),
  }
  for name in ("recording", "window_index", "subject", "track"):
    digest.update("\n".join(map(str, arrays[name][order].tolist())).encode())
  square = np.square(pred.astype(np.float64) - target)
  return {
    **kept,
    "frames": np.sqrt(square.mean(axis=(0, 2, 3))),
    "sums": sums,
    "digest": digest.hexdigest(),
  }
