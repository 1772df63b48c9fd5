"""Arrays as small PNG images, in colours whose lightness tells the value."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

# Cylindrical Oklab (https://bottosson.github.io/posts/oklab/): lightness
# rises evenly from end to end, so that order is seen in grey too; hue turns
# from violet over red to yellow.
_LIGHTNESS = (0.14, 0.97)
_HUE_DEG = (-80.0, 108.0)
_CHROMA = 0.17


def ramp(count: int) -> np.ndarray:
  """Colours from dark (low) to light (high).

  Args:
    count: how many, two at least.

  Returns:
    uint8 [count, 3], sRGB.
  """
  place = np.linspace(0, 1, count)
  light = _LIGHTNESS[0] + place * (_LIGHTNESS[1] - _LIGHTNESS[0])
  hue = np.radians(_HUE_DEG[0] + place * (_HUE_DEG[1] - _HUE_DEG[0]))
  # Screens have little colour to give near black and white.
  chroma = _CHROMA * np.sin(np.pi * (0.12 + 0.76 * place))
  lab = np.stack([light, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
  cones = lab @ np.array(
    [
      [1.0, 1.0, 1.0],
      [0.3963377774, -0.1055613458, -0.0894841775],
      [0.2158037573, -0.0638541728, -1.2914855480],
    ]
  )
  linear = (cones**3) @ np.array(
    [
      [4.0767416621, -1.2684380046, -0.0041960863],
      [-3.3077115913, 2.6097574011, -0.7034186147],
      [0.2309699292, -0.3413193965, 1.7076147010],
    ]
  )
  linear = np.clip(linear, 0, 1)
  curved = np.where(
    linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
  )
  return np.rint(255 * curved).astype(np.uint8)


def png(values: np.ndarray, colours: np.ndarray) -> bytes:
  """An indexed-colour PNG.

  Args:
    values: uint8 [rows, columns], numbers of colours.
    colours: uint8 [colour, 3], at most 256.
  """
  rows, columns = values.shape
  # Neighbours in time are alike; the better of plain bytes and differences.
  steps = np.diff(values, axis=1, prepend=np.zeros((rows, 1), np.uint8))
  body = min(
    (
      zlib.compress(
        np.insert(content, 0, kind, axis=1).astype(np.uint8).tobytes(), 9
      )
      for kind, content in ((0, values), (1, steps))
    ),
    key=len,
  )
  header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
  return (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", header)
    + _chunk(b"PLTE", np.asarray(colours, np.uint8).tobytes())
    + _chunk(b"IDAT", body)
    + _chunk(b"IEND", b"")
  )


def _chunk(kind: bytes, content: bytes) -> bytes:
  checked = kind + content
  check = struct.pack(">I", zlib.crc32(checked))
  return struct.pack(">I", len(content)) + checked + check


def data_uri(image: bytes) -> str:
  """A PNG as an address that needs no file."""
  return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
