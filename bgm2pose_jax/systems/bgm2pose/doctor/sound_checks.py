"""What is wrong with the sound of a recording or of its music."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import MICROPHONES
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import MUSIC_CHANNELS
from bgm2pose_jax.systems.bgm2pose.doctor import sound_levels
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  ERROR,
  NOTE,
  WARNING,
  Findings,
  command,
)
from bgm2pose_jax.systems.bgm2pose.doctor.sound_levels import Levels, decibels
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

_STEREO = ("left", "right")
# Shares of samples at full scale: heard as crackle, and little else left.
_CLIPPED, _RUINED = 1e-6, 1e-2
_LONGEST_SILENCE_S = 3.0
_SILENT_DB = 60.0
_LOW_PEAK_DB = -40.0
_LARGEST_OFFSET = 1e-3
_LARGEST_OFFSET_SHARE = 0.1
# Two channels of a sound field differ; a copied one differs by rounding.
_SAME = 0.9999
# A diffuse field correlates cardioid capsules of a tetrahedron by 2/3, and W,
# X, Y, Z not at all.
_CAPSULES = 0.5
# Power of X, Y, Z together over W's: 1 in AmbiX, 2 in FuMa, 3 in N3D, from
# whatever direction sound comes.
_LARGEST_RATIO, _LEAST_RATIO = 4.5, 0.2


def check_recording(
  path: Path,
  rate_hz: int,
  found: Findings,
  order: str = ambisonics.DEFAULT_ORDER,
) -> Levels | None:
  """Reads a recording and judges its four channels.

  Args:
    path: its header was checked.
    rate_hz: the file's sample rate.
    found: takes the findings.
    order: the order of its channels, one of `ambisonics.ORDERS`.

  Returns:
    The levels of W, X, Y and Z, or None where it cannot be read to its end.
  """
  levels = _measured(path, len(MICROPHONES), rate_hz, found)
  if levels is None:
    return None
  levels = sound_levels.in_order(levels, order)
  _check_levels(path, MICROPHONES, levels, found)
  alive = levels.power > 0
  if not alive.all():
    dead = ", ".join(itertools.compress(MICROPHONES, ~alive))
    found.error(
      "silence",
      path,
      f"channel {dead} is digital silence" if alive.any() else _SILENT,
      "give a recording with all four channels W X Y Z",
    )
    return levels
  _check_copies(path, levels, found)
  _check_order(path, levels, found, order)
  return levels


_SILENT = "is digital silence"


def check_music(
  path: Path, rate_hz: int, found: Findings, channels: int = MUSIC_CHANNELS
) -> Levels | None:
  """Reads a track's music, stereo or mono; see `check_recording`."""
  levels = _measured(path, channels, rate_hz, found)
  if levels is None:
    return None
  if not levels.power.any():
    found.error("silence", path, _SILENT, "give the music that was played")
    return levels
  names = _STEREO if channels == MUSIC_CHANNELS else ("music",)
  _check_levels(path, names, levels, found)
  alive = levels.power > 0
  if not alive.all():
    dead = _STEREO[int(np.argmin(alive))]
    found.warning(
      "silence",
      path,
      f"its {dead} channel is digital silence",
      "right if only one loudspeaker played; else give the stereo file",
    )
  elif levels.identical.all():
    found.note(
      "channels",
      path,
      "left and right are the same: mono music"
      if channels == MUSIC_CHANNELS
      else "is mono: both loudspeakers are taken to have played it",
      "nothing to do if it was played so; the loudspeakers cannot be told"
      " apart",
    )
  if rate_hz != SAMPLE_RATE_HZ:
    found.note(
      "sample rate",
      path,
      f"has {rate_hz} Hz and is resampled to {SAMPLE_RATE_HZ} each time",
      "nothing to do",
    )
  return levels


def _measured(
  path: Path, channels: int, rate_hz: int, found: Findings
) -> Levels | None:
  with found.guard(path, "sound file"):
    return sound_levels.measure(path, channels, rate_hz)
  return None


def _check_levels(
  path: Path, names: Sequence[str], levels: Levels, found: Findings
) -> None:
  """Clipping, level, offset and silent stretches."""
  worst = int(np.argmax(levels.full))
  share = levels.full[worst] / max(levels.frames, 1)
  if levels.full[worst]:
    severity = NOTE
    if share > _CLIPPED:
      severity = WARNING if share < _RUINED else ERROR
    found.add(
      severity,
      "clipping",
      path,
      f"{levels.full[worst]} samples ({share:.2g} of all) of channel"
      f" {names[worst]} are at full scale",
      "record again with a lower gain: what was cut off cannot be restored",
    )
  peak_db = decibels(float(levels.peak.max(initial=0.0)) ** 2)
  if -np.inf < peak_db < _LOW_PEAK_DB:
    found.warning(
      "level",
      path,
      f"its loudest sample is at {peak_db:.0f} dB of full scale",
      "record again with a higher gain; to scale it does not bring back bits",
    )
  offset = np.abs(levels.mean)
  large = (offset > _LARGEST_OFFSET) & (
    offset > _LARGEST_OFFSET_SHARE * np.sqrt(levels.power)
  )
  if large.any():
    worst = int(np.argmax(offset))
    found.warning(
      "offset",
      path,
      f"channel {names[worst]} has a mean of {levels.mean[worst]:+.2g} of full"
      " scale",
      f"{command('sox', path, 'fixed.wav highpass 10')}, and put fixed.wav in"
      " its place",
    )
  _check_silence(path, names, levels, found)


def _check_silence(
  path: Path, names: Sequence[str], levels: Levels, found: Findings
) -> None:
  shortest = round(_LONGEST_SILENCE_S / WINDOW_S)
  floor = 10 ** (-_SILENT_DB / 10)
  for c, name in enumerate(names):
    quiet = levels.window_power[:, c] <= floor * levels.power[c]
    stretches = sound_levels.runs(quiet, shortest)
    if stretches and levels.power[c]:
      first, end = max(stretches, key=lambda run: run[1] - run[0])
      lost = sum(stop - start for start, stop in stretches)
      found.warning(
        "silence",
        path,
        f"channel {name} is silent for {lost * WINDOW_S:.1f} s, the longest"
        f" from {first * WINDOW_S:.1f} to {end * WINDOW_S:.1f} s",
        "annotate these seconds as no_people, or leave them out of the"
        " annotations",
      )
      return


def _check_copies(path: Path, levels: Levels, found: Findings) -> None:
  for one, other in itertools.combinations(range(len(MICROPHONES)), 2):
    pair = f"{MICROPHONES[one]} and {MICROPHONES[other]}"
    if levels.identical[one, other]:
      found.error(
        "channels",
        path,
        f"channels {pair} are the same, sample by sample",
        "export the four channels of the first-order microphone, not copies of"
        " one",
      )
      return
    if abs(levels.correlation[one, other]) > _SAME:
      found.warning(
        "channels",
        path,
        f"channels {pair} are the same but for their level (correlation"
        f" {levels.correlation[one, other]:+.5f})",
        "check the export: W, X, Y and Z hear different directions",
      )
      return


def _check_order(
  path: Path, levels: Levels, found: Findings, order: str
) -> None:
  """What power and correlation can tell of the channels' order."""
  pairs = levels.correlation[np.triu_indices(len(MICROPHONES), 1)]
  if pairs.min() > _CAPSULES:
    found.warning(
      "channel order",
      path,
      f"all four channels go together (correlations {pairs.min():.2f} to"
      f" {pairs.max():.2f}), as capsules do (A-format)",
      "convert it to W X Y Z with the microphone's own software",
    )
    return
  ratio = float(levels.power[1:].sum() / levels.power[0])
  if ratio > _LARGEST_RATIO:
    loudest = MICROPHONES[int(np.argmax(levels.power))]
    found.warning(
      "channel order",
      path,
      f"X, Y and Z together have {ratio:.1f} times the power of W, {loudest}"
      " the most: 1 (AmbiX) to 3 (N3D) is usual",
      f"if {loudest} is the pressure channel: "
      + command("sox", path, "fixed.wav remix", _remix(loudest, order)),
    )
  elif ratio < _LEAST_RATIO:
    found.warning(
      "channel order",
      path,
      f"X, Y and Z together have {ratio:.2g} times the power of W: 1 (AmbiX) to"
      " 3 (N3D) is usual",
      "check the gains of the export: the intensity maps need all four",
    )


def _remix(loudest: str, order: str) -> str:
  first = ambisonics.channel_names(order).index(loudest) + 1
  others = [n for n in range(1, 5) if n != first]
  return " ".join(map(str, [first, *others]))
