"""Captured movements done by performers: bones, floor, speed, joint limits."""

from __future__ import annotations

import dataclasses

import numpy as np
import performer_fixture
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21, mirrored
from bgm2pose_jax.simulate import motion, performers
from bgm2pose_jax.simulate.performers import acting, bodies, manner, movement
from bgm2pose_jax.simulate.performers.performer import MAX_SPEED_M_S


@pytest.fixture(scope="module")
def people():
  return performer_fixture.people()


@pytest.fixture(scope="module")
def shown(people):
  """(performer, captured clip, performed clip) of a dozen performances."""
  captured = {c.source_path: c for own in people.values() for c in own}
  found = []
  for number in range(4):
    who = performers.draw_performer(people, number, seed=3)
    found += [
      (who, captured[file], performers.perform_clip(who, captured[file], 3))
      for file in who.files
    ]
  return found


def _bones(positions_m):
  parents, children = np.array(BODY21.bones).T
  bones = positions_m[:, children] - positions_m[:, parents]
  return np.linalg.norm(bones, axis=-1)


def test_a_performers_bones_are_its_bodys_in_every_clip(shown):
  names = [BODY21.joints[child] for _, child in BODY21.bones]
  for who, _, clip in shown:
    lengths = _bones(clip.positions_m.astype(np.float64))
    np.testing.assert_allclose(
      lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-5
    )
    body = who.body.dimensions
    for joint, length_m in (
      ("Spine", body.hips_to_spine_m),
      ("LeftForeArm", body.upper_arm_m),
      ("RightHand", body.forearm_m),
      ("RightLeg", body.thigh_m),
      ("LeftFoot", body.shin_m),
    ):
      assert lengths[0, names.index(joint)] == pytest.approx(length_m, abs=1e-5)
    assert clip.height_m == who.body.stature_m
  assert len({round(who.body.stature_m, 4) for who, _, _ in shown}) == 4


def test_feet_stay_on_the_floor_and_nothing_goes_through(shown):
  for who, captured, clip in shown:
    lowest_m = clip.positions_m[..., 1].min(axis=1)
    toe_m = who.body.dimensions.toe_m
    assert lowest_m.min() >= toe_m - 1e-5
    # Procedural people always stand on a foot.
    assert captured.positions_m[..., 1].min(axis=1).max() < 0.03
    assert lowest_m.max() < toe_m + 0.02


def test_hard_movements_stay_above_the_floor_and_within_reach(people):
  """Pointed toes, hands below the floor, a stance wider than legs are long."""
  read = movement.read_movement(people["ann"][0].positions_m)
  body = bodies.typical(1.6)
  down = np.broadcast_to([0.0, -1.0, 0.0], read.foot.shape)
  toe = [BODY21.index(f"{side}ToeBase") for side in movement.SIDES]
  pointed = acting.act(dataclasses.replace(read, foot=down), body)
  assert pointed[..., 1].min() >= body.toe_m - 1e-9
  # The ankles rise and the rest of the body stays where it was.
  flat = acting.act(read, body)
  assert (pointed[:, 0, 1] < flat[:, 0, 1] + 0.01).all()
  standing = read.ankle[..., 1] < 0.01
  np.testing.assert_allclose(
    pointed[:, toe, 1][standing], body.toe_m, atol=0.01
  )
  low = dataclasses.replace(
    read, height=read.height - 1.2, upper_arm=down, forearm=down
  )
  acted = acting.act(low, body)
  np.testing.assert_allclose(acted[..., 1].min(axis=1), body.toe_m)
  wide = read.ankle.copy()
  wide[..., 0] += [0.5, -0.5]
  ankle = [BODY21.index(f"{side}Foot") for side in movement.SIDES]
  acted = acting.act(dataclasses.replace(read, ankle=wide), body)
  lifted_m = acted[:, ankle, 1] - body.ankle_m - body.leg_m * wide[..., 1]
  assert np.abs(lifted_m[standing]).max() < 0.02


def test_planted_feet_do_not_slide(shown):
  toe = BODY21.index("LeftToeBase")
  for who, captured, clip in shown:
    if who.manner.mirrored:
      continue
    still = np.linalg.norm(
      np.diff(captured.positions_m[:, toe], axis=0), axis=1
    )
    moved = np.linalg.norm(np.diff(clip.positions_m[:, toe], axis=0), axis=1)
    assert moved[still < 2e-4].max(initial=0.0) < 3e-3


def test_speeds_stay_human_and_a_fast_clip_is_slowed_down(shown, people):
  for _, _, clip in shown:
    steps = np.linalg.norm(np.diff(clip.positions_m, axis=0), axis=-1)
    assert steps.max() * clip.rate_hz <= MAX_SPEED_M_S + 1e-3
  who, captured, _ = shown[0]
  rushed = dataclasses.replace(captured, rate_hz=50 * captured.rate_hz)
  clip = performers.perform_clip(who, rushed, 3)
  steps = np.linalg.norm(np.diff(clip.positions_m, axis=0), axis=-1)
  assert steps.max() * clip.rate_hz == pytest.approx(MAX_SPEED_M_S, rel=1e-3)


def test_another_body_moves_alike(people):
  """Every bone keeps its direction but where lengths change it a little."""
  captured = people["ann"][0].positions_m.astype(np.float64)
  read = movement.read_movement(captured)
  body = bodies.typical(1.9)
  acted = acting.act(read, body)
  for first, second, tolerance in (
    ("LeftArm", "LeftForeArm", 1e-6),
    ("RightForeArm", "RightHand", 1e-6),
    ("LeftUpLeg", "LeftLeg", 0.35),
    ("RightLeg", "RightFoot", 0.35),
    ("RightUpLeg", "LeftUpLeg", 1e-6),
  ):
    a, b = BODY21.index(first), BODY21.index(second)
    before = movement.unit(captured[:, b] - captured[:, a])
    after = movement.unit(acted[:, b] - acted[:, a])
    assert np.linalg.norm(after - before, axis=-1).max() < tolerance, second


def test_a_mirrored_performer_does_the_mirror_image(shown, people):
  who, captured, _ = shown[0]
  plain = dataclasses.replace(who.manner, mirrored=False, arm_out_rad=0.0)
  right = dataclasses.replace(who, manner=plain)
  left = dataclasses.replace(
    who, manner=dataclasses.replace(plain, mirrored=True)
  )
  one = performers.perform_clip(right, captured, 3).positions_m
  other = performers.perform_clip(left, captured, 3).positions_m
  np.testing.assert_allclose(mirrored(other), one, atol=2e-5)
  assert np.abs(other - one).max() > 0.1


def _hard(read):
  """The movement with arms that swing back and bend, and a deep squat."""
  time = np.linspace(0, 2 * np.pi, len(read.height))
  back_rad = np.radians(25 + 30 * np.sin(time))[:, None] * [1.0, 1.0]
  upper = np.stack(
    [0 * back_rad, -np.cos(back_rad), -np.sin(back_rad)], axis=-1
  )
  bent_rad = back_rad + np.radians(130)
  fore = np.stack([0 * bent_rad, -np.cos(bent_rad), -np.sin(bent_rad)], axis=-1)
  return dataclasses.replace(
    read,
    upper_arm=upper,
    forearm=fore,
    height=0.7 + 0.2 * np.cos(time),
  )


@pytest.mark.parametrize("seed", range(3))
def test_varied_movements_stay_within_joint_limits(people, seed):
  how = manner.Manner(
    arms=1.6, trunk=2.5, legs=1.5, slouch_rad=0.6, arm_out_rad=0.2
  )
  captured = _hard(movement.read_movement(people["bo"][seed].positions_m))
  varied = manner.vary(captured, how)
  angles = manner.trunk_angles_rad(varied)
  before = manner.trunk_angles_rad(captured)
  low, high = manner.TRUNK_LIMITS_RAD.T
  assert (angles >= np.minimum(low, before) - 1e-6).all()
  assert (angles <= np.maximum(high, before) + 1e-6).all()
  assert np.abs(angles - before).max() > 0.2
  flexion = manner.elbow_flexion_rad(varied)
  most = np.maximum(manner.MOST_FLEXION_RAD, manner.elbow_flexion_rad(captured))
  assert (flexion <= most + 1e-6).all()
  behind = np.minimum(
    -np.sin(manner.MOST_EXTENSION_RAD), captured.upper_arm[..., 2]
  )
  assert (varied.upper_arm[..., 2] >= behind - 1e-6).all()
  np.testing.assert_allclose(np.linalg.norm(varied.upper_arm, axis=-1), 1)
  lowest = min(manner.LOWEST_HIPS, captured.height.min())
  assert varied.height.min() >= lowest - 1e-6


def test_the_default_manner_changes_nothing(people):
  captured = movement.read_movement(people["cy"][1].positions_m)
  same = manner.vary(captured, manner.Manner())
  for field in dataclasses.fields(captured):
    np.testing.assert_allclose(
      getattr(same, field.name), getattr(captured, field.name), atol=1e-6
    )


def test_the_smallest_turn_takes_one_direction_to_the_other():
  rng = np.random.default_rng(0)
  first = movement.unit(rng.standard_normal((50, 3)))
  second = movement.unit(rng.standard_normal((50, 3)))
  second[0] = -first[0]
  turns = movement.turn_between(first, second)
  np.testing.assert_allclose(
    np.einsum("nij,nj->ni", turns, first), second, atol=1e-9
  )
  np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-9)
  cosine = (first * second).sum(-1)
  np.testing.assert_allclose(np.trace(turns, axis1=1, axis2=2), 1 + 2 * cosine)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(people):
  for number in (0, 5):
    who = performers.draw_performer(people, number, 1)
    again = performers.draw_performer(people, number, 1)
    assert who == again
    clip = next(
      c for own in people.values() for c in own if c.source_path == who.files[0]
    )
    one = performers.perform_clip(who, clip, 1)
    two = performers.perform_clip(again, clip, 1)
    assert one.positions_m.tobytes() == two.positions_m.tobytes()
    assert one.rate_hz == two.rate_hz
    assert performers.draw_performer(people, number, 2) != who


def test_every_performer_does_every_common_action(people):
  action = {c.source_path: c.action for own in people.values() for c in own}
  for number in range(9):
    who = performers.draw_performer(people, number, 0)
    assert [action[file] for file in who.files] == list(
      performer_fixture.ACTIONS
    )
    assert who.person == list(people)[number % 3]
    assert all(file.startswith(who.person) for file in who.files)


def test_an_action_of_one_file_is_not_common_and_others_lend_theirs(people):
  alone = performer_fixture.clip("bo", "hop")
  some = {**people, "bo": (*people["bo"], alone)}
  some["ann"] = tuple(c for c in people["ann"] if c.action != "wave")
  common = performers.common_actions(some)
  assert set(common) == set(performer_fixture.ACTIONS)
  who = performers.draw_performer(some, 0, 0)
  assert [file.split("/")[0] == "ann" for file in who.files].count(False) == 1
  one_each = {"ann": (performer_fixture.clip("ann", "hop"),)}
  with pytest.raises(InputError, match="column action"):
    performers.common_actions(one_each)


def test_performers_do_not_share_their_streams():
  first = motion.random_stream(0, "performer", "p1").integers(2**60)
  assert first != motion.random_stream(0, "performer", "p2").integers(2**60)
