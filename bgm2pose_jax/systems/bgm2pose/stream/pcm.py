"""Samples out of bytes: raw, or behind a WAV header that nobody finished."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import CHANNELS

FORMATS = ("f32le", "s16le")
_BYTES = {"f32le": 4, "s16le": 2, "s24le": 3, "s32le": 4}
# Nothing recorded is so loud: bytes were lost, or they are something else.
_LARGEST = 100.0
# A header may hold notes of the recorder's before the sound.
_LONGEST_HEADER = 1 << 20
# Long files' form, and that with a description of the channels, too.
_FORMS = (b"RIFF", b"RF64", b"BW64")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_WAV = {
  (_FLOAT, 32): "f32le",
  (_PCM, 16): "s16le",
  (_PCM, 24): "s24le",
  (_PCM, 32): "s32le",
}
# What programs write that cannot know the length yet.
_UNKNOWN = (0, 0x7FFFFFFF, 0xFFFFFFFF)


@dataclasses.dataclass(frozen=True)
class Header:
  """What a WAV header says.

  Attributes:
    pcm: format of a sample.
    length: bytes of the header.
    data: bytes of sound behind it, None where it does not say.
  """

  pcm: str
  length: int
  data: int | None


class Decoder:
  """Bytes in, samples out."""

  def __init__(self, pcm: str, where: object):
    """Starts before the first byte.

    Args:
      pcm: one of `FORMATS`, for streams without a header.
      where: names the stream in messages.
    """
    self._pcm, self._where = pcm, where
    self._begun = False
    self._left: int | None = None  # bytes of sound yet to come
    self._bytes = b""

  @property
  def rest(self) -> int:
    """Bytes of a sample that is not whole."""
    return len(self._bytes)

  @property
  def ended(self) -> bool:
    """Whether all came that the header promised."""
    return self._left == 0

  def push(self, data: bytes) -> np.ndarray:
    """Takes bytes.

    Returns:
      float32 [4, n], full scale 1.

    Raises:
      InputError: a header of other sound, or samples that cannot be sound.
    """
    self._bytes += data
    if not self._begun and not self._begin():
      return np.zeros((CHANNELS, 0), np.float32)
    size = CHANNELS * _BYTES[self._pcm]
    used = len(self._bytes)
    if self._left is not None:
      used = min(used, self._left)
    used -= used % size
    if self._left is not None:
      self._left -= used
      if self._left < size:
        self._left = 0
    part, self._bytes = self._bytes[:used], self._bytes[used:]
    samples = decode(part, self._pcm).reshape(-1, CHANNELS)
    # Not the other way round: NaN is not within.
    if not (np.abs(samples) <= _LARGEST).all():
      raise InputError(
        self._where,
        f"the samples are no {self._pcm} any more",
        "give four channels of that format without gaps, see --pcm",
      )
    return np.ascontiguousarray(samples.T)

  def _begin(self) -> bool:
    """Looks for a header; False while there is too little to say."""
    start = self._bytes
    if len(start) < 4:
      return False
    if start[:4] in _FORMS:
      found = read_header(start, self._where)
      if found is None:
        return False
      self._pcm, self._left = found.pcm, found.data
      self._bytes = start[found.length :]
    self._begun = True
    return True


def decode(data: bytes, pcm: str) -> np.ndarray:
  """Whole samples to float32 [n], full scale 1."""
  if pcm == "f32le":
    return np.frombuffer(data, "<f4").astype(np.float32)
  if pcm == "s16le":
    return np.frombuffer(data, "<i2").astype(np.float32) / 2**15
  if pcm == "s32le":
    return (np.frombuffer(data, "<i4") / 2.0**31).astype(np.float32)
  # The upper three bytes of four.
  wide = np.zeros((len(data) // 3, 4), np.uint8)
  wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
  return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def read_header(start: bytes, where: object) -> Header | None:
  """Reads a WAV header.

  Args:
    start: first bytes of a stream.
    where: names it.

  Returns:
    What it says; None while more bytes are needed.

  Raises:
    InputError: another kind of file, or sound that cannot be used.
  """
  if len(start) < 12:
    return None
  if start[8:12] != b"WAVE":
    raise InputError(where, "begins with RIFF but is no WAV", "send WAV or PCM")
  place, pcm, long_data = 12, None, None
  while len(start) >= place + 8:
    name = start[place : place + 4]
    (size,) = struct.unpack_from("<I", start, place + 4)
    place += 8
    if name == b"data":
      if pcm is None:
        raise InputError(where, "has a WAV header without format", "send PCM")
      return Header(pcm, place, long_data if size in _UNKNOWN else size)
    if name == b"ds64" and size >= 16:
      if len(start) < place + 16:
        break
      long_data = struct.unpack_from("<Q", start, place + 8)[0] or None
    if name == b"fmt ":
      if len(start) < place + size:
        break
      pcm = _format(start[place : place + size], where)
    place += size + size % 2
    if place > _LONGEST_HEADER:
      raise InputError(
        where, "has a WAV header without end", "send raw PCM instead"
      )
  return None


def _format(chunk: bytes, where: object) -> str:
  if len(chunk) < 16:
    raise InputError(where, "has a broken WAV header", "send raw PCM instead")
  kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
  if kind == _EXTENSIBLE and len(chunk) >= 26:
    (kind,) = struct.unpack_from("<H", chunk, 24)
  if channels != CHANNELS or rate_hz != SAMPLE_RATE_HZ:
    raise InputError(
      where,
      f"has {channels} channels at {rate_hz} Hz",
      f"send {CHANNELS} channels at {SAMPLE_RATE_HZ} Hz, W X Y Z or in the "
      "order of --channel_order",
    )
  if (kind, bits) not in _WAV:
    raise InputError(
      where, f"has {bits} bits of WAV format {kind}", "send 16-bit or float PCM"
    )
  return _WAV[kind, bits]
