"""The sound card: records four channels, and plays the music when asked."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.stream.sound_input import PIECE_SAMPLES
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import (
  CHANNELS,
  Piece,
  SoundQueue,
)

# Gaps between calls that are shorter are the card's own unsteadiness.
_GAP_S = 0.02


def load_sounddevice() -> Any:
  """The package that reaches sound cards.

  Raises:
    InputError: it is not there, or has no PortAudio to work with.
  """
  try:
    import sounddevice  # pyright: ignore[reportMissingImports]
  except ImportError:
    raise InputError(
      "--input=device or --play",
      "needs the package sounddevice",
      "pip install -e '.[live]', or give --input=FILE or --input=- and no "
      "--play",
    ) from None
  except OSError as error:
    raise InputError(
      "sound card",
      f"cannot be reached ({error})",
      "install PortAudio (Debian's package libportaudio2)",
    ) from None
  return sounddevice


class DeviceInput:
  """Four channels of a sound card; what it loses becomes silence."""

  def __init__(self, device: str = ""):
    """Opens nothing yet.

    Args:
      device: number or part of the name of a card; empty is the usual one.
    """
    self.name = f"sound card {device}".strip()
    self.samples: int | None = None
    self.queue = SoundQueue()
    self.is_patient = False
    self.notes: list[str] = []
    self._device: Any = int(device) if device.isdigit() else device or None
    self._sounddevice = load_sounddevice()
    self._stream: Any = None
    self._last_s: float | None = None

  def start(self) -> None:
    """Begins to record.

    Raises:
      InputError: no such card, or not with four channels at 48 kHz.
    """
    try:
      self._stream = self._sounddevice.InputStream(
        samplerate=SAMPLE_RATE_HZ,
        channels=CHANNELS,
        dtype="float32",
        blocksize=PIECE_SAMPLES,
        device=self._device,
        callback=self._heard,
        finished_callback=self.queue.close,
      )
      self._stream.start()
    except (self._sounddevice.PortAudioError, ValueError) as error:
      raise InputError(
        self.name,
        f"does not record {CHANNELS} channels at {SAMPLE_RATE_HZ} Hz ({error})",
        "python -m sounddevice lists the cards; name one: --input=device:NAME",
      ) from None

  def stop(self) -> None:
    """Records no more."""
    self.queue.close()
    if self._stream is not None:
      self._stream.close()

  def _heard(self, data: Any, frames: int, times: Any, status: Any) -> None:
    """Called by the card's own thread: no waiting here."""
    now = time.monotonic()
    # Cards that do not tell when they recorded are judged by when they call.
    at_s = float(times.inputBufferAdcTime) or now
    lost = 0
    if self._last_s is not None and status and status.input_overflow:
      gap_s = at_s - self._last_s
      lost = round(gap_s * SAMPLE_RATE_HZ) if gap_s > _GAP_S else 0
    self._last_s = at_s + frames / SAMPLE_RATE_HZ
    samples = np.ascontiguousarray(np.asarray(data, np.float32).T)
    # A card's numbers are of full scale; what is not finite is a driver's.
    samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
    self.queue.put_or_lose(Piece(samples, now, now, lost))


class MusicPlayer:
  """Plays the music once through the usual sound card."""

  def __init__(self, music: np.ndarray):
    """Opens nothing yet.

    Args:
      music: float32 [2, samples] at 48 kHz.
    """
    self._sounddevice = load_sounddevice()
    self._music, self._place = music, 0
    self._stream: Any = None

  def start(self) -> None:
    """Begins to play.

    Raises:
      InputError: no card that plays two channels at 48 kHz.
    """
    try:
      self._stream = self._sounddevice.OutputStream(
        samplerate=SAMPLE_RATE_HZ,
        channels=2,
        dtype="float32",
        callback=self._play,
      )
      self._stream.start()
    except (self._sounddevice.PortAudioError, ValueError) as error:
      raise InputError(
        "--play", f"no card plays it ({error})", "play it by other means"
      ) from None

  def stop(self) -> None:
    """Plays no more."""
    if self._stream is not None:
      self._stream.close()

  def _play(self, out: Any, frames: int, times: Any, status: Any) -> None:
    part = self._music[:, self._place : self._place + frames]
    self._place += part.shape[1]
    out[: part.shape[1]] = part.T
    out[part.shape[1] :] = 0
