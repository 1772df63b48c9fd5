"""What was heard, as a picture for pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.audio import mel
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.report import timeline
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

# Array of the page: float32 [n, t, bands], log-mel dB of channel W.
SPECTROGRAM = "spectrogram_db"
_TICKS_HZ = (250, 1000, 4000, 16000)


def heard(table: MusicWindows, rows: np.ndarray) -> dict[str, np.ndarray]:
  """What the page of a run shows of the sound of its test windows.

  Args:
    table: the windows.
    rows: int [n] rows of the table.

  Returns:
    `SPECTROGRAM`; nothing where the features hold no level of the recording.
  """
  levels = table.spec.indices("recording")
  if not levels:
    return {}
  return {SPECTROGRAM: table.features[rows, :, :, levels[0]]}


def heard_image(level_db: np.ndarray) -> dict[str, Any]:
  """The spectrogram of channel W for a timeline.

  Args:
    level_db: [columns, bands], log-mel dB, finite.
  """
  ticks = band_ticks(level_db.shape[1])
  return timeline.level_image("Sound heard (W), dB", level_db, ticks)


def band_ticks(bands: int) -> list[tuple[float, str]]:
  """(mel band, name) of some frequencies.

  Args:
    bands: mel bands up to half the sample rate.
  """
  top_mel = mel.hz_to_mel(SAMPLE_RATE_HZ / 2)
  centre_mel = np.linspace(0, top_mel, bands + 2)[1:-1]
  return [
    (
      round(float(np.interp(mel.hz_to_mel(hz), centre_mel, range(bands))), 2),
      f"{hz} Hz" if hz < 1000 else f"{hz // 1000} kHz",
    )
    for hz in _TICKS_HZ
  ]
