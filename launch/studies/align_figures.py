"""How far an alignment is off, and whether wrong music was refused."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import alignment
from launch.studies import align_case

_WITHIN_MS, _WITHIN_PPM, _SHARE = 1.0, 5.0, 0.99
_RATE = align_case.RATE_HZ


def _refused(recording: np.ndarray, music: np.ndarray) -> bool:
  try:
    alignment.align(recording, music)
  except InputError:
    return True
  return False


def measure(
  case: align_case.Case,
  tracks: dict[str, np.ndarray],
  plan: align_case.Plan,
  wrong: bool = True,
) -> dict[str, Any]:
  """Aligns one case, and looks for wrong music in it.

  Args:
    case: recording and truth.
    tracks: all music.
    plan: what the cases have in common.
    wrong: look for wrong music too.
  """
  row: dict[str, Any] = {"case": case.name}
  start = time.perf_counter()
  try:
    found = alignment.align(case.recording, case.music)
    row |= {
      "offset_error": found.offset_samples - case.offset_samples,
      "offset_se": found.offset_se_samples,
      "drift_error": found.drift_ppm - case.drift_ppm,
      "drift_se": found.drift_se_ppm,
      "votes": f"{found.votes}/{found.voters}",
      "confidence": found.confidence,
      "channels": found.channels,
      "polarity": found.polarity,
    }
  except InputError as error:
    row["error"] = str(error)
  row["s"] = time.perf_counter() - start
  if not wrong:
    return row
  own = case.name.split(",")[0]
  names = sorted(tracks)
  other = names[(names.index(own) + 1) % len(names)]
  row["other track refused"] = _refused(case.recording, tracks[other])
  unplayed = case.music[:, round((plan.seconds + 5) * _RATE) :]
  if unplayed.shape[1] >= 20 * _RATE:
    row["other part refused"] = _refused(case.recording, unplayed)
  rng = np.random.default_rng(len(case.name))
  noise = rng.normal(size=case.recording.shape).astype(np.float32)
  row["noise refused"] = _refused(noise, case.music)
  return row


def _good(row: dict[str, Any]) -> bool:
  return (
    "error" not in row
    and abs(row["offset_error"]) <= _WITHIN_MS * _RATE / 1000
    and abs(row["drift_error"]) <= _WITHIN_PPM
  )


def summary(rows: list[dict[str, Any]]) -> tuple[list[str], bool]:
  """Lines that sum the cases up, and whether the aims are met."""
  good = sum(map(_good, rows))
  lines = [
    f"within {_WITHIN_MS:g} ms and {_WITHIN_PPM:g} ppm: {good} of {len(rows)}"
  ]
  met = good >= _SHARE * len(rows)
  done = [row for row in rows if "error" not in row]
  for name, unit in (("offset", "samples"), ("drift", "ppm")):
    error = np.abs([row[f"{name}_error"] for row in done])
    deviations = error / np.array([row[f"{name}_se"] for row in done])
    lines.append(
      f"{name} error: median {np.median(error):.3f}, 90 %"
      f" {np.quantile(error, 0.9):.3f}, largest {error.max():.3f} {unit};"
      f" {np.mean(deviations < 2):.0%} within 2 standard errors"
    )
  for kind in ("other track", "other part", "noise"):
    told = [r[f"{kind} refused"] for r in rows if f"{kind} refused" in r]
    if told:
      lines.append(f"{kind}: refused {sum(told)} of {len(told)}")
      met &= kind == "other part" or sum(told) >= _SHARE * len(told)
  lines.append(f"s a recording: median {np.median([r['s'] for r in rows]):.1f}")
  return lines, met
