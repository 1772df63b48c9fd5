from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.audio import ambisonics


def test_names_stand_where_the_files_have_them():
  assert ambisonics.channel_names("wxyz") == ("W", "X", "Y", "Z")
  # ACN 0 to 3 (Nachbar et al. 2011, table 1).
  assert ambisonics.channel_names("wyzx") == ("W", "Y", "Z", "X")


@pytest.mark.parametrize("axis", [0, 1])
def test_channels_are_put_in_order(axis):
  file = np.array([[0, 2, 3, 1]]).T * np.ones((1, 5))
  file = file if axis == 0 else file.T
  found = ambisonics.in_order(file, "wyzx", axis=axis)
  np.testing.assert_array_equal(np.take(found, 0, axis=1 - axis), [0, 1, 2, 3])
  # Files that were read right all along are not even copied.
  assert ambisonics.in_order(file, "wxyz", axis=axis) is file
