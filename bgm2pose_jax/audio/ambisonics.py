"""Orders of the channels of a first-order ambisonics file.

| file | order | gains |
| --- | --- | --- |
| AmbiX | W Y Z X (ACN) | SN3D |
| FuMa, B-format | W X Y Z | W 3 dB lower than SN3D |
| N3D files | W Y Z X (ACN) as a rule | X, Y, Z sqrt(3) higher than SN3D |

(Nachbar et al., "ambiX", Ambisonics Symposium 2011.) Inside this package sound
is always W X Y Z; files are put in this order where they are read.
"""

from __future__ import annotations

import numpy as np

CHANNELS = ("W", "X", "Y", "Z")
# Where W, X, Y and Z stand in a file.
ORDERS: dict[str, tuple[int, ...]] = {
  "wxyz": (0, 1, 2, 3),
  "wyzx": (0, 3, 1, 2),
}
DEFAULT_ORDER = "wxyz"
# One text for every command's flag.
ORDER_HELP = (
  "order of the recording's channels: wxyz (FuMa, B-format) or wyzx (AmbiX: "
  "ACN order W Y Z X; N3D files as a rule). Sound is put in the order W X Y Z "
  "as it is read"
)


def channel_names(order: str) -> tuple[str, ...]:
  """Names of a file's channels, first to last.

  Args:
    order: one of `ORDERS`.
  """
  names = [""] * len(CHANNELS)
  for name, place in zip(CHANNELS, ORDERS[order], strict=True):
    names[place] = name
  return tuple(names)


def in_order(samples: np.ndarray, order: str, axis: int) -> np.ndarray:
  """Channels in the order W X Y Z.

  Args:
    samples: the channels of a file along `axis`.
    order: that of the file, one of `ORDERS`.
    axis: the axis of the four channels.

  Returns:
    The same array where nothing is to do, else a copy.
  """
  if order == DEFAULT_ORDER:
    return samples
  return np.take(samples, ORDERS[order], axis=axis)
