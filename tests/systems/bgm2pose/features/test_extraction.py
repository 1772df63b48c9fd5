"""Compiled extraction: one compilation, any length, blocks in order."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.features import (
  feature_sets,
  logmel_intensity,
)

_SIZE = 2400


def _signals(frames: int, samples: int = 0, seed: int = 0):
  rng = np.random.default_rng(seed)
  shape = (6, frames * _SIZE + samples)
  signals = rng.standard_normal(shape).astype(np.float32) / 10
  return signals[:4], signals[4:]


def test_a_stream_gives_each_block_its_own_frames():
  blocks = [_signals(n, extra, n) for n, extra in ((6, 0), (1, 7), (4, 2399))]
  got = list(features.extract_stream(blocks, block_frames=6))
  assert [len(block) for block in got] == [6, 1, 4]
  for block, found in zip(blocks, got):
    want = features.extract(*block)
    np.testing.assert_allclose(found, want, atol=1e-5)


def test_a_stream_compiles_once_and_reads_one_block_ahead():
  feature_sets.compiled.cache_clear()
  read = []

  def blocks():
    for n in (3, 2, 1):
      read.append(n)
      yield _signals(n)

  seen = [
    (len(block), len(read))
    for block in features.extract_stream(blocks(), block_frames=3)
  ]
  assert seen == [(3, 2), (2, 3), (1, 3)]
  compiled = feature_sets.compiled("logmel_intensity", 48_000.0)
  assert compiled._cache_size() == 1  # pyright: ignore
  read.clear()
  live = features.extract_stream(blocks(), block_frames=3, ahead=0)
  assert [(len(block), len(read)) for block in live] == [(3, 1), (2, 2), (1, 3)]
  assert compiled._cache_size() == 1  # pyright: ignore


def test_a_batch_stays_on_the_device():
  recording, music = _signals(24)
  batch = [
    np.moveaxis(x.reshape(-1, 2, 12 * _SIZE), 1, 0) for x in (recording, music)
  ]
  got = features.extract_batch(*batch)
  assert isinstance(got, jnp.ndarray)
  assert got.shape == (2, 12, 128, 9)
  want = features.extract(recording, music)
  np.testing.assert_allclose(got.reshape(want.shape), want, atol=1e-5)


@pytest.mark.parametrize("limit", [1, 4, 5, 6, 11, 22, 36, 99])
def test_blocks_of_any_size_give_the_same(limit):
  # Parts of an example, whole examples, and counts that do not divide.
  rng = np.random.default_rng(0)
  signals = rng.standard_normal((3, 6, 11, _SIZE)).astype(np.float32)
  run = logmel_intensity._in_blocks
  want = run(48_000, 33, signals[:, :4], signals[:, 4:])
  got = run(48_000, limit, signals[:, :4], signals[:, 4:])
  np.testing.assert_allclose(got, want, atol=2e-5)
  assert np.abs(np.diff(want, axis=0)).max() > 1  # examples differ


@pytest.mark.parametrize("frames", [0, 4])
def test_a_block_of_another_length_is_refused(frames):
  with pytest.raises(InputError, match="1 to 3 frames"):
    list(features.extract_stream([_signals(frames, 5)], block_frames=3))


def test_an_unknown_set_is_named():
  with pytest.raises(InputError, match="unknown feature set 'nope'"):
    features.extract_batch(*_signals(1), feature_set="nope")
