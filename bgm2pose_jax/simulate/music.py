"""Background music: four composed pieces, and any file soundfile reads.

Three ambient pieces (slow pads, drones, soft noise) and one jazz piece (swing
drums, walking bass, piano comping, with silent bars): stereo, distinct per
channel, the same samples for the same name and seed. The ambient ones carry
steady lines and soft noise up to 12 kHz, because a room can only be heard at
frequencies that the music excites.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import soxr

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import instruments as inst
from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.pieces import PIECES

# Loudness of all music: -22 dB re full scale leaves room for peaks.
RMS = 0.08
_PEAK = 0.95
_SHORTEST_S = 1.0
_LONGEST_S = 4 * 3600.0
_SILENCE_RMS = 1e-4


@dataclasses.dataclass(frozen=True)
class Piece:
  """A piece of background music.

  Attributes:
    style: `ambient` or `jazz` (or whatever a user's folder says).
    title: the title for tables and reports.
    path: audio file, None for one that `compose` plays.
  """

  style: str
  title: str
  path: Path | None = None


COMPOSED: dict[str, Piece] = {
  "haze": Piece("ambient", "Haze (slow pads)"),
  "drift": Piece("ambient", "Drift (drones and bells)"),
  "tide": Piece("ambient", "Tide (noise swells)"),
  "swing": Piece("jazz", "Swing (quartet with stops)"),
}


def compose(
  name: str,
  duration_s: float,
  seed: int = 0,
  sample_rate_hz: int = 48000,
  rms: float = RMS,
) -> np.ndarray:
  """Composes and plays a piece.

  Args:
    name: key of `COMPOSED`.
    duration_s: length.
    seed: another seed gives another piece in the same manner.
    sample_rate_hz: sample rate.
    rms: loudness over both channels, re full scale.

  Returns:
    float32 [2, round(duration_s sample_rate_hz)], peak below 1.

  Raises:
    InputError: unknown name or no samples.
  """
  if name not in COMPOSED:
    raise InputError(
      f"music {name!r}",
      "no composed piece of this name",
      f"use one of {', '.join(COMPOSED)}",
    )
  count = int(round(duration_s * sample_rate_hz))
  if count < 1:
    raise InputError(f"music {name!r}", f"{duration_s} s long", "ask for more")
  rng = random_stream(seed, "music", name)
  return _level(PIECES[name](count, rng, sample_rate_hz), rms)


def _level(sound: np.ndarray, rms: float) -> np.ndarray:
  """Sets the RMS, but never lets a sample reach full scale."""
  power = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
  peak = float(np.abs(sound).max())
  gain = min(rms / max(power, 1e-12), _PEAK / max(peak, 1e-12))
  return (sound * np.float32(gain)).astype(np.float32)


def load_music(
  path: str | Path,
  duration_s: float | None = None,
  sample_rate_hz: int = 48000,
  rms: float = RMS,
) -> np.ndarray:
  """Reads any audio file as background music.

  Args:
    path: file that soundfile reads (WAV, FLAC, Ogg, MP3, ...), mono or stereo.
    duration_s: cut to this length, or loop up to it; None for the file's own.
    sample_rate_hz: resampled to this rate (soxr, high quality).
    rms: loudness over both channels; less if a peak would clip.

  Returns:
    float32 [2, samples]; a mono file plays from both loudspeakers.

  Raises:
    InputError: missing or unreadable file, more than two channels, an absurd
      length or rate, too short, silent, or samples that are not finite.
  """
  path = Path(path)
  if not os.path.exists(path):
    raise InputError(path, "no such music file", "check the name and folder")
  header = audio_files.read_header(path, None, None)
  _check_header(path, header)
  own_rate_hz = int(header.samplerate)
  needed = int(header.frames)
  if duration_s is not None:
    needed = min(needed, int((duration_s + 1) * own_rate_hz))
  # Piece by piece: a header may claim more than there is.
  parts: list[np.ndarray] = []
  for part in audio_files.sample_blocks(path):
    parts.append(part[:needed])
    needed -= len(parts[-1])
    if not needed:
      break
  sound = np.concatenate(parts or [np.zeros((0, 1), np.float32)])
  if len(sound) < _SHORTEST_S * own_rate_hz:
    raise InputError(
      path,
      f"{len(sound) / own_rate_hz:.2f} s of music",
      f"use a file of at least {_SHORTEST_S:g} s",
    )
  if float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) < _SILENCE_RMS:
    raise InputError(path, "digital silence", "use a file with sound in it")
  if own_rate_hz != sample_rate_hz:
    sound = soxr.resample(sound, own_rate_hz, sample_rate_hz, quality="HQ")
  stereo = np.repeat(sound, 2, axis=1) if sound.shape[1] == 1 else sound
  stereo = np.ascontiguousarray(stereo.T)
  if duration_s is not None:
    stereo = inst.tiled(stereo, 0, int(round(duration_s * sample_rate_hz)))
  return _level(stereo, rms)


def _check_header(path: Path, header: object) -> None:
  frames, rate = int(header.frames), int(header.samplerate)  # type: ignore
  channels = int(header.channels)  # type: ignore
  if channels > 2:
    raise InputError(path, f"{channels} channels", "mix it down to stereo")
  if not 4000 <= rate <= 768000:
    raise InputError(path, f"sample rate {rate} Hz", "export it at 48000 Hz")
  if frames > _LONGEST_S * rate:
    raise InputError(
      path,
      f"header claims {frames / rate / 3600:.1f} hours",
      f"use at most {_LONGEST_S / 3600:g} hours",
    )
