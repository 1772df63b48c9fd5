"""Runs a stream in real time and holds it against the prediction of the file.

  python -m tests.agreement.check_stream --checkpoint=RUN --recording=R.wav \
    --music=M.flac --seconds=600

The recording and its music are repeated to the length asked for. Then
`python -m bgm2pose_jax.stream` hears them at the speed of sound cards, and
every pose is compared with that of `bgm2pose_jax.predict` for the same file.
Exit code 0 when the poses agree, no window was dropped and memory stayed flat,
else 1.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from absl import flags

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.align import sounds
from bgm2pose_jax.systems.bgm2pose.predict import predictor, standardising
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair
from launch.bench import harness

_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "folder of a run")
_RECORDING = flags.DEFINE_string("recording", None, "4 channels, 48 kHz")
_MUSIC = flags.DEFINE_string("music", None, "what was played")
_OFFSET_MS = flags.DEFINE_float("offset_ms", 0.0, "of the music in it")
_SECONDS = flags.DEFINE_float("seconds", 600.0, "length of the stream", 5.0)
_HOP_MS = flags.DEFINE_integer("hop_ms", 200, "from window to window")
_BLEND = flags.DEFINE_integer("blend", 1, "windows that make a pose")
_STATIC = flags.DEFINE_string(
  "static_response", None, "causal or a file, for models of the music kernel"
)
_SPEED = flags.DEFINE_float("speed", 1.0, "times real time; 0 does not wait")

# Poses are written with four decimals.
_MOST_APART = 1e-4
_MOST_GROWTH_MIB = 30.0
_REPORT = re.compile(r"([\d.]+) s of sound .* memory (\d+) MiB")


def make_sound(folder: Path) -> tuple[Path, Path]:
  """Writes recording and music of the length asked for, beginning together."""
  offset = round(_OFFSET_MS.value * SAMPLE_RATE_HZ / 1000)
  count = round(_SECONDS.value * SAMPLE_RATE_HZ)
  with (
    sounds.decoded(
      Path(harness.needed(_RECORDING)), 4, SAMPLE_RATE_HZ
    ) as recording,
    sounds.decoded(Path(harness.needed(_MUSIC)), 2, None) as music,
  ):
    recording = recording[:, max(0, offset) :]
    music = music[:, max(0, -offset) :]
    size = min(recording.shape[1], music.shape[1])
    paths = folder / "recording.wav", folder / "music.wav"
    for path, sound in zip(paths, (recording, music)):
      with soundfile.SoundFile(
        path, "w", SAMPLE_RATE_HZ, len(sound), subtype="FLOAT"
      ) as file:
        for low in range(0, count, size):
          file.write(np.ascontiguousarray(sound[:, : min(size, count - low)].T))
  return paths


def stream(recording: Path, music: Path) -> tuple[list[dict], str]:
  """Runs the command; returns the frames it said and its messages."""
  command = [
    sys.executable,
    "-m",
    "bgm2pose_jax.stream",
    f"--checkpoint={harness.needed(_CHECKPOINT)}",
    f"--music={music}",
    f"--input={recording}",
    "--offset_ms=0",
    f"--hop_ms={_HOP_MS.value}",
    f"--blend={_BLEND.value}",
    f"--speed={_SPEED.value}",
  ]
  if _STATIC.value:
    command.append(f"--static_response={_STATIC.value}")
  # Messages are shown as they come; the command's lines are kept.
  with (
    tempfile.TemporaryFile("w+") as out,
    subprocess.Popen(
      command, stdout=out, stderr=subprocess.PIPE, text=True
    ) as process,
  ):
    messages = []
    assert process.stderr is not None
    for line in process.stderr:
      print(line, end="", flush=True)
      messages.append(line)
    if process.wait():
      raise InputError("bgm2pose_jax.stream", "failed", "see above")
    out.seek(0)
    return [json.loads(line) for line in out][1:], "".join(messages)


def whole(recording: Path, music: Path) -> np.ndarray:
  """Poses of the file, [frames, joint, 3], with what a stream may know."""
  model = trained.load(harness.needed(_CHECKPOINT))
  options = predictor.Options(
    hop_ms=_HOP_MS.value,
    blend=_BLEND.value,
    statistics=standardising.mode_for(None, model, stream=True),
    static_response=_STATIC.value,
  )
  with (
    sounds.decoded(recording, 4, SAMPLE_RATE_HZ) as sound,
    sounds.decoded(music, 2, None) as played,
  ):
    made = predictor.predict([model], SoundPair(sound, played), options)
  return made.track.pose


def main() -> int:
  """Prints the comparison; code 1 where not all is well."""
  with tempfile.TemporaryDirectory() as folder:
    paths = make_sound(Path(folder))
    begin = time.monotonic()
    frames, messages = stream(*paths)
    took_s = time.monotonic() - begin
    want = whole(*paths)
  said = {f["frame"]: f for f in frames if "pose" in f}
  late = [f["latency_ms"] for f in said.values()]
  apart = max(
    (float(np.abs(f["pose"] - want[n]).max()) for n, f in said.items()),
    default=np.inf,
  )
  memory = [(float(s), int(m)) for s, m in _REPORT.findall(messages)]
  growth = memory[-1][1] - memory[0][1]
  dropped = len(want) - len(said)
  print(f"{len(said)} of {len(want)} poses in {took_s:.1f} s, start included")
  if late:
    p50, p99 = np.percentile(late, (50, 99))
    print(f"latency p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {max(late):.0f} ms")
  print(
    "memory "
    + ", ".join(f"{m} MiB at {s:.0f} s" for s, m in (memory[0], memory[-1]))
  )
  print(f"frames without a pose: {dropped}")
  print(f"largest difference of a coordinate: {apart:.1e} hip-spine lengths")
  harness.write(
    harness.facts(),
    latency_ms=late,
    memory_mib=memory,
    dropped=dropped,
    apart=apart,
  )
  well = apart <= _MOST_APART and not dropped and growth <= _MOST_GROWTH_MIB
  return 0 if well else 1


if __name__ == "__main__":
  harness.start(main)
