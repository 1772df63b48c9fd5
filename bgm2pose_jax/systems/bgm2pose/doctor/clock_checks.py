"""Does each recording begin with its music, and keep its time?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import sounds
from bgm2pose_jax.systems.bgm2pose.align.alignment import SHORTEST_S, align
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import POSE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  Findings,
  command,
  quoted,
)

MODES = ("none", "sample", "all")

# Ten metres of air: no room of this kind is larger.
_LATEST_S = 0.03
# An audio frame lasts 50 ms.
_FRAME_S = 0.05
# What later than the limits may be the clock's own error.
_SLACK_S = 0.002
# A response fitted to the whole recording blurs beyond this.
_KERNEL_PPM = 0.1
# Standard errors below which a drift may be none.
_DOUBT = 5.0
# Memory is that of the sound at 24 kHz: 15 minutes take about 0.8 GB.
_LONGEST_S = 900.0
_MOST_OTHERS = 4
_USUAL_WAY_S = 0.005


@dataclasses.dataclass(frozen=True)
class Clock:
  """How a recording's music lies in it.

  Attributes:
    offset_s: when the music begins.
    drift_ppm: how much faster the player's clock runs.
    drift_se_ppm: its standard error.
    explained: share of the sound that the music explains.
  """

  offset_s: float
  drift_ppm: float
  drift_se_ppm: float
  explained: float


def left_axis(root: Path, left: str | None) -> str:
  """Axis of the microphone that points left.

  Args:
    root: folder of the recordings; the simulator says there how it turned the
      microphone.
    left: what the user says; None for nothing.
  """
  return recording_index.left_axis(root) if left is None else left


def check_clock(
  recording: RawRecording,
  others: Mapping[str, Path],
  left: str,
  found: Findings,
  order: str = ambisonics.DEFAULT_ORDER,
) -> Clock | None:
  """Aligns a recording with its track's music and judges what that gives.

  Args:
    recording: its sound and music are in order.
    others: {track: music} of other tracks, to look for another one in it.
    left: see `align`.
    found: takes the findings.
    order: the order of the recording's channels, one of `ambisonics.ORDERS`.

  Returns:
    Offset and drift; None where they could not be measured.
  """
  wav, music = recording.wav, recording.music
  if music is None:
    return None
  result = None
  with found.guard(wav, "alignment"):
    try:
      result = _align(wav, music, left, order, found)
    except InputError as error:
      if "not heard" not in error.found:
        raise
      _explain_unheard(recording, others, left, order, error, found)
  if result is None:
    return None
  # Those of the channels are told of every recording, aligned or not.
  told = result.sound_field.warnings
  for warning in (w for w in result.warnings if w not in told):
    found.warning(
      "alignment",
      wav,
      f"with {music.name}: {warning}",
      f"look at the page of {_align_command(wav, music)}",
    )
  _check_offset(recording, music, result, found)
  _check_drift(recording, music, result, found)
  return Clock(
    result.offset_s, result.drift_ppm, result.drift_se_ppm, result.explained
  )


def _align(
  wav: Path, music: Path, left: str, order: str, found: Findings | None
) -> Alignment | None:
  """Aligns; None, with a note, for sounds that are too short."""
  with (
    sounds.decoded(
      wav, sounds.RECORDING_CHANNELS, SAMPLE_RATE_HZ, order
    ) as recording,
    sounds.decoded(music, sounds.MUSIC_CHANNELS, None) as played,
  ):
    shortest_s = min(recording.shape[1], played.shape[1]) / SAMPLE_RATE_HZ
    if shortest_s < SHORTEST_S:
      if found is not None:
        found.note(
          "alignment",
          wav,
          f"was not compared with {music.name}: {shortest_s:.1f} s are too"
          " short",
          f"nothing to do; {SHORTEST_S:g} s and more are compared",
        )
      return None
    limit = round(_LONGEST_S * SAMPLE_RATE_HZ)
    if recording.shape[1] > limit and found is not None:
      found.note(
        "alignment",
        wav,
        f"was compared with {music.name} in its first {_LONGEST_S / 60:.0f}"
        " minutes",
        f"for all of it: {_align_command(wav, music)}",
      )
    return align(
      recording[:, :limit],
      played[:, : 2 * limit],
      left=left,
      where=wav,
      channel_order=order,
    )


def _align_command(wav: Path, music: Path) -> str:
  return (
    f"python -m bgm2pose_jax.align --recording={quoted(wav)}"
    f" --music={quoted(music)}"
  )


def _explain_unheard(
  recording: RawRecording,
  others: Mapping[str, Path],
  left: str,
  order: str,
  error: InputError,
  found: Findings,
) -> None:
  """Music that is not in the recording: perhaps that of another track is."""
  for track, music in list(others.items())[:_MOST_OTHERS]:
    if track == recording.track:
      continue
    try:
      other = _align(recording.wav, music, left, order, None)
    except InputError:
      continue
    if other is not None:
      name = recording.wav.name.replace(recording.track, track)
      found.error(
        "alignment",
        recording.wav,
        f"does not hold the music of track {recording.track}, but that of"
        f" {track}",
        command("mv", recording.wav, recording.wav.with_name(name))
        + ", and rename its annotations and poses alike",
      )
      return
  found.error("alignment", recording.wav, error.found, error.fix)


def _check_offset(
  recording: RawRecording, music: Path, result: Alignment, found: Findings
) -> None:
  offset_s = result.offset_s
  if -_SLACK_S <= offset_s <= _LATEST_S + _SLACK_S:
    return
  severe = offset_s < -_FRAME_S or offset_s > _LATEST_S + _FRAME_S
  found.add(
    "error" if severe else "warning",
    "alignment",
    recording.wav,
    f"the music of {music.name} begins {offset_s * 1e3:+.1f} ms into it; 0 to"
    f" {_LATEST_S * 1e3:.0f} ms are the way of the sound",
    _cut_fix(recording, offset_s),
  )


def _cut_fix(recording: RawRecording, offset_s: float) -> str:
  """Makes recording, poses and annotations begin with the music."""
  shift_s = offset_s - _USUAL_WAY_S
  rows = math.floor(abs(shift_s) * POSE_RATE_HZ + 0.5)
  if shift_s > 0:
    cut = command("sox", recording.wav, f"fixed.wav trim {shift_s:.6f}")
    if recording.poses is None:
      return f"{cut}, and put fixed.wav in its place"
    return (
      f"{cut}, take the first {rows} rows off"
      f" {quoted(recording.poses.name)} and {shift_s:.3f} s off all times in"
      f" {quoted(recording.annotations.name)}, unless they were cut already"
    )
  return (
    "the recorder was started after the music: cut"
    f" {abs(shift_s):.6f} s off the beginning of the music, if all recordings"
    f" of the track have it, or put as much silence before this one"
    f" ({command('sox', recording.wav, f'fixed.wav pad {abs(shift_s):.6f}')})"
    f" and move poses by {rows} rows and annotations alike"
  )


def _check_drift(
  recording: RawRecording, music: Path, result: Alignment, found: Findings
) -> None:
  ppm = abs(result.drift_ppm)
  moved_s = ppm * 1e-6 * result.samples / SAMPLE_RATE_HZ
  if ppm < max(_KERNEL_PPM, _DOUBT * result.drift_se_ppm):
    return
  what = (
    f"its clock and that of {music.name} drift apart by"
    f" {result.drift_ppm:+.2f} ppm ({result.drift_se_ppm:.2f} standard error),"
    f" {moved_s * 1e3:.1f} ms over {result.samples / SAMPLE_RATE_HZ:.0f} s"
  )
  speed = 1 / (1 + result.drift_ppm * 1e-6)
  fix = (
    f"{command('sox', recording.wav, f'fixed.wav speed {speed:.9f}')}, and put"
    " fixed.wav in its place"
  )
  if moved_s > _FRAME_S:
    found.error("alignment", recording.wav, what, fix)
  elif moved_s > _FRAME_S / 10:
    found.warning("alignment", recording.wav, what, fix)
  else:
    found.note(
      "alignment", recording.wav, what, f"for --features=music_kernel: {fix}"
    )
