"""What hides what."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.simulate.pulse_echo.visibility import visibility


def test_a_sphere_behind_another_is_hidden_and_one_beside_it_is_not():
  centres = np.array([[2.0, 0, 0], [3.0, 0, 0], [3.0, 0.6, 0], [1.0, 2, 0]])
  radii = np.array([0.2, 0.1, 0.1, 0.1])
  views = np.array([[0.0, 0, 0], [5.0, 0, 0]])
  seen = visibility(views, centres, radii)
  np.testing.assert_allclose(seen[0], [1, 0, 1, 1])
  # From the other side the small one, well inside the disc of the large one,
  # hides its nearest point.
  np.testing.assert_allclose(seen[1], [0, 1, 1, 1])


def test_the_edge_of_a_shadow_is_smooth():
  height = np.linspace(0.0, 0.5, 101)
  seen = np.array(
    [
      visibility(
        np.zeros((1, 3)),
        np.array([[2.0, 0, 0], [3.0, h, 0]]),
        np.array([0.2, 0.1]),
      )[0, 1]
      for h in height
    ]
  )
  assert seen[0] == 0
  assert seen[-1] == 1
  assert (np.diff(seen) >= 0).all()
  assert np.diff(seen).max() < 0.2
  # Half is seen where the ray grazes the sphere: sin = 0.2 / 2.
  grazing = np.interp(0.5, seen, height)
  np.testing.assert_allclose(grazing / np.hypot(grazing, 3), 0.1, atol=2e-3)
