"""Procedural motion: human, repeatable, the same repertoire for everyone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21, normalize_pose
from bgm2pose_jax.simulate import actions, motion

_LONG_S = 120.0


def _perform(subject: str, track: str, duration_s: float = _LONG_S, seed=0):
  style = motion.subject_style(subject, seed)
  rng = motion.random_stream(seed, "motion", subject, track)
  return motion.perform(style, duration_s, rng)


@pytest.fixture(scope="module")
def people():
  return {name: _perform(name, "haze") for name in "01234567"}


def test_shape_rate_and_dtype(people):
  done = people["0"]
  assert done.positions_m.shape == (int(_LONG_S * 120), 21, 3)
  assert done.positions_m.dtype == np.float32
  assert done.rate_hz == 120.0


def test_bone_lengths_are_constant(people):
  for done in people.values():
    for parent, child in BODY21.bones:
      bone = done.positions_m[:, child] - done.positions_m[:, parent]
      assert np.ptp(np.linalg.norm(bone, axis=-1)) < 1e-5


def test_speeds_stay_human(people):
  fastest = [
    np.linalg.norm(np.diff(done.positions_m, axis=0), axis=-1).max() * 120
    for done in people.values()
  ]
  assert max(fastest) < 6.0
  assert min(fastest) > 1.0  # and nobody sleeps


def test_motion_is_smooth(people):
  """A minimum-jerk path has no steps in velocity: bounded acceleration."""
  for done in people.values():
    velocity = np.diff(done.positions_m.astype(np.float64), axis=0) * 120
    acceleration = np.linalg.norm(np.diff(velocity, axis=0), axis=-1) * 120
    assert acceleration.max() < 120.0


def test_feet_on_the_floor_and_person_on_the_spot(people):
  for done in people.values():
    lowest = done.positions_m[..., 1].min(axis=1)
    assert lowest.min() > 0.0
    assert lowest.max() < 0.08
    assert np.abs(done.positions_m[:, 0, [0, 2]]).max() < 0.5
    assert np.abs(done.positions_m[:, 0, [0, 2]]).mean() < 0.2


def test_person_faces_the_loudspeakers(people):
  for done in people.values():
    left = done.positions_m[:, BODY21.index("LeftUpLeg")]
    left = left - done.positions_m[:, BODY21.index("RightUpLeg")]
    # left x up = facing; -z is towards the loudspeakers.
    facing = np.stack([-left[:, 2], left[:, 0]], axis=-1)
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    assert facing[:, 1].max() < -0.5
    assert facing[:, 1].mean() < -0.95


def test_everyone_performs_the_whole_repertoire(people):
  for done in people.values():
    names = [label for _, _, label in done.labels]
    assert set(names) == set(actions.ACTIONS)
    count = [names.count(name) for name in actions.ACTIONS]
    assert max(count) - min(count) <= 1  # whole rounds


def test_labels_cover_the_performance_without_gap(people):
  labels = people["3"].labels
  assert labels[0][0] == 0.0
  assert labels[-1][1] == _LONG_S
  for (_, end_s, _), (start_s, _, _) in itertools.pairwise(labels):
    assert end_s == start_s
  lengths = [end_s - start_s for start_s, end_s, _ in labels[:-1]]
  assert 2.0 < np.mean(lengths) < 5.0
  assert max(lengths) < 8.0


def test_same_seed_same_bytes_other_seed_other_motion():
  first, again = _perform("2", "tide", 20), _perform("2", "tide", 20)
  assert first.positions_m.tobytes() == again.positions_m.tobytes()
  assert first.labels == again.labels
  other = _perform("2", "tide", 20, seed=1)
  assert not np.allclose(first.positions_m, other.positions_m)


def test_order_and_timing_differ_between_recordings():
  orders = {}
  for subject in "0123":
    for track in ("haze", "drift", "swing"):
      labels = _perform(subject, track, 60).labels
      orders[subject, track] = tuple(label for _, _, label in labels[:12])
  assert len(set(orders.values())) == len(orders)


def test_the_clock_says_nothing_about_the_pose():
  """Across recordings, poses at the same time are as unlike as at any time."""
  poses = np.stack(
    [
      normalize_pose(_perform(s, t, 60).positions_m[::60])
      for s in "01234567"
      for t in ("haze", "swing")
    ]
  )
  within = poses.var(axis=0).mean()
  total = poses.reshape(-1, 21, 3).var(axis=0).mean()
  assert within > 0.8 * total


def test_subjects_differ_in_size_and_manner():
  styles = [motion.subject_style(str(i)) for i in range(20)]
  legs = np.array([style.body.leg_m for style in styles])
  assert 0.02 < legs.std() / legs.mean() < 0.10
  assert len({style.tempo for style in styles}) == 20
  assert motion.subject_style("4") == styles[4]
  units = np.array([style.body.hips_to_spine_m for style in styles])
  assert abs(units.mean() - 0.0921) < 0.005


def test_pose_diversity_is_moderate(people):
  """The mean pose of the others misses by about 0.9 units."""
  poses = {
    name: normalize_pose(done.positions_m[::12])
    for name, done in people.items()
  }
  errors = []
  for name, own in poses.items():
    others = np.concatenate([p for n, p in poses.items() if n != name])
    errors.append(np.sqrt(np.mean((own - others.mean(0)) ** 2)))
  assert 0.8 < np.mean(errors) < 1.2


def test_nothing_to_perform_is_refused():
  style = motion.subject_style("0")
  with pytest.raises(InputError, match="ask for more"):
    motion.perform(style, 0.0, motion.random_stream(0, "x"))


def test_streams_depend_on_every_name():
  draws = {
    motion.random_stream(seed, *names).integers(2**62)
    for seed, names in [
      (0, ("a", "b")),
      (1, ("a", "b")),
      (0, ("b", "a")),
      (0, ("a",)),
      (0, ("a", "c")),
    ]
  }
  assert len(draws) == 5
