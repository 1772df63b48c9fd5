"""Measures the dataset build: hours of audio a minute, and where they go.

  python -m launch.bench.build --minutes=3 --recordings=10
  python -m launch.bench.build --minutes=3 --recordings=10 --beam

It simulates a recording, lets it stand for several, and prepares them in an
empty folder, after one build that compiles. Each stage is then timed by
itself; features run while the rest goes on, so the stages add up to more than
the whole. The floor is that of the features (`feature_stages.floor_s`), or of
copying what is read and written, whichever is larger. With `--beam` Apache
Beam's local runner builds the same with 1 and 2 workers (extra `beam`), in
turns with the plain build; a worker process starts, imports and compiles each
time, which a long build hardly notices.
"""

from __future__ import annotations

import pathlib
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow_datasets as tfds
from absl import flags

from bgm2pose_jax.data import prepared
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S
from launch.bench import build_stages, ceilings, feature_stages, harness

_MINUTES = flags.DEFINE_float("minutes", 2.0, "length of a recording", 0.05)
_RECORDINGS = flags.DEFINE_integer("recordings", 4, "how many", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "times that each is built", 1)
_BEAM = flags.DEFINE_bool("beam", False, "also through Apache Beam")

_WAYS: dict[str, Sequence[str] | None] = {
  "plain": None,
  "Beam, 1 worker": ("direct_num_workers=1",),
  "Beam, 2 workers": (
    "direct_num_workers=2",
    "direct_running_mode=multi_processing",
  ),
}
_BUILD_COLUMNS = (
  "build", "s", "cpu s", "hours/min", "plain faster", "floor s", "share",
)  # fmt: skip


def _timed(work: Callable[[pathlib.Path], object]) -> tuple[float, float]:
  """Wall and processor seconds of work in an empty folder, removed after.

  Processor seconds include those of processes that the work started and ended.
  """
  with tempfile.TemporaryDirectory(prefix="bench-build-") as scratch:
    wall, cpu = time.perf_counter(), _processor_s()
    work(pathlib.Path(scratch))
    return time.perf_counter() - wall, _processor_s() - cpu


def _processor_s() -> float:
  children = resource.getrusage(resource.RUSAGE_CHILDREN)
  return time.process_time() + children.ru_utime + children.ru_stime


def _whole(
  folder: pathlib.Path, options: Sequence[str] | None
) -> Callable[[pathlib.Path], object]:
  """Returns the build of all recordings as a function of an empty folder."""
  found = prepare.open_source("ampl/raw", str(folder))
  return lambda scratch: prepared.prepare(
    found, data_dir=scratch, progress=False, beam_options=options
  )


def _build_rows(
  folder: pathlib.Path, audio_s: float, floor_s: float
) -> list[dict[str, Any]]:
  """Times every way to build, in turns."""
  ways = _WAYS if _BEAM.value else {"plain": None}
  _timed(_whole(folder, None))  # compiles
  builds = [_whole(folder, options) for options in ways.values()]
  found = harness.turns([lambda b=b: _timed(b) for b in builds], _ROUNDS.value)
  times = dict(zip(ways, found))
  rows = []
  for name, found in times.items():
    seconds = statistics.median(wall for wall, _ in found)
    ratio = statistics.median(
      wall / plain for (wall, _), (plain, _) in zip(found, times["plain"])
    )
    rows.append(
      {
        "build": name,
        "s": seconds,
        "cpu s": statistics.median(cpu for _, cpu in found),
        "hours/min": audio_s / 60 / seconds,
        "plain faster": None if name == "plain" else ratio,
        "floor s": floor_s,
        "share": floor_s / seconds,
      }
    )
  return rows


def _stage_rows(folder: pathlib.Path, plain_s: float) -> list[dict[str, Any]]:
  """Times every stage on one recording."""
  with build_stages.BuildStages(folder) as found:
    rows = []
    for name, stage in found.by_name().items():
      times = [_timed(stage) for _ in range(_ROUNDS.value)]
      wall, cpu = (
        statistics.median(column) * 3600 / found.seconds
        for column in zip(*times)
      )
      # Music is decoded once for all recordings of its track.
      each = _RECORDINGS.value if name == "decode music" else 1
      rows.append(
        {
          "stage": name,
          "s an hour of audio": wall / each,
          "cpu s": cpu / each,
          "of plain build": wall / each / plain_s,
        }
      )
  return rows


def main() -> None:
  """Measures and prints."""
  tfds.disable_progress_bar()
  about = harness.begin(
    "jaxlib", "tensorflow-datasets", "array-record", "soundfile", "apache-beam"
  )
  count, minutes = _RECORDINGS.value, _MINUTES.value
  with tempfile.TemporaryDirectory(prefix="bench-raw-") as name:
    folder = pathlib.Path(name)
    read = build_stages.make_recordings(folder, minutes, count)
    windows = count * int(minutes * 60 / WINDOW_S)
    audio_s = windows * WINDOW_S
    written = windows * prepare.open_source().window_bytes
    peaks = ceilings.measure()
    floor_s = max(
      feature_stages.floor_s(windows, peaks), peaks.floor_s(0, read + written)
    )
    print(
      f"{count} recordings of {minutes:g} min, {windows} windows; "
      f"{read / 1e6:.0f} MB to read, {written / 1e6:.0f} MB to write; {peaks}"
    )
    builds = _build_rows(folder, audio_s, floor_s)
    harness.show(builds, _BUILD_COLUMNS)
    stages = _stage_rows(folder, builds[0]["s"] * 3600 / audio_s)
    harness.show(stages)
  harness.write(about, builds=builds, stages=stages)


if __name__ == "__main__":
  harness.start(main)
