"""How windows may overlap."""

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.predict import blending

WINDOW = 12


def test_weights_are_a_triangle():
  np.testing.assert_array_equal(blending.weights(5), [1, 2, 3, 2, 1])


@pytest.mark.parametrize("hop_ms", [0, 30, 650, -50])
def test_a_hop_is_whole_frames_within_a_window(hop_ms):
  with pytest.raises(InputError, match=f"--hop_ms={hop_ms}"):
    blending.hop_frames(hop_ms, WINDOW)


def test_no_more_windows_than_hold_a_frame():
  assert blending.windows_per_frame(0, 5, WINDOW) == 3
  with pytest.raises(InputError, match="3 windows hold a frame"):
    blending.windows_per_frame(4, 5, WINDOW)
