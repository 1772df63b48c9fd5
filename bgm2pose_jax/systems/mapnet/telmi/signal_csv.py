"""RepoVizz's file of one signal: a line that says what it is, then numbers.

repovizz,framerate=50.00,minval=-1.,maxval=812.5
0.,0.25,nan,1.,
"""

from __future__ import annotations

import math

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.systems.mapnet.telmi.contents import Signal
from bgm2pose_jax.systems.mapnet.telmi.pack_files import PackFiles

# An hour at 240 Hz with twelve characters a value is 10 MB. Cells take some
# eighty bytes of memory each.
MAX_BYTES = 32 << 20
MAX_VALUES = 5_000_000
_TAG = "repovizz"
_RATES_HZ = (1.0, 10_000.0)
# A kilometre in millimetres: no room is larger.
_LARGEST = 1e6
_AGAIN = "download the datapack again"


def read(files: PackFiles, signal: Signal) -> tuple[np.ndarray, float]:
  """Reads the numbers of a signal.

  Args:
    files: the datapack's.
    signal: the signal, as its XML states it.

  Returns:
    float64 [frame, value] with NaN for cells that are empty or `nan`, and
    frames per second as the file states them.

  Raises:
    InputError: no RepoVizz file, no usable frame rate, cells that are no
      numbers, no whole frames, or fewer samples than the XML promises.
  """
  where = files.where(signal.file)
  data = files.read(signal.file, MAX_BYTES)
  head, _, body = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
  rate_hz = _rate(where, head)
  values = _values(where, body)
  if len(values) % signal.frame_size:
    raise InputError(
      where,
      f"holds {len(values)} values, no multiple of the frame size "
      f"{signal.frame_size}",
      _AGAIN,
    )
  # One who counts commas is one off where the last value has none.
  if signal.samples and len(values) < signal.samples - signal.frame_size:
    raise InputError(
      where,
      f"holds {len(values)} values of the {signal.samples} that the XML "
      "promises",
      f"{_AGAIN}, or correct NumSamples",
    )
  return values.reshape(-1, signal.frame_size), rate_hz


def _rate(where: str, head: bytes) -> float:
  if len(head) > text_file.MAX_LINE_BYTES:
    raise InputError(where, f"has a first line of {len(head)} bytes", _AGAIN)
  tag, *cells = head.decode("utf-8", "replace").split(",")
  if tag.strip().lower() != _TAG:
    raise InputError(
      where,
      f"begins with '{clip_text(tag.strip())}', no RepoVizz signal",
      "give a file whose first line is repovizz,framerate=RATE",
    )
  pairs = [cell.partition("=") for cell in cells]
  rates = [
    value.strip()
    for name, _, value in pairs
    if name.strip().lower() == "framerate"
  ]
  low, high = _RATES_HZ
  try:
    rate_hz = float(rates[0]) if rates and "_" not in rates[0] else math.nan
  except ValueError:
    rate_hz = math.nan
  if not low <= rate_hz <= high:
    said = f"framerate '{clip_text(rates[0])}'" if rates else "no framerate"
    raise InputError(
      where,
      f"has {said} in its first line",
      f"give a number from {low:g} to {high:g}, as in framerate=50",
    )
  return rate_hz


def _values(where: str, body: bytes) -> np.ndarray:
  # Values are one line; some tools break it.
  text = b",".join(
    line.strip().removesuffix(b",")
    for line in body.split(b"\n")
    if line.strip()
  )
  if not text:
    raise InputError(where, "holds no values", _AGAIN)
  if text.count(b",") >= MAX_VALUES:
    raise InputError(
      where, f"holds more than {MAX_VALUES} values", "split the take"
    )
  cells = text.split(b",")
  try:
    # Python's float() would also take `1_000`.
    values = None if b"_" in text else np.array([*map(float, cells)])
  except ValueError:
    values = None
  if values is None:
    values = np.array([_value(where, i, cell) for i, cell in enumerate(cells)])
  bad = np.flatnonzero(np.abs(values) > _LARGEST)
  if len(bad):
    raise InputError(
      where,
      f"holds the position {values[bad[0]]:g} (value {bad[0] + 1})",
      _AGAIN,
    )
  return values


def _value(where: str, index: int, cell: bytes) -> float:
  text = cell.decode("utf-8", "replace").strip()
  if not text:
    return math.nan
  try:
    if "_" not in text:
      return float(text)
  except ValueError:
    pass
  raise InputError(
    where,
    f"value {index + 1} is '{clip_text(text)}', no number",
    "correct it, or download the datapack again",
  )
