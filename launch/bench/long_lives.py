"""Measures whether a process that works for long holds more and more.

  python -m launch.bench.long_lives --checkpoint=RUN --json=FILE

Three lives: --predictions whole predictions in one process, --stream_min
minutes of a stream from a file as fast as it goes, and --steps steps of a small
network. Each row says what is held in the middle and at the end of a life; the
last columns, what the last quarter holds more than the one before. Exit status
1 when that is more than --most_mib, or a descriptor or thread.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from absl import flags

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.predict import __main__ as predict
from bgm2pose_jax.systems.bgm2pose.stream import __main__ as stream
from launch.bench import harness, holdings, network, scratch_run

network.define_flags("demo", batch="4")
_CHECKPOINT = flags.DEFINE_string(
  "checkpoint", None, "run to predict and stream with; none: only the steps"
)
_PREDICTIONS = flags.DEFINE_integer("predictions", 200, "in one process", 0)
_STREAM_MIN = flags.DEFINE_float("stream_min", 60.0, "minutes of sound", 0.0)
_STEPS = flags.DEFINE_integer("steps", 20_000, "of training", 0)
_MOST_MIB = flags.DEFINE_float("most_mib", 8.0, "growth that is no leak", 0.0)

_RATE_HZ = 48_000
_BLOCK_S = 10.0
_FEWEST = 8
_COLUMNS = (
  "life", "times", "MiB middle", "MiB end", "files", "threads", "more MiB",
  "more files", "more threads",
)  # fmt: skip


def write_sounds(folder: Path, seconds: float) -> tuple[Path, Path]:
  """Writes noise as music, and as a recording of it in a small room.

  Args:
    folder: takes both files.
    seconds: how long they last.

  Returns:
    Recording (4 channels) and music (2 channels), 48 kHz.
  """
  rng = np.random.default_rng(0)
  # Two echoes for each loudspeaker, by whole samples.
  gains = rng.normal(size=(2, 2, 4)) * 0.2
  delays = (40, 180)
  recording, music = folder / "R.wav", folder / "M.wav"
  with (
    soundfile.SoundFile(recording, "w", _RATE_HZ, 4, "PCM_16") as heard,
    soundfile.SoundFile(music, "w", _RATE_HZ, 2, "PCM_16") as played,
  ):
    tail = np.zeros((max(delays), 2))
    left = round(seconds * _RATE_HZ)
    while left:
      count = min(left, round(_BLOCK_S * _RATE_HZ))
      block = rng.normal(size=(count, 2)) * 0.1
      whole = np.concatenate([tail, block])
      first = len(tail)
      echoes = [
        whole[first - delay : first - delay + count] @ gain
        for delay, gain in zip(delays, gains)
      ]
      heard.write(np.sum(echoes, axis=0))
      played.write(block)
      tail, left = whole[-max(delays) :], left - count
  return recording, music


def _values(module: Any, **given: object) -> flags.FlagValues:
  values = flags.FlagValues()
  module.define_flags(values)
  values(["", *(f"--{name}={value}" for name, value in given.items())])
  return values


def _predictions(checkpoint: str, count: int) -> list[holdings.Holding]:
  with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    recording, music = write_sounds(folder, 20.0)
    values = _values(
      predict,
      checkpoint=checkpoint,
      recording=recording,
      music=music,
      out=folder / "out",
      offset_ms=0,
    )
    # Loaded once, as a service does: each time that a checkpoint is read,
    # tensorstore's `to_json` leaves some thousand objects behind.
    model = trained.load(checkpoint)
    return holdings.repeated(
      lambda: predict.run(values, lambda _: model), count
    )


def _stream(checkpoint: str, minutes: float) -> list[holdings.Holding]:
  with tempfile.TemporaryDirectory() as name:
    recording, music = write_sounds(Path(name), 60 * minutes)
    values = _values(
      stream,
      checkpoint=checkpoint,
      input=recording,
      music=music,
      speed=0,
      offset_ms=0,
    )
    with contextlib.redirect_stdout(io.StringIO()):
      return holdings.beside(lambda: stream.run(values), 0.5)


def _steps(count: int) -> list[holdings.Holding]:
  each = max(1, count // 40)
  config = schema.overlay(
    network.one_config(),
    {
      "batch.device_cache": "on",
      "optim.epochs": -(-count // each),
      "optim.steps_per_epoch": each,
      "optim.snapshot_average": "off",
      "run.validate_every_epochs": 10,
      "run.save_every_epochs": 10,
    },
  )
  table = network.made_up_windows(4 * config.batch.size)
  with scratch_run.opened(config, table, config.batch.size) as (trainer, run):
    return holdings.beside(lambda: trainer.run([run]), 0.5)


def _row(
  life: str, times: float, found: Sequence[holdings.Holding]
) -> dict[str, Any]:
  more, middle, end = holdings.growth(found), found[len(found) // 2], found[-1]
  return {
    "life": life,
    "times": times,
    "MiB middle": middle.memory_mib,
    "MiB end": end.memory_mib,
    "files": end.descriptors,
    "threads": end.threads,
    "more MiB": more["memory_mib"],
    "more files": more["descriptors"],
    "more threads": more["threads"],
  }


def main() -> int:
  """Lives the lives asked for; returns 1 when one of them grows."""
  about = harness.begin()
  lives: list[tuple[str, float, Callable[[], list[holdings.Holding]]]] = []
  if checkpoint := _CHECKPOINT.value:
    count, minutes = _PREDICTIONS.value, _STREAM_MIN.value
    if count:
      lives.append(
        ("predictions", count, lambda: _predictions(checkpoint, count))
      )
    if minutes:
      lives.append(
        ("stream min", minutes, lambda: _stream(checkpoint, minutes))
      )
  if _STEPS.value:
    lives.append(("steps", _STEPS.value, lambda: _steps(_STEPS.value)))
  rows = []
  for life, times, live in lives:
    found = live()
    if len(found) < _FEWEST:
      print(f"{life}: too short to say anything; ask for more")
      continue
    rows.append(_row(life, times, found))
    harness.show(rows[-1:], _COLUMNS)
  harness.write(about, rows=rows)
  grown = any(
    row["more MiB"] > _MOST_MIB.value
    or row["more files"] > 0
    or row["more threads"] > 0
    for row in rows
  )
  return int(grown or not rows)


if __name__ == "__main__":
  harness.start(main)
