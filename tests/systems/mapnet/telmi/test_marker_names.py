"""Spellings of markers, and which of them no table knows."""

from __future__ import annotations

import collections

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.telmi import joint_fit, marker_names


@pytest.mark.parametrize(
  ("name", "place"),
  [
    ("RSHO", "right_shoulder"),
    ("R_SHO", "right_shoulder"),
    ("RightShoulder", "right_shoulder"),
    ("right shoulder", "right_shoulder"),
    ("Shoulder_R", "right_shoulder"),
    ("RSHO.take_03", "right_shoulder"),
    ("R.Shoulder", "right_shoulder"),
    ("violinist1:RSHO", "right_shoulder"),
    ("Ann_RSHO", "right_shoulder"),
    ("LBSHO", "left_back_shoulder"),
    ("LeftBackShoulder", "left_back_shoulder"),
    ("L_Shoulder_Back", "left_back_shoulder"),
    ("RMEL", "right_inner_elbow"),
    ("RIEL", "right_inner_elbow"),
    ("R_inner_elbow", "right_inner_elbow"),
    ("Elbow Outer Left", "left_outer_elbow"),
    ("LELB", "left_elbow"),
    ("RMWR", "right_inner_wrist"),
    ("RWRI", "right_inner_wrist"),
    ("RWRO", "right_outer_wrist"),
    ("LWRA", "left_inner_wrist"),
    ("LWRB", "left_outer_wrist"),
    ("RBWT", "right_back_waist"),
    ("RPSI", "right_back_waist"),
    ("LBackWaist", "left_back_waist"),
    ("RKNI", "right_inner_knee"),
    ("LOKNE", "left_outer_knee"),
    ("RKNE", "right_knee"),
    ("LTOE", "left_toe"),
    ("C7", "c7"),
    ("c7.take1", "c7"),
    ("BowFrogRcello", "bow_frog"),
    ("bow_tip_1", "bow_tip"),
    ("ViolinBridge", "bridge"),
  ],
)
def test_spellings_in_use(name, place):
  assert marker_names.place_of(name) == place
  assert marker_names.place_of(name.lower()) == place


@pytest.mark.parametrize(
  "name",
  [
    "",
    ".",
    "SHO",
    "T10",
    "LFHD",
    "RTHUMB",
    "RPinky",
    "ariel",
    "Waist",
    "m_1",
    "LElbowTip",
    "bow" * 5000,
  ],
)
def test_what_no_spelling_fits_is_left(name):
  assert marker_names.place_of(name) is None


def test_no_spelling_means_two_places():
  places = collections.defaultdict(set)
  for spelling, place in marker_names.spellings():
    places[spelling].add(place)
  assert {s: p for s, p in places.items() if len(p) > 1} == {}
  assert set().union(*places.values()) == set(marker_names.PLACES) - set(
    marker_names.INSTRUMENT
  )


def test_a_chosen_marker_wins_over_the_table():
  names = ("RSHO", "RSHO2", "LSHO")
  chosen = {"RSHO2": "right_shoulder", "LSHO": "c7", "absent": "left_toe"}
  assert marker_names.find_places(names, "x", chosen) == {
    "right_shoulder": ("RSHO2",),
    "c7": ("LSHO",),
  }


def test_two_people_are_refused_and_a_map_settles_it():
  names = ("a:LTOE.t", "b:LTOE.t")
  with pytest.raises(InputError, match="left_toe twice: a:LTOE"):
    marker_names.find_places(names, "x", {})
  found = marker_names.find_places(names, "x", {"b:LTOE": "left_toe"})
  assert found == {"left_toe": ("b:LTOE.t",)}


def test_several_markers_on_the_bow_are_one_place():
  names = ("BowFrogL", "BowFrogR")
  assert marker_names.find_places(names, "x", {}) == {"bow_frog": names}


def test_the_message_says_what_lacks_what():
  names = ("C7", "RSHO", "LTOE")
  places = marker_names.find_places(names, "x", {})
  with pytest.raises(InputError) as caught:
    joint_fit.plan("mean", places, names, "x")
  said = str(caught.value)
  assert "11 of 13 joints" in said
  assert "RSHO lacks right_back_shoulder;" in said
  assert "LMEL lacks left_inner_elbow and left_outer_elbow;" in said
  assert "Its markers are C7, RSHO, LTOE" in said
  assert "--marker_map" in said
  with pytest.raises(InputError) as caught:
    joint_fit.plan("marker", places, names, "x")
  said = str(caught.value)
  assert "10 of 13 joints" in said
  assert "LMEL lacks left_inner_elbow or left_elbow or left_outer_elbow" in said


def test_each_joint_has_places_in_both_fits():
  every = {place: (place,) for place in marker_names.PLACES}
  for fit in joint_fit.FITS:
    plan = joint_fit.plan(fit, every, (), "x")
    assert tuple(plan) == BODY13.joints
    for joint, places in plan.items():
      side = {"R": "right_", "L": "left_", "C": "c7"}[joint[0]]
      assert all(place.startswith(side) for place in places)
      assert len(places) == 1 or fit == "mean"
