"""The noise against closed forms, loops, and itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import SIDES
from bgm2pose_jax.systems.mapnet import noise

pytestmark = pytest.mark.usefixtures("quick_compiling")

apply_events = jax.jit(noise.apply_events)
fixed_jitter = jax.jit(noise.fixed_jitter, static_argnames="frames")
fresh_events = jax.jit(noise.fresh_events)
fresh_jitter = jax.jit(noise.fresh_jitter)

# Mean events that touch a window: starts within it, or the event's mean
# length of 1.75 s before it.
TOUCHING = 5 / 60 * (3 + 1.75)
SIDE_OR_SO = 0.7 + 0.3 * len(SIDES) / (13 * 12 / 2)


def _keys(count: int) -> jax.Array:
  return jax.vmap(lambda i: jax.random.fold_in(jax.random.key(3), i))(
    jnp.arange(count)
  )


def _labelled(count: int) -> jax.Array:
  """Poses whose coordinates tell example, frame and joint."""
  shape = (count, 150, 13, 3)
  return jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)


@pytest.fixture(scope="module")
def take_events():
  """Events of many takes of 20 s."""
  return [noise.draw_events(0, f"take {i}", 0, 1000) for i in range(4000)]


@pytest.fixture(scope="module")
def fixed(take_events):
  """What one window in the middle of each sees."""
  return np.stack([noise.window_events(e, 400) for e in take_events])


@pytest.fixture(scope="module")
def fresh():
  return np.asarray(fresh_events(_keys(20000)))


def test_error_of_the_raw_input_is_that_of_the_gaussian():
  jitter = fresh_jitter(_keys(40))
  assert jitter.shape == (40, 150, 13, 3)
  error_m = np.linalg.norm(jitter, axis=-1)
  # A Maxwell distribution: mean s sqrt(8 / pi), variance s^2 (3 - 8 / pi).
  scatter = 0.3 * np.sqrt((3 - 8 / np.pi) / error_m.size)
  assert abs(error_m.mean() - 0.3 * np.sqrt(8 / np.pi)) < 4 * scatter


@pytest.mark.parametrize("kind", ["fixed", "fresh"])
def test_jitter_is_white_and_normal(kind):
  jitter = np.asarray(
    fresh_jitter(_keys(40))
    if kind == "fresh"
    else fixed_jitter(jnp.arange(40), jnp.zeros(40, int))
  )
  assert scipy.stats.kstest(jitter.ravel() / 0.3, "norm").pvalue > 1e-3
  limit = 4 / np.sqrt(jitter.size)
  flat = jitter / jitter.std()
  for axis in range(4):
    neighbours = np.mean(flat * np.roll(flat, 1, axis))
    assert abs(neighbours) < limit * 1.5, axis


def test_overlapping_windows_see_the_same_jitter():
  key = noise.noise_key(0, "a take", 3)
  keys = jnp.where(jnp.arange(40) < 30, key, key + 1)
  first, later, *_, other = fixed_jitter(keys, 100 + 50 * jnp.arange(40) % 1000)
  np.testing.assert_array_equal(first[50:], later[:100])
  assert not np.any(other == fixed_jitter(keys * 0 + key, keys * 0 + 1050)[0])


def test_jitter_is_that_of_the_key_and_the_frame():
  key = jax.random.fold_in(jax.random.key(7), 250)
  want = 0.3 * jax.random.normal(key, (13, 3))
  got = fixed_jitter(jnp.full(40, 7), jnp.full(40, 200))
  np.testing.assert_allclose(got[0, 50], want, rtol=1e-6)


def test_examples_do_not_depend_on_their_batch():
  keys = _keys(40)
  for draw in (fresh_jitter, fresh_events):
    whole, turned = draw(keys), draw(keys[::-1])
    np.testing.assert_array_equal(whole, turned[::-1])
    assert len(np.unique(np.asarray(whole).reshape(40, -1), axis=0)) > 5


def test_draws_are_functions_of_seed_take_and_variant():
  draw = noise.draw_events(1, "a", 2, 50000)
  np.testing.assert_array_equal(draw, noise.draw_events(1, "a", 2, 50000))
  names = [(1, "a", 2), (2, "a", 2), (1, "b", 2), (1, "a", 3), (12, "a", 0)]
  firsts = {tuple(noise.draw_events(*name, 50000)[0]) for name in names}
  keys = {noise.noise_key(*name) for name in names}
  assert len(firsts) == len(keys) == len(names)
  assert all(0 <= key < 2**31 for key in keys)
  # Written down, for data that exist.
  assert noise.noise_key(0, "take", 1) == 1329105749
  assert noise.draw_events(0, "take", 1, 5000)[0].tolist() == [
    524.0,
    643.0,
    6.0,
    5.0,
  ]


def test_a_longer_take_begins_alike():
  short = noise.draw_events(0, "a", 0, 3000)
  long = noise.draw_events(0, "a", 0, 9000)
  np.testing.assert_array_equal(short, long[: len(short)])
  assert (long[len(short) :, 0] >= 3000).all()


def test_fixed_events_keep_rate_length_and_pairs(take_events):
  events = np.concatenate(take_events)
  inside = events[events[:, 0] >= 0]
  expected = 4000 * 1000 / 50 * 5 / 60
  assert abs(len(inside) - expected) < 4 * np.sqrt(expected)
  length = inside[:, 1] - inside[:, 0]
  assert length.min() >= 25
  assert length.max() <= 150
  uniform = scipy.stats.uniform(25, 125)
  assert scipy.stats.kstest(length - 0.5, uniform.cdf).statistic < 0.03
  gaps = np.concatenate([np.diff(e[:, 0]) for e in take_events])
  assert (gaps >= 0).all()


def _check_pairs(joints: np.ndarray) -> None:
  side = np.isin(joints @ (13, 1), np.array(SIDES) @ (13, 1))
  side |= np.isin(joints @ (1, 13), np.array(SIDES) @ (13, 1))
  share = SIDE_OR_SO
  scatter = np.sqrt(share * (1 - share) / len(joints))
  assert abs(side.mean() - share) < 4 * scatter
  assert (joints[:, 0] != joints[:, 1]).all()
  for part, choices in ((joints[side], 6), (joints[~side], 72)):
    counts = np.unique(np.sort(part, axis=1), axis=0, return_counts=True)[1]
    assert len(counts) == choices
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("kind", ["fixed", "fresh"])
def test_pairs_are_as_often_left_and_right_as_chosen(kind, request):
  events = request.getfixturevalue(kind).reshape(-1, 4)
  if kind == "fixed":
    events = np.concatenate(request.getfixturevalue("take_events"))
  _check_pairs(events[events[:, 1] > events[:, 0], 2:].astype(int))


@pytest.mark.parametrize("kind", ["fixed", "fresh"])
def test_windows_see_a_process_that_began_before(kind, request):
  events = request.getfixturevalue(kind)
  start, end = events[..., 0], events[..., 1]
  real = end > start
  assert np.array_equal(real, (end > 0) & (start < 150) & real)
  number = real.sum(axis=1)
  scatter = np.sqrt(TOUCHING / len(events))
  assert abs(number.mean() - TOUCHING) < 4 * scatter
  # Poisson: the variance is the mean.
  assert abs(number.var() - TOUCHING) < 8 * scatter
  frame = np.arange(150)
  active = (start[..., None] <= frame) & (frame < end[..., None])
  # Every frame alike: rate times mean length.
  share = active.sum(axis=1).mean(axis=0)
  mean = 5 / 60 * 1.75
  # An event's part of a window has a mean square of less than .25.
  scatter = np.sqrt(TOUCHING * 0.25 / len(events))
  assert abs(share.mean() - mean) < 4 * scatter
  assert np.abs(share - mean).max() < 5 * np.sqrt(mean / len(events))
  assert (np.diff(start, axis=1)[real[:, 1:] & real[:, :-1]] >= 0).all()


def test_fresh_and_fixed_lengths_agree(fixed, fresh):
  lengths = [
    (events[..., 1] - events[..., 0])[events[..., 1] > events[..., 0]]
    for events in (fixed, fresh)
  ]
  assert scipy.stats.ks_2samp(*lengths).pvalue > 1e-3
  starts = [e[..., 0][e[..., 1] > e[..., 0]] for e in (fixed, fresh)]
  assert scipy.stats.ks_2samp(*starts).pvalue > 1e-3


def test_overlapping_windows_see_the_same_events():
  events = noise.draw_events(0, "a", 0, 3000)
  pose = _labelled(1)
  whole = jnp.concatenate([pose, pose[:, :50] + 1e6], axis=1)
  for first in range(0, 2800, 50):
    early = noise.window_events(events, first)[None]
    late = noise.window_events(events, first + 50)[None]
    np.testing.assert_array_equal(
      apply_events(whole[:, :150], early)[:, 50:],
      apply_events(whole[:, 50:], late)[:, :100],
    )


def test_more_events_than_a_window_holds_are_refused():
  assert scipy.stats.poisson.sf(noise.MAX_EVENTS, TOUCHING) < 1e-21
  events = np.tile([[0.0, 30.0, 1, 2]], (17, 1))
  with pytest.raises(InputError, match="17 in the window"):
    noise.window_events(events, 0)
  assert not noise.window_events(events, 30).any()


def test_joints_are_swapped_exactly_while_the_event_lasts():
  pose = _labelled(2)
  events = np.zeros((2, 16, 4), np.float32)
  events[1, 0] = 10, 40, 5, 6
  got = np.asarray(apply_events(pose, events))
  want = np.array(pose)
  want[1, 10:40, [5, 6]] = want[1, 10:40, [6, 5]]
  np.testing.assert_array_equal(got, want)


def test_overlapping_events_compose_in_the_order_of_their_start():
  pose = _labelled(1)
  events = np.zeros((1, 16, 4), np.float32)
  events[0, :3] = [(-5, 60, 1, 2), (20, 90, 2, 3), (30, 50, 1, 2)]
  got = np.asarray(apply_events(pose, events))[0]
  for frame in range(150):
    want = np.array(pose[0, frame])
    for start, end, a, b in events[0, :, :].astype(int):
      if start <= frame < end:
        want[[a, b]] = want[[b, a]]
    np.testing.assert_array_equal(got[frame], want, err_msg=str(frame))
  # A cycle of three, written out.
  np.testing.assert_array_equal(got[25, [1, 2, 3]], pose[0, 25, [2, 3, 1]])


def test_any_events_compose_as_loops_do(fresh):
  busy = fresh[np.argsort(-(fresh[..., 1] > 0).sum(axis=1))[:8]]
  pose = _labelled(8)
  got = np.asarray(apply_events(pose, busy))
  for b, frame in np.ndindex(8, 150):
    want = np.array(pose[b, frame])
    for start, end, i, j in busy[b].astype(int):
      if start <= frame < end:
        want[[i, j]] = want[[j, i]]
    np.testing.assert_array_equal(got[b, frame], want)


@pytest.mark.parametrize(("tau", "frames"), [(1.0, 150), (0.5, 75), (0.33, 50)])
def test_frames_are_left_out_from_the_first_on(tau, frames):
  pose = _labelled(2)
  got = noise.keep_frames(pose, tau)
  assert noise.INPUT_FRAMES[tau] == frames == got.shape[1]
  np.testing.assert_array_equal(got, pose[:, [*range(0, 150, 150 // frames)]])


def test_other_rates_are_refused():
  with pytest.raises(InputError, match=r"give 1, 0\.5, 0\.33"):
    noise.keep_frames(_labelled(1), 0.25)
