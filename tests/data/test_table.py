"""A table that cannot say its shapes is none."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.data.table import WindowTable


def test_a_table_without_shapes_cannot_be_made():
  class Shapeless(WindowTable):
    pass

  rows = np.zeros(1, np.int32)
  with pytest.raises(TypeError, match=r"abstract method '?shapes"):
    Shapeless(
      recording=rows,
      window_index=rows,
      recordings=("r",),
      spec=None,
      simulated=True,
      fingerprint="f",
    )
