from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib import image

from bgm2pose_jax.report import images


@pytest.mark.parametrize("smooth", [False, True])
def test_a_png_reads_back_to_its_colours(smooth):
  rng = np.random.default_rng(0)
  values = rng.integers(0, 64, (5, 300)).astype(np.uint8)
  if smooth:
    values = np.sort(values, axis=1)
  colours = images.ramp(64)
  got = image.imread(io.BytesIO(images.png(values, colours)), format="png")
  np.testing.assert_array_equal(
    np.rint(255 * got[..., :3]).astype(np.uint8), colours[values]
  )


def test_the_ramp_rises_in_lightness_in_even_steps():
  colours = images.ramp(64) / 255
  linear = np.where(
    colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4
  )
  luminance = linear @ [0.2126, 0.7152, 0.0722]
  # CIE lightness, a scale other than the one the ramp was made on.
  lightness = np.where(
    luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance
  )
  steps = np.diff(lightness)
  assert (steps > 0).all()
  assert steps.max() < 2.5 * steps.mean()
  assert lightness[-1] > 90
