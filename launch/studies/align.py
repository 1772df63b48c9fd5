"""Measures how well recordings are aligned with their music.

  python -m launch.studies.align --cases=100
  python -m launch.studies.align --cases=100 --music_dir=MUSIC --body_every=10

Every case is a simulated recording in a room of its own, with late
reverberation and noise, of which start and drift of the music are known; the
music is moved there by soxr and the Fourier transform, not by the code under
test. Then another track is looked for in it, and the track in nothing but
noise. Exit code 0 when at least 99 % are within 1 ms and 5 ppm and 99 % of
these are refused, else 1. A part of the same track that was not played is
looked for too, and counted apart: music that is built from loops has the same
samples there, and is rightly found.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import alignment
from launch.bench import harness
from launch.studies import align_case

_CASES = flags.DEFINE_integer("cases", 100, "recordings to simulate", 1)
_FIRST = flags.DEFINE_integer("first", 0, "number of the first case", 0)
_SEED = flags.DEFINE_integer("seed", 0, "of all cases")
_SECONDS = flags.DEFINE_float("seconds", 60.0, "length of a recording", 20.0)
_OFFSET_S = flags.DEFINE_float("longest_offset_s", 30.0, "of the music")
_DRIFT_PPM = flags.DEFINE_float("largest_drift_ppm", 100.0, "of the clocks")
_SNR_DB = flags.DEFINE_float("snr_db", 10.0, "recording over noise")
_BODY_EVERY = flags.DEFINE_integer(
  "body_every", 0, "a person moves in every so manyth case; 0: in none", 0
)
_WRONG = flags.DEFINE_bool("wrong", True, "also look for wrong music")
_MUSIC_DIR = flags.DEFINE_string(
  "music_dir", None, "folder of audio files; default: the embedded pieces"
)

_EMBEDDED_S = 150.0
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


def main() -> int:
  """Prints a line a case and the summary; code 1 where the aims are missed."""
  plan = align_case.Plan(
    seconds=_SECONDS.value,
    longest_offset_s=_OFFSET_S.value,
    largest_drift_ppm=_DRIFT_PPM.value,
    snr_db=_SNR_DB.value,
    body_every=_BODY_EVERY.value,
  )
  tracks = align_case.load_tracks(_MUSIC_DIR.value, _EMBEDDED_S)
  about = harness.begin()
  rows = []
  for number in range(_FIRST.value, _FIRST.value + _CASES.value):
    case = align_case.make_case(plan, tracks, number, _SEED.value)
    rows.append(measure(case, tracks, plan, _WRONG.value))
    print(harness.line(rows[-1]), flush=True)
    harness.write(about, rows=rows)
  lines, met = summary(rows)
  print("\n".join(lines))
  return 0 if met else 1


if __name__ == "__main__":
  harness.start(main)
