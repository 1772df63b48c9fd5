from __future__ import annotations

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.joint_maps import NAME_TABLES, joint_columns

# Written out by hand from files and manuals, in our joint order.
DAZ = (
  "hip abdomen chest neck head lCollar lShldr lForeArm lHand rCollar rShldr"
  " rForeArm rHand lThigh lShin lFoot lFoot_End_Site rThigh rShin rFoot"
  " rFoot_End_Site"
)
MOTIVE = (
  "Hip Ab Chest Neck Head LShoulder LUArm LFArm LHand RShoulder RUArm RFArm"
  " RHand LThigh LShin LFoot LToe RThigh RShin RFoot RToe"
)
XSENS = (
  "Hips Chest Chest4 Neck Head LeftCollar LeftShoulder LeftElbow LeftWrist"
  " RightCollar RightShoulder RightElbow RightWrist LeftHip LeftKnee"
  " LeftAnkle LeftToe RightHip RightKnee RightAnkle RightToe"
)
SKELETONS = {
  "Daz": [name.replace("_", " ") for name in DAZ.split()],
  "Motive": MOTIVE.split(),
  "anatomic": XSENS.split(),
  "MotionBuilder": list(BODY21.joints),
}


@pytest.mark.parametrize("kind", SKELETONS)
@pytest.mark.parametrize("prefix", ["", "Skeleton:", "a:b:", "mixamorig_"])
def test_every_table_finds_its_joints_among_others(kind, prefix):
  names = [*SKELETONS[kind], "LThumb", "rIndex1", "leftEye", "LowerBack"]
  names = [prefix + name for name in reversed(names)]
  got = [names[i].removeprefix(prefix) for i in joint_columns(names, "f")]
  assert got == SKELETONS[kind]


def test_tables_name_every_joint():
  assert set(NAME_TABLES) == set(SKELETONS)
  for table in NAME_TABLES.values():
    assert set(table) == set(BODY21.joints)


def test_case_does_not_matter():
  names = [name.upper() for name in BODY21.joints]
  assert joint_columns(names, "f") == list(range(21))


def test_upper_spine_and_toes_have_stand_ins():
  names = [name for name in BODY21.joints if "Toe" not in name]
  names += ["Spine2", "LeftFoot End Site", "RightToe"]
  got = [names[i] for i in joint_columns(names, "f")]
  assert got[BODY21.joints.index("Spine1")] == "Spine2"
  assert got[BODY21.joints.index("LeftToeBase")] == "LeftFoot End Site"
  assert got[BODY21.joints.index("RightToeBase")] == "RightToe"


def test_missing_joint_names_file_joint_and_what_there_is():
  names = [name for name in BODY21.joints if name != "LeftHand"]
  with pytest.raises(InputError) as caught:
    joint_columns(names, "walk.bvh")
  message = str(caught.value)
  assert message.startswith("walk.bvh: no joint 'LeftHand'")
  assert "1 of 21 missing" in message
  assert "LeftForeArm, RightShoulder" in message


def test_message_stays_short_and_clean_for_a_hostile_file():
  names = [f"{i}\n\x1b" + "x" * 500 for i in range(1000)]
  with pytest.raises(InputError) as caught:
    joint_columns(names, "f")
  message = str(caught.value)
  assert len(message) < 2500
  assert message.isprintable()
  assert "(1000 names)" in message


def test_two_people_are_refused():
  names = [f"{person}:{name}" for person in "AB" for name in BODY21.joints]
  with pytest.raises(InputError, match="'Hips' found twice: A:Hips, B:Hips"):
    joint_columns(names, "f")
