"""The player: a body, standing, that holds violin and bow."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.simulate.violin import (
  instrument,
  players,
  posture,
  techniques,
)

ALL = tuple(techniques.TECHNIQUES)
SHIFTING = (("C7", "RBWT"), ("C7", "LBWT"), ("RKNE", "RTOE"), ("LKNE", "LTOE"))


def joint(take, name: str) -> np.ndarray:
  return take.stage.pose_m[:, BODY13.index(name)]


def length(take, ends) -> np.ndarray:
  return np.linalg.norm(joint(take, ends[0]) - joint(take, ends[1]), axis=-1)


def angle_deg(take, middle: str, one: str, other: str) -> np.ndarray:
  a = joint(take, one) - joint(take, middle)
  b = joint(take, other) - joint(take, middle)
  cos = np.sum(a * b, -1) / np.linalg.norm(a, axis=-1)
  return np.degrees(np.arccos(cos / np.linalg.norm(b, axis=-1)))


@pytest.mark.parametrize("technique", ALL)
def test_bones_keep_their_length(technique, played):
  take = played(technique)
  assert take.stage.pose_m.dtype == np.float64
  for ends in posture.RIGID:
    assert np.ptp(length(take, ends)) < 1e-6, ends
  for ends in SHIFTING:  # the bones of the skeleton that are not rigid
    values = length(take, ends)
    assert values.std() / values.mean() < 0.05, ends
  named = {frozenset(e) for e in (*posture.RIGID, *SHIFTING)}
  tree = {
    frozenset((BODY13.joints[i], BODY13.joints[p]))
    for i, p in enumerate(BODY13.parents)
    if p >= 0
  }
  assert named == tree


def test_bones_are_the_player_s(played):
  take = played("detache")
  p = take.player
  for side in "RL":
    pairs = (
      (f"{side}SHO", f"{side}MEL", p.upper_arm_m),
      (f"{side}MEL", f"{side}MWR", p.forearm_m),
      (f"{side}BWT", f"{side}KNE", p.thigh_m),
    )
    for one, other, metres in pairs:
      assert length(take, (one, other))[0] == pytest.approx(metres)


@pytest.mark.parametrize("player", [f"P{k:02d}" for k in range(8)])
def test_elbows_and_knees_stay_within_their_limits(player, played):
  for technique in ("scales", "arpeggios", "detache"):
    take = played(technique, player, seconds=30.0)
    for side in "RL":
      elbow = angle_deg(take, f"{side}MEL", f"{side}SHO", f"{side}MWR")
      assert elbow.min() > 15
      assert elbow.max() < 175
      knee = angle_deg(take, f"{side}KNE", f"{side}BWT", f"{side}TOE")
      assert knee.min() > 130


@pytest.mark.parametrize("technique", ALL)
def test_bow_on_the_string_and_hand_on_the_bow(technique, played):
  take = played(technique)
  stage, b = take.stage, take.bowing
  pick = np.arange(len(stage.pose_m)) * 9
  hair = stage.tip_m - stage.frog_m
  hair = hair / np.linalg.norm(hair, axis=-1, keepdims=True)
  # The string that sounds, as the strings lie on the stage.
  ends = stage.strings_m[np.arange(len(pick)), b.string[pick]]
  string = (ends[:, 1] - ends[:, 0]) / instrument.STRING_M
  between = ends[:, 0] - stage.frog_m
  normal = np.cross(hair, string)
  gap = np.abs(np.sum(between * normal, -1)) / np.linalg.norm(normal, axis=-1)
  pressed = b.force_n[pick] > 0
  assert pressed.mean() > 0.4
  assert gap[pressed].max() < 1e-3
  lifted = b.lift_m[pick] > 2e-3
  assert not lifted.any() or gap[lifted].min() > 1e-3
  # The string is under the hair, not beyond its ends.
  along = np.sum((stage.contact_m - stage.frog_m) * hair, -1)
  assert along[pressed].min() > 0
  assert along[pressed].max() < 0.65
  wrist = joint(take, "RMWR")
  hand = np.linalg.norm(wrist - stage.hold_m, axis=-1)
  np.testing.assert_allclose(hand, take.player.hand_m, atol=1e-3)
  # The hold is at the frog.
  held = np.linalg.norm(stage.hold_m - stage.frog_m, axis=-1)
  np.testing.assert_allclose(held, 0.0394, atol=1e-3)


@pytest.mark.parametrize("technique", ALL)
def test_left_hand_at_the_neck(technique, played):
  take = played(technique)
  reach = np.linalg.norm(joint(take, "LMWR") - take.stage.finger_m, axis=-1)
  assert reach.min() > 0.06
  assert reach.max() < 0.13


@pytest.mark.parametrize("player", [f"P{k:02d}" for k in range(8)])
def test_someone_stands_there_who_plays_the_violin(player, played):
  take = played("melody", player)
  high = {n: joint(take, n)[:, 1].mean() for n in BODY13.joints}
  height = take.player.height_m
  assert 0.80 < high["C7"] / height < 0.90
  assert 0.48 < high["RBWT"] / height < 0.58
  assert 0.22 < high["RKNE"] / height < 0.33
  assert 0.0 < high["LTOE"] < 0.05
  # Wrists at the height of the shoulders, elbows below the left wrist.
  for wrist in ("RMWR", "LMWR"):
    assert abs(high[wrist] - high["RSHO"]) < 0.25
  assert high["LMEL"] < high["LMWR"] - 0.1
  left = joint(take, "LSHO") - joint(take, "RSHO")
  left = left.mean(0) / np.linalg.norm(left.mean(0))
  ahead = np.cross(left, [0.0, 1.0, 0.0])
  from_c7 = {
    n: (joint(take, n) - joint(take, "C7")).mean(0) for n in BODY13.joints
  }
  assert from_c7["LMWR"] @ left > 0.1 > 0.0 > from_c7["RMWR"] @ left
  for wrist in ("RMWR", "LMWR"):
    assert from_c7[wrist] @ ahead > 0.2
  assert from_c7["RMEL"] @ left < -0.1


@pytest.mark.parametrize("technique", ["detache", "legato", "scales"])
def test_the_wrist_spans_what_a_bow_arm_does(technique, played):
  spans = []
  for player in ("P01", "P02", "P03"):
    wrist = joint(played(technique, player), "RMWR")
    main = np.linalg.svd(wrist - wrist.mean(0), full_matrices=False)[2][0]
    spans.append(np.ptp(wrist @ main))
  assert min(spans) > 0.2
  assert max(spans) < 0.75


def test_feet_stand_and_the_trunk_sways(played):
  take = played("legato", seconds=60.0)
  for toe in ("RTOE", "LTOE"):
    assert np.ptp(joint(take, toe), axis=0).max() < 1e-9
  assert 0.01 < np.ptp(joint(take, "C7")[:, [0, 2]], axis=0).max() < 0.25
  speed = np.linalg.norm(np.diff(joint(take, "C7"), axis=0), axis=-1) * 50
  assert speed.max() < 0.4


@pytest.mark.parametrize("technique", ALL)
def test_nothing_moves_faster_than_people(technique, played):
  pose = played(technique).stage.pose_m
  speed = np.linalg.norm(np.diff(pose, axis=0), axis=-1) * 50
  assert speed.max() < 4.0


def test_players_differ_and_are_themselves():
  one, same = (players.draw_player("P01", 0) for _ in range(2))
  assert one == same
  people = [players.draw_player(f"P{k}", 0) for k in range(20)]
  assert np.ptp([p.height_m for p in people]) > 0.15
  assert len({p.violin_azimuth_rad for p in people}) == 20
  assert players.draw_player("P01", 1) != one
