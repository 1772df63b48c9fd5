"""A recording that is as it should be."""

from __future__ import annotations

import numpy as np


def heard(music: np.ndarray, seed: int) -> np.ndarray:
  """Direct sound of two loudspeakers in front and some noise, AmbiX.

  Args:
    music: [samples, 2].
    seed: of the noise.

  Returns:
    [samples, 4], W X Y Z.
  """
  rng = np.random.default_rng(seed)
  late = np.pad(music, ((240, 0), (0, 0)))[: len(music)]
  directions = np.array([[1, 0.8, 0.6, 0.1], [1, 0.8, -0.6, -0.1]])
  noise = rng.standard_normal((len(music), 4)) * [1, 0.6, 0.6, 0.6]
  return 0.5 * late @ directions + 3e-3 * noise
