"""Sound files that lie, overflow or break off."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from tests.hostile import files
from tests.hostile.files import Case, of_bytes

RATE_HZ = 48000
SECONDS = 1.2
RECORDING, MUSIC = "recording", "music"
_CHANNELS = {RECORDING: 4, MUSIC: 2}


def wav(
  samples: np.ndarray,
  rate_hz: int = RATE_HZ,
  *,
  channels: int | None = None,
  claimed: int | None = None,
  kind: int = 1,
) -> bytes:
  """A WAV file with a header that may say anything.

  Args:
    samples: [samples, channel], of the type that is stored.
    rate_hz: as the header has it.
    channels: as the header has it; None is the truth.
    claimed: bytes of samples as the header has them; None is the truth.
    kind: format tag, 1 for PCM and 3 for float.
  """
  data = samples.tobytes()
  number = int(samples.shape[1] if channels is None else channels)
  size = samples.itemsize
  claimed = len(data) if claimed is None else claimed
  block = number * size
  head = struct.pack(
    "<4sI4s4sIHHIIHH4sI",
    b"RIFF",
    (36 + claimed) % 2**32,
    b"WAVE",
    b"fmt ",
    16,
    kind,
    number % 2**16,
    rate_hz % 2**32,
    rate_hz * block % 2**32,
    block % 2**16,
    8 * size,
    b"data",
    claimed % 2**32,
  )
  return head + data


@functools.cache
def noise(channels: int, seconds: float = SECONDS) -> np.ndarray:
  """Noise, int16 [samples, channels]."""
  rng = np.random.default_rng(channels)
  count = round(seconds * RATE_HZ)
  return rng.integers(-3000, 3000, (count, channels), np.int16)


def encoded(samples: np.ndarray, kind: str, rate_hz: int = RATE_HZ) -> bytes:
  """Samples as soundfile writes them, e.g. as FLAC."""
  file = io.BytesIO()
  soundfile.write(file, samples, rate_hz, format=kind)
  return file.getvalue()


def cases(kind: str, count: int, seed: int) -> Iterator[Case]:
  """All faults of a recording (four channels) or of music (two).

  Args:
    kind: `RECORDING` or `MUSIC`.
    count: of files damaged at random.
    seed: of these.
  """
  own = _CHANNELS[kind]
  good = wav(noise(own))
  yield of_bytes(kind, "good", "PCM", good, "good.wav", is_legal=True)
  yield from files.broken_paths(kind, "sound.wav", good)
  yield from files.odd_names(kind, ".wav", good)
  yield from _claims(kind, own)
  yield from _samples(kind, own)
  yield from _no_sound(kind)
  flac = encoded(noise(own), "FLAC")
  yield from _bombs(kind, own, flac)
  short = wav(noise(own)[:2000])
  for part in (good, flac, encoded(noise(own), "OGG"), short):
    suffix = {b"R": ".wav", b"f": ".flac", b"O": ".ogg"}[part[:1]]
    yield from files.damaged(kind, f"sound{suffix}", part, count // 4, seed)


def _claims(kind: str, own: int) -> Iterator[Case]:
  def claim(name: str, data: bytes, is_legal: bool = False) -> Case:
    return of_bytes(
      kind, "header's claim", name, data, "x.wav", is_legal=is_legal
    )

  small = noise(own)[:100]
  for size in (400 * 10**9, 2**32 - 2, 2**31, 2**32 - 1):
    # The last is what streams have that know no end.
    yield claim(f"{size} bytes", wav(small, claimed=size), size == 2**32 - 1)
  long = wav(small).replace(b"RIFF", b"RF64", 1)
  sizes = struct.pack("<4sIQQQI", b"ds64", 28, 2**40, 400 * 10**9, 2**38, 0)
  yield claim("400 GB in RF64", long[:12] + sizes + long[12:-800])
  for channels in (0, 1, 3, 5, 64, 1024, 65535):
    name = f"{channels} channels"
    # Mono music is played by both loudspeakers.
    is_mono = kind == MUSIC and channels == 1
    yield claim(name, wav(small, channels=channels), is_mono)
  for rate in (0, 1, 999, 2**31 - 1, 2**31, 2**32 - 1):
    yield claim(f"{rate} Hz", wav(noise(own), rate))
  for rate in (8000, 44100, 96000, 192000):
    yield claim(f"{rate} Hz", wav(noise(own), rate), True)
  for tag in (0, 2, 6, 17, 85, 0xFFFE):
    yield claim(f"format {tag}", wav(small, kind=tag), True)
  yield claim("no samples", wav(small[:0]))
  yield claim(
    "a million empty chunks",
    wav(small)[:12] + struct.pack("<4sI", b"junk", 0) * 10**6,
  )


def _samples(kind: str, own: int) -> Iterator[Case]:
  base = noise(own).astype(np.float32) / 2**15
  for name, value in (
    ("NaN", np.nan),
    ("infinity", np.inf),
    ("minus infinity", -np.inf),
    ("1e30", 1e30),
    ("1e-40", 1e-40),
  ):
    for where in ("at the end", "everywhere"):
      odd = base.copy()
      odd[-3 if where == "at the end" else 0 :] = value
      yield of_bytes(
        kind,
        "samples",
        f"{name} {where}",
        wav(odd, kind=3),
        "x.wav",
        is_legal=np.isfinite(value),
      )
  yield of_bytes(
    kind, "samples", "clipped",
    wav(np.where(noise(own) > 0, np.int16(32767), np.int16(-32768))),
    "x.wav", is_legal=True,
  )  # fmt: skip
  yield of_bytes(
    kind, "samples", "silent", wav(0 * noise(own)), "x.wav", is_legal=True
  )
  yield of_bytes(
    kind, "samples", "one sample", wav(noise(own)[:1]), "x.wav", is_legal=True
  )


def _no_sound(kind: str) -> Iterator[Case]:
  for name, data in (
    ("text", b"not sound at all\n" * 9),
    ("zeros", bytes(5000)),
    ("HTML", b"<html><script>alert(1)</script></html>"),
    ("PNG", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    ("ZIP", b"PK\x03\x04" + bytes(100)),
    ("RIFF alone", b"RIFF"),
    ("RIFF of no sound", b"RIFF\x10\0\0\0AVI " + bytes(50)),
    ("FLAC alone", b"fLaC"),
    ("Ogg alone", b"OggS" + bytes(30)),
    ("ID3 alone", b"ID3\x04\0\0\x7f\x7f\x7f\x7f"),
    ("MP3 frames of nothing", b"\xff\xfb\x90\x64" * 2000),
  ):
    for suffix in (".wav", ".mp3"):
      yield of_bytes(kind, "no sound", name, data, f"x{suffix}")


def _bombs(kind: str, own: int, flac: bytes) -> Iterator[Case]:
  # The last 36 bits of this number are how many samples there are.
  (facts,) = struct.unpack_from(">Q", flac, 18)
  for total in (0, 1, 2**35, 2**36 - 1):
    new = struct.pack(">Q", facts >> 36 << 36 | total)
    yield of_bytes(
      kind, "bomb", f"FLAC claims {total} samples",
      flac[:18] + new + flac[26:], "x.flac", is_legal=True,
    )  # fmt: skip

  def silence(folder: Path) -> Path:
    path = folder / "silence.flac"
    with soundfile.SoundFile(path, "w", RATE_HZ, own, "PCM_16") as file:
      for _ in range(5):
        file.write(np.zeros((60 * RATE_HZ, own), np.int16))
    return path

  yield Case(kind, "bomb", "five minutes of silence", silence, True)
