"""The static response against SciPy's and NumPy's least squares."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from bgm2pose_jax.systems.bgm2pose.features import (
  lag_correlations,
  static_response,
)

_TAPS = 64
_BLOCK = 1000


def _room(seed: int, blocks: int = 6, speakers: int = 2):
  """Coloured music, a random room of 40 taps, and its recording."""
  rng = np.random.default_rng(seed)
  music = rng.standard_normal((speakers, blocks * _BLOCK))
  # 40 dB between bass and treble, and loudspeakers that share a part.
  music[1:] += 0.7 * music[:1]
  music = scipy.signal.lfilter([0.05], [1, -0.95], music)
  response = rng.standard_normal((4, speakers, 40)) * 0.9 ** np.arange(40)
  recording = np.stack(
    [
      sum(np.convolve(music[j], response[c, j]) for j in range(speakers))[
        : music.shape[1]
      ]
      for c in range(4)
    ]
  )
  return music, response, recording


def _sums(recording, music, taps=_TAPS, keep=1.0, ends=False):
  padded = np.pad(music, ((0, 0), (taps, 0))).astype(np.float32)
  sums = lag_correlations.zero_correlations(taps)
  for start in range(0, recording.shape[1], _BLOCK):
    sums = lag_correlations.add(
      sums,
      recording[:, start : start + _BLOCK].astype(np.float32),
      padded[:, start : start + taps + _BLOCK],
      keep,
      ends=ends and start + _BLOCK >= recording.shape[1],
    )
  return sums


def test_correlations_are_numpys_of_differenced_sound():
  music, _, recording = _room(0)
  sums = _sums(recording, music)

  def differenced(x):
    return x - lag_correlations.PREEMPHASIS * np.roll(x, 1)

  m = np.stack([differenced(x) for x in music])
  m[:, 0] = music[:, 0]  # silence before it
  counted = np.arange(m.shape[1]) % _BLOCK > 0
  ours = {"music": m, "recording": np.stack(list(map(differenced, recording)))}
  for name, left in ours.items():
    got = np.asarray(getattr(sums, name))
    if name == "recording":
      left = left * counted
    for i in range(len(left)):
      for j in range(2):
        want = [
          left[i, lag:] @ m[j, : len(counted) - lag] for lag in range(_TAPS)
        ]
        np.testing.assert_allclose(
          got[i, j], want, atol=2e-5 * np.abs(got).max()
        )


def test_the_solution_is_that_of_a_dense_solver_in_float64():
  music, _, recording = _room(1)
  rng = np.random.default_rng(2)
  recording = recording + 0.1 * rng.standard_normal(recording.shape)
  sums = _sums(recording, music)
  own = np.asarray(sums.music, np.float64)
  blocks = [
    [scipy.linalg.toeplitz(own[j, i], own[i, j]) for j in range(2)]
    for i in range(2)
  ]
  matrix = np.block(blocks)
  power = np.trace(own[..., 0]) / 2
  matrix += static_response.REGULARISATION * power * np.eye(len(matrix))
  right = np.asarray(sums.recording, np.float64).reshape(4, -1)
  want = np.linalg.solve(matrix, right.T).T.reshape(4, 2, _TAPS)
  found = static_response.solve(sums)
  np.testing.assert_allclose(found.taps, want, atol=2e-3)
  assert float(found.unmet) < 1e-9


def test_a_room_is_found_and_its_sound_predicted():
  music, response, recording = _room(3)
  found = static_response.solve(_sums(recording, music))
  got = np.asarray(found.taps)
  np.testing.assert_allclose(got[..., :40], response, atol=0.02)
  padded = np.pad(music, ((0, 0), (_TAPS, 0))).astype(np.float32)
  predicted = np.asarray(static_response.static_sound(padded, found.taps))
  left = np.mean((predicted - recording) ** 2) / np.mean(recording**2)
  assert left < 1e-3
  assert 1 < float(found.condition) < 100


def test_loudspeakers_that_play_the_same_are_named_and_do_no_harm():
  music, _, recording = _room(4)
  same = np.repeat(music[:1], 2, axis=0)
  response = np.random.default_rng(5).standard_normal((4, 40))
  response *= 0.9 ** np.arange(40)
  recording = np.stack(
    [np.convolve(music[0], r)[: music.shape[1]] for r in response]
  )
  found = static_response.solve(_sums(recording, same))
  taps = np.asarray(found.taps)
  # Only the sum of both is known; the least one is shared evenly.
  np.testing.assert_allclose(taps.sum(1)[:, :40], response, atol=0.02)
  np.testing.assert_allclose(taps[:, 0], taps[:, 1], atol=0.02)
  assert float(found.condition) > 1e3


def test_stretches_add_up_and_the_past_can_be_forgotten():
  music, _, recording = _room(6)
  whole = _sums(recording, music)
  half = 3 * _BLOCK
  padded = np.pad(music, ((0, 0), (_TAPS, 0)))
  parts = [
    _sums(recording[:, :half], music[:, :half]),
    functools.reduce(
      lag_correlations.pool,
      [
        lag_correlations.correlate(
          recording[:, s : s + _BLOCK].astype(np.float32),
          padded[:, s : s + _TAPS + _BLOCK].astype(np.float32),
          taps=_TAPS,
        )
        for s in range(half, 2 * half, _BLOCK)
      ],
    ),
  ]
  pooled = lag_correlations.pool(*parts)
  np.testing.assert_allclose(
    pooled.recording, whole.recording, rtol=1e-4, atol=1e-2
  )
  # Another room from the middle on: what forgets finds the second.
  _, _, other = _room(7)
  music2, response2, _ = _room(7)
  both = np.concatenate([recording, other], axis=1)
  sound = np.concatenate([music, music2], axis=1)
  found = static_response.solve(_sums(both, sound, keep=0.2, ends=True))
  # What forgets so fast sees late reverberation a little too strong.
  late = 0.2 ** (np.arange(40) / 2 / _BLOCK)
  np.testing.assert_allclose(
    np.asarray(found.taps)[..., :40] * late, response2, atol=0.05
  )


@pytest.mark.parametrize("keep", [1.0, 0.9, 0.5])
def test_forgetting_leaves_equations_that_have_a_minimum(keep):
  # Steady tones leave most directions without music: there, weights that do
  # not fit show as negative power.
  music, _, recording = _room(10)
  time = np.arange(music.shape[1])
  tones = np.stack([np.sin(0.3 * time + 1), np.sin(0.71 * time)])
  music, recording = 1e-4 * music + tones, 1e-4 * recording + tones[[0, 1] * 2]
  sums = _sums(recording, music, keep=keep)
  values = _eigenvalues(sums)
  assert values[0] > -1e-12 * values.mean()
  # So more steps are no worse.
  for steps in (20, 80):
    assert float(static_response.solve(sums, iterations=steps).unmet) < 1e-6


def test_bands_without_music_have_no_negative_power():
  # As in compressed music. In float32 the least is -5e-7 of the mean here, and
  # beyond the regularisation for responses as long as a room's.
  rng = np.random.default_rng(13)
  bass = scipy.signal.firwin(801, 0.2, window=("kaiser", 14))
  music = rng.standard_normal((2, 8 * _BLOCK))
  music = scipy.signal.fftconvolve(music, bass[None], axes=1)[:, : 8 * _BLOCK]
  music *= scipy.signal.windows.kaiser(8 * _BLOCK, 14)
  values = _eigenvalues(_sums(np.repeat(music, 2, axis=0), music))
  assert values[0] > -1e-9 * values.mean()


def _eigenvalues(sums):
  """Of the block Toeplitz matrix that a response is solved with."""
  lags = np.arange(_TAPS)
  rows = [[_toeplitz(sums.music, i, j, lags) for j in range(2)] for i in (0, 1)]
  return np.linalg.eigvalsh(np.block(rows))


def _toeplitz(lags_of, i, j, lags):
  one = np.asarray(lags_of, np.float64)
  later = lags[:, None] - lags[None]
  return np.where(
    later >= 0, one[i, j, np.abs(later)], one[j, i, np.abs(later)]
  )


@pytest.mark.parametrize("silent", ["music", "both"])
def test_silence_gives_no_response_and_no_nan(silent):
  music, _, recording = _room(8)
  recording = recording if silent == "music" else 0 * recording
  found = static_response.solve(_sums(recording, 0 * music))
  assert not np.asarray(found.taps).any()
  assert all(np.isfinite(np.asarray(x)).all() for x in found)


def test_a_good_start_needs_few_steps():
  music, _, recording = _room(9)
  sums = _sums(recording, music)
  best = static_response.solve(sums)
  again = static_response.solve(sums, best.taps, iterations=2)
  cold = static_response.solve(sums, iterations=2)
  assert float(again.unmet) < 1e-3 * float(cold.unmet)
