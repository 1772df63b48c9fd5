"""Where sound comes from: a file, a pipe. Each reads in a thread of its own."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Protocol

import numpy as np

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.stream.pcm import Decoder
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import (
  CHANNELS,
  Pace,
  Piece,
  SoundQueue,
)

# 10 ms: what comes together waits for no more than that.
PIECE_SAMPLES = 480
_READ_BYTES = 1 << 16


class SoundInput(Protocol):
  """What a stream needs of its source.

  Attributes:
    name: its name in messages.
    queue: pieces come here; closed at the end.
    samples: how many there will be, or None.
    is_patient: nothing is lost or left out when it is used late.
    notes: what is to be told, a line each, taken by who tells it.
  """

  name: str
  queue: SoundQueue
  samples: int | None
  is_patient: bool
  notes: list[str]

  def start(self) -> None:
    """Begins to read."""

  def stop(self) -> None:
    """Reads no more."""


class FileInput:
  """A sound file, in real time or as fast as it is used."""

  def __init__(self, path: Path, speed: float):
    """Checks the file.

    Args:
      path: four channels at 48 kHz.
      speed: times real time; 0 is as fast as its samples are used.

    Raises:
      InputError: no such sound.
    """
    info = audio_files.read_header(path, CHANNELS, SAMPLE_RATE_HZ)
    if not 0 <= speed < np.inf:
      raise InputError(f"--speed={speed}", "is no speed", "give 1, or 0")
    self.name = str(path)
    self.samples: int | None = int(info.frames)
    self.queue = SoundQueue()
    self.is_patient = speed == 0
    self.notes: list[str] = []
    self.path, self._speed = path, speed

  def start(self) -> None:
    """Begins to read."""
    _run(self._read, self.queue)

  def stop(self) -> None:
    """Reads no more."""
    self.queue.close()

  def _read(self) -> None:
    with audio_files.opened(self.path) as file:
      begin_s, done, more = time.monotonic(), 0, True
      while more:
        part = audio_files.read_samples(file, self.path, PIECE_SAMPLES)
        if not len(part):
          return
        audio_files.check_finite(self.path, part, done, SAMPLE_RATE_HZ)
        done += len(part)
        due_s = np.inf
        if self._speed:
          due_s = begin_s + done / SAMPLE_RATE_HZ / self._speed
          time.sleep(max(0.0, due_s - time.monotonic()))
        samples = np.ascontiguousarray(part.T)
        more = self.queue.put(Piece(samples, time.monotonic(), due_s))


class PipeInput:
  """Bytes of a pipe, as they come."""

  def __init__(self, pcm: str, descriptor: int | None = None):
    """Reads nothing yet.

    Args:
      pcm: one of `pcm.FORMATS`, for streams without a WAV header.
      descriptor: the number of an open file; None is standard input.

    Raises:
      InputError: standard input is a keyboard.
    """
    self.name = "--input=-"
    if descriptor is not None:
      self._descriptor = descriptor
    else:
      if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
          self.name, "is a keyboard", "pipe sound into it, or name a file"
        )
      self._descriptor = sys.stdin.fileno()
    self.samples: int | None = None
    self.queue = SoundQueue()
    self.is_patient = False
    self.notes: list[str] = []
    self._pcm = pcm

  def start(self) -> None:
    """Begins to read."""
    _run(self._read, self.queue)

  def stop(self) -> None:
    """Reads no more; a read that waits for bytes ends with the process."""
    self.queue.close()

  def _read(self) -> None:
    decoder, pace = Decoder(self._pcm, self.name), Pace()
    while not decoder.ended:
      data = os.read(self._descriptor, _READ_BYTES)
      if not data:
        break
      samples = decoder.push(data)
      if samples.shape[1] and not self.queue.put(pace.piece(samples)):
        return
    if decoder.rest and not decoder.ended:
      self.notes.append(
        f"the sound ended within a sample; its last {decoder.rest} bytes were "
        "left out"
      )


def _run(read, queue: SoundQueue) -> None:
  """Reads in a thread; the queue is closed however it ends."""

  def body():
    error = None
    try:
      read()
    except InputError as found:
      error = found
    except OSError as found:
      error = InputError(
        "--input", f"cannot be read ({found})", "see where it comes from"
      )
    except Exception as found:
      # Told by the command, with its traceback, not by this thread.
      error = found
    finally:
      queue.close(error)

  threading.Thread(target=body, name="sound", daemon=True).start()
