"""What the header of a sound file claims, all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.systems.bgm2pose.align.sounds import accepted
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import MUSIC_CHANNELS
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings, command


def read_header(
  path: Path, channels: int, rate_hz: int | None, found: Findings
) -> Any | None:
  """Checks what a sound file claims, all of it.

  Args:
    path: the file.
    channels: how many it must have; music may be mono.
    rate_hz: the rate it must have; None for any.
    found: takes the findings.

  Returns:
    soundfile's info; None where the file is not to be read on.
  """
  info = None
  with found.guard(path, "sound file"):
    if path.is_file() and not path.stat().st_size:
      found.error("sound file", path, "is empty", "copy the file again")
      return None
    info = audio_files.read_header(path, None, None)
    remark = audio_files.header_remark(path)
    if remark is not None:
      found.warning(
        "sound file",
        path,
        remark.removeprefix(f"{path}: "),
        f"{command('sox', path, 'fixed.wav')}, and put fixed.wav in its place",
      )
  if info is None:
    return None
  if info.channels not in accepted(channels):
    found.error(
      "channels",
      path,
      f"has {info.channels} channels instead of {channels}",
      _channel_fix(path, info.channels, channels),
    )
  if rate_hz is not None and info.samplerate != rate_hz:
    found.error(
      "sample rate",
      path,
      f"has {info.samplerate} Hz instead of {rate_hz}",
      f"{command('sox', path, '-r', str(rate_hz), 'fixed.wav')}, and put"
      " fixed.wav in its place",
    )
  return info if info.channels in accepted(channels) else None


def _channel_fix(path: Path, has: int, wanted: int) -> str:
  put = ", and put fixed.wav in its place"
  if wanted == MUSIC_CHANNELS:
    return command("sox", path, "fixed.wav", "remix", "1 2") + put
  if has > wanted:
    return (
      f"{command('sox', path, 'fixed.wav', 'remix 1 2 3 4')}{put}, if W X Y Z"
      " come first (AmbiX has W Y Z X: remix 1 4 2 3)"
    )
  return "export all four channels W X Y Z of the first-order microphone"
