"""The nearest window against planted answers and all distances."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet import nearest_take
from bgm2pose_jax.systems.mapnet.smoothing import interpolated

ORIGIN = np.array([5.0, 1.0, -3.0])


@pytest.fixture(scope="module")
def clean():
  """60 windows that begin alike and far from the origin."""
  rng = np.random.default_rng(0)
  walk = rng.normal(0, 0.02, (60, 150, 13, 3)).cumsum(axis=1)
  return (walk + ORIGIN).astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
  monkeypatch.setattr(nearest_take, "_QUERIES", 7)
  monkeypatch.setattr(nearest_take, "_CANDIDATES", 11)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.usefixtures("small_blocks")
def test_planted_windows_are_found_under_the_noise(clean, step):
  rng = np.random.default_rng(1)
  planted = rng.integers(0, 60, 40)
  noisy = clean[planted] + rng.normal(0, 0.3, (40, 150, 13, 3))
  pose, rows = nearest_take.nearest_take(noisy[:, ::step], clean)
  np.testing.assert_array_equal(rows, planted)
  np.testing.assert_array_equal(pose, clean[planted])


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.usefixtures("small_blocks")
def test_strangers_get_what_all_distances_say(clean, step):
  rng = np.random.default_rng(2)
  walk = rng.normal(0, 0.02, (30, 150, 13, 3)).cumsum(axis=1)
  noisy = (walk + ORIGIN + rng.normal(0, 0.3, walk.shape))[:, ::step]
  line = interpolated(noisy).astype(np.float64)
  distance = ((line[:, None] - clean) ** 2).sum(axis=(2, 3, 4))
  rows = nearest_take.nearest_rows(noisy, clean)
  np.testing.assert_array_equal(rows, distance.argmin(axis=1))
  assert len(set(rows.tolist())) > 3


@pytest.mark.usefixtures("small_blocks")
def test_of_equal_windows_the_first_is_taken(clean):
  twice = np.concatenate([clean[:20], clean[:20]])
  rows = nearest_take.nearest_rows(clean[:20], twice)
  np.testing.assert_array_equal(rows, np.arange(20))


def test_blocks_do_not_matter(clean, monkeypatch):
  noisy = clean[:25] + np.float32(0.1) * clean[25:50]
  whole = nearest_take.nearest_rows(noisy, clean)
  monkeypatch.setattr(nearest_take, "_CANDIDATES", 13)
  np.testing.assert_array_equal(nearest_take.nearest_rows(noisy, clean), whole)


def test_nothing_to_choose_from_is_refused(clean):
  with pytest.raises(InputError, match="at least one window"):
    nearest_take.nearest_rows(clean, clean[:0])
  with pytest.raises(InputError, match="same joints"):
    nearest_take.nearest_rows(clean[:, :, :12], clean)
