from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.joint_maps import find_joints, joint_columns
from bgm2pose_jax.poses.joint_search import Search

LR, SMALL_LR, WORDS = ("L", "R"), ("l", "r"), ("Left", "Right")


def skeleton(middle, arm, leg, form="{side}{part}", sides=WORDS):
  """Names in our joint order; `form` says where the side stands."""

  def limb(parts, side):
    return [
      f"{form} End Site".format(side=side, part=part[:-1])
      if part.endswith("$")
      else form.format(side=side, part=part)
      for part in parts.split()
    ]

  left, right = sides
  return [
    *middle.split(),
    *limb(arm, left),
    *limb(arm, right),
    *limb(leg, left),
    *limb(leg, right),
  ]


MB = ("Shoulder Arm ForeArm Hand", "UpLeg Leg Foot ToeBase")
UNITY = ("Shoulder UpperArm LowerArm Hand", "UpperLeg LowerLeg Foot Toes")
ANATOMIC = ("Collar Shoulder Elbow Wrist", "Hip Knee Ankle Toe")
SMPL = ("Collar Shoulder Elbow Wrist", "Hip Knee Ankle Foot")
BIPED = ("Clavicle UpperArm Forearm Hand", "Thigh Calf Foot Toe0")
SIDE_LAST, BLENDER = "{part}_{side}", "{part}.{side}"

# Written out by hand from files and manuals, in our joint order.
SKELETONS = {
  "MotionBuilder": skeleton("Hips Spine Spine1 Neck Head", *MB),
  "Mixamo": skeleton("Hips Spine Spine2 Neck Head", *MB),
  "LaFAN1": skeleton(
    "Hips Spine Spine2 Neck Head", MB[0], "UpLeg Leg Foot Toe"
  ),
  "Perception Neuron": skeleton(
    "Hips Spine Spine3 Neck Head", MB[0], "UpLeg Leg Foot Foot$"
  ),
  "Motive": skeleton(
    "Hip Ab Chest Neck Head",
    "Shoulder UArm FArm Hand",
    "Thigh Shin Foot Toe",
    sides=LR,
  ),
  "Daz": skeleton(
    "hip abdomen chest neck head",
    "Collar Shldr ForeArm Hand",
    "Thigh Shin Foot Foot$",
    sides=SMALL_LR,
  ),
  "Xsens BVH, 100STYLE": skeleton("Hips Chest Chest4 Neck Head", *ANATOMIC),
  "Xsens MVN": skeleton(
    "Pelvis L5 T8 Neck Head",
    "Shoulder UpperArm ForeArm Hand",
    "UpperLeg LowerLeg Foot Toe",
  ),
  "Rokoko": skeleton(
    "Hips Spine1 Spine4 Neck Head", MB[0], "Thigh Shin Foot Toe"
  ),
  "SMPL": skeleton(
    "pelvis spine1 spine3 neck head",
    SMPL[0].lower(),
    SMPL[1].lower(),
    "{side}_{part}",
    ("left", "right"),
  ),
  "SMPL's models": skeleton(
    "Pelvis Spine1 Spine3 Neck Head", *SMPL, "{side}_{part}", LR
  ),
  "Bandai-Namco": skeleton("Hips Spine Chest Neck Head", *UNITY, SIDE_LAST, LR),
  "Unity": skeleton("Hips Spine UpperChest Neck Head", *UNITY),
  "Unreal": skeleton(
    "pelvis spine_01 spine_03 neck_01 head",
    "clavicle upperarm lowerarm hand",
    "thigh calf foot ball",
    SIDE_LAST,
    SMALL_LR,
  ),
  "Rigify": skeleton(
    "spine spine.001 spine.003 spine.004 spine.006",
    "shoulder upper_arm forearm hand",
    "thigh shin foot toe",
    BLENDER,
    LR,
  ),
  "3ds Max Biped": skeleton(
    "Pelvis Spine Spine2 Neck Head", *BIPED, "{side} {part}", LR
  ),
  "CMU's ASF": skeleton(
    "root upperback thorax lowerneck head",
    "clavicle humerus radius wrist",
    "femur tibia foot toes",
    sides=SMALL_LR,
  ),
  "Azure Kinect": skeleton(
    "PELVIS SPINE_NAVEL SPINE_CHEST NECK HEAD",
    "CLAVICLE SHOULDER ELBOW WRIST",
    "HIP KNEE ANKLE FOOT",
    SIDE_LAST,
    ("LEFT", "RIGHT"),
  ),
}
# What the same files hold besides.
OTHERS = {
  "CMU's ASF": ["lowerback", "upperneck", "lhipjoint", "rhipjoint", "lhand"],
  "Mixamo": ["Spine1", "HeadTop_End", "LeftEye", "LeftToe_End"],
  "LaFAN1": ["Spine1"],
  "Perception Neuron": ["Spine1", "Spine2", "Neck1"],
  "Xsens BVH, 100STYLE": ["Chest2", "Chest3"],
  "Xsens MVN": ["L3", "T12"],
  "Rokoko": ["Spine2", "Spine3", "LeftToeTip", "RightToeTip"],
  "SMPL": ["spine2", "left_hand", "right_hand"],
  "SMPL's models": ["Spine2", "L_Hand", "R_Hand"],
  "Bandai-Namco": ["joint_Root"],
  "Unity": ["Chest", "Jaw"],
  "Unreal": ["root", "spine_02", "upperarm_twist_01_l", "ik_foot_l"],
  "Rigify": ["spine.002", "spine.005", "pelvis.L", "heel.02.L"],
  "3ds Max Biped": ["Spine1", "HeadNub", "L Toe0Nub"],
  "Daz": ["rButtock", "lButtock", "LowerBack"],
}


@pytest.mark.parametrize("kind", SKELETONS)
@pytest.mark.parametrize(
  "prefix",
  ["", "Skeleton:", "a:b:", "mixamorig_", "m_avg_", "Bob Smith ", "x y:z 1:"],
)
def test_every_convention_finds_its_joints_among_others(kind, prefix):
  names = [*SKELETONS[kind], *OTHERS.get(kind, ()), "LThumb", "rIndex1"]
  names = [prefix + name for name in reversed(names)]
  got = [names[i].removeprefix(prefix) for i in joint_columns(names, "f")]
  assert got == SKELETONS[kind]
  found = find_joints(names, "f")
  assert list(found.columns) == joint_columns(names, "f")
  assert found.warnings == ()


@pytest.mark.parametrize("kind", ["Mixamo", "SMPL", "Unity", "Daz"])
@pytest.mark.parametrize(
  "change", [str.upper, str.lower, lambda name: name.replace("_", " ")]
)
def test_case_blanks_and_underscores_do_not_matter(kind, change):
  names = [change(f"char_1_{name}") for name in SKELETONS[kind]]
  assert joint_columns(names, "f") == list(range(21))


@pytest.mark.parametrize("ending", ["_jnt", " Bone", ".pos", "_world"])
def test_an_ending_that_all_share_is_left_aside(ending):
  for kind in ("LaFAN1", "Bandai-Namco"):
    names = [f"{name}{ending}" for name in SKELETONS[kind]]
    assert joint_columns(names, "f") == list(range(21))
  names = skeleton("Hips Spine Chest Neck Head", *UNITY, "{part}_jnt_{side}",
                   LR)  # fmt: skip
  names[:5] = [f"{name}_jnt" for name in names[:5]]
  assert joint_columns(names, "f") == list(range(21))


def test_vrm_says_the_middle_too():
  names = skeleton("Hips Spine Chest Neck Head", *UNITY, "J_Bip_{side}_{part}",
                   LR)  # fmt: skip
  names[:5] = [f"J_Bip_C_{name}" for name in names[:5]]
  assert joint_columns([*names, "J_Bip_C_UpperChest"], "f")[2] == 21
  assert joint_columns(names, "f") == list(range(21))


def test_upper_spine_and_toes_have_stand_ins():
  names = [name for name in BODY21.joints if "Toe" not in name]
  names += ["Spine2", "LeftFoot End Site", "RightToe"]
  got = [names[i] for i in joint_columns(names, "f")]
  assert got[BODY21.joints.index("Spine1")] == "Spine2"
  assert got[BODY21.joints.index("LeftToeBase")] == "LeftFoot End Site"
  assert got[BODY21.joints.index("RightToeBase")] == "RightToe"


def test_the_topmost_spine_joint_carries_the_shoulders():
  for spine, top in (
    (["Spine", "Spine1", "Spine2", "Spine3", "Spine4"], "Spine4"),
    (["Spine", "Spine1", "Chest"], "Chest"),
    (["spine_01", "spine_02", "spine_03", "spine_04", "spine_05"], "spine_05"),
  ):
    rest = [name for name in BODY21.joints if not name.startswith("Spine")]
    names = [*spine, *rest]
    got = joint_columns(names, "f")
    assert (names[got[1]], names[got[2]]) == (spine[0], top)


@pytest.mark.parametrize(
  "root", ["Hips", "Bob:Hips", "Armature", "Skeleton 001", "b_root"]
)
def test_a_root_without_the_others_prefix(root):
  names = [root, *(f"char1_{name}" for name in BODY21.joints[1:])]
  parents = list(BODY21.parents)
  found = find_joints(names, "f", parents=parents)
  assert list(found.columns) == list(range(21))
  named = root == "Hips"
  assert bool(found.warnings) != named
  assert named or f"'{root}' is taken" in found.warnings[0]
  # The hips are where the legs part, not the root of the scene.
  names, parents = ["World", *names], [-1, *(p + 1 for p in parents)]
  assert find_joints(names, "f", parents=parents).columns[0] == 1


def test_motive_names_the_hips_after_the_skeleton():
  for name in ("Skeleton 001", "Ann"):
    names = [f"{name}:{joint}" for joint in SKELETONS["Motive"]]
    names[0] = f"{name}:{name}"
    found = find_joints(names, "f")
    assert list(found.columns) == list(range(21))
    assert found.warnings == ()


def stand_in(names, joint, points):
  found = find_joints(names, "f")
  joints = found.joints(points[:, list(found.columns)])
  return found, joints[:, BODY21.joints.index(joint)]


def points_of(names):
  rng = np.random.default_rng(5)
  points = rng.normal(size=(4, len(names), 3))
  return points, {name: points[:, i] for i, name in enumerate(names)}


def test_a_rig_without_neck_or_spine1_is_filled_in_and_says_so():
  for missing, at, message in (
    (["Neck"], {"Spine1": 0.4, "Head": 0.6}, "Spine1 and Head"),
    (["Spine1"], {"Spine": 0.6, "Neck": 0.4}, "Spine and Neck"),
    (["Spine1", "Neck"], {"Spine": 0.72, "Head": 0.28}, "Spine and Head"),
  ):
    names = [name for name in BODY21.joints if name not in missing]
    points, by_name = points_of(names)
    joint = missing[0]
    found, got = stand_in(names, joint, points)
    expected = sum(part * by_name[name] for name, part in at.items())
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert len(found.warnings) == len(missing)
    assert f"no joint '{joint}': placed between {message}" in found.warnings[0]
    with pytest.raises(InputError, match=f"no joint '{joint}'"):
      joint_columns(names, "f")


def test_landmarks_made_into_a_skeleton_have_no_collars():
  names = skeleton(
    "Hips Spine Neck Head", "Shoulder Elbow Wrist", "Hip Knee Ankle FootIndex"
  )
  points, by_name = points_of(names)
  found, got = stand_in(names, "RightShoulder", points)
  expected = 0.75 * by_name["Neck"] + 0.25 * by_name["RightShoulder"]
  np.testing.assert_allclose(got, expected, atol=1e-12)
  assert [w.split(":")[0] for w in found.warnings] == [
    "no joint 'Spine1'",
    "no joint 'Shoulder'",
  ]


def asf_points(names, hip_joints_m):
  """Points of a figure named as ASF's bones, in arbitrary places."""
  points, _ = points_of(names)
  for side, place in (("l", hip_joints_m), ("r", -hip_joints_m)):
    root = points[:, names.index("root")]
    points[:, names.index(f"{side}hipjoint")] = root + np.array([place, 0, 0])
  return points


def test_bones_of_asf_begin_in_bvh_files_and_end_in_tables():
  names = [*SKELETONS["CMU's ASF"], *OTHERS["CMU's ASF"]]
  begin = SKELETONS["CMU's ASF"]
  for points in (None, asf_points(names, 0.0)):
    found = find_joints(names, "f", positions=points)
    assert [names[i] for i in found.columns] == begin
    assert found.usual_unit == "CMU unit"
  found = find_joints(names, "f", positions=asf_points(names, 0.1))
  got = {
    joint: names[next(iter(weights))]
    for joint, weights in zip(BODY21.joints, found.weights)
  }
  assert [got[j] for j in ("Hips", "Spine", "Spine1", "Neck", "Head")] == [
    "root",
    "lowerback",
    "upperback",
    "thorax",
    "upperneck",
  ]
  assert [got[f"Left{j}"] for j in ("UpLeg", "Leg", "Foot", "ToeBase")] == [
    "lhipjoint",
    "lfemur",
    "ltibia",
    "lfoot",
  ]
  assert [got[f"Right{j}"] for j in ("Shoulder", "Arm", "ForeArm", "Hand")] == [
    "thorax",
    "rclavicle",
    "rhumerus",
    "rradius",
  ]


def test_a_spine_joint_that_lies_in_the_hips_is_none():
  names = ["Hips", "Spine", "Spine1", "Spine2", *BODY21.joints[3:]]
  points, _ = points_of(names)
  found = find_joints(names, "f", positions=points)
  assert [names[i] for i in found.columns[1:3]] == ["Spine", "Spine2"]
  points[:, 1] = points[:, 0] + 1e-6
  points[0] = np.nan
  found = find_joints(names, "f", positions=points)
  assert [names[i] for i in found.columns[1:3]] == ["Spine1", "Spine2"]


def test_a_spine_numbered_downwards_is_read_by_its_hierarchy():
  names = ["Hips", "spine03", "spine01", *BODY21.joints[3:], "spine02"]
  parents = [*BODY21.parents, 1]
  parents[2] = 21
  found = find_joints(names, "f", parents=parents)
  assert list(found.columns) == list(range(21))


def test_limbs_that_hang_the_wrong_way_round_are_refused():
  names, parents = list(BODY21.joints), list(BODY21.parents)
  leg, foot = names.index("LeftLeg"), names.index("LeftFoot")
  # Every joint may hang on the hips, as where all are given by position.
  flat = [-1] + [0] * 20
  assert list(find_joints(names, "f", parents=flat).columns) == list(range(21))
  parents[foot], parents[leg] = parents[leg], foot
  with pytest.raises(InputError) as caught:
    find_joints(names, "f", parents=parents)
  message = str(caught.value)
  assert "'LeftLeg' (LeftLeg) hangs on 'LeftFoot' (LeftFoot)" in message
  assert "--joint_map=FILE" in message
  given = {name: name for name in names}
  found = find_joints(names, "f", parents=parents, given=given)
  assert list(found.columns) == list(range(21))


def test_only_cmu_s_skeletons_have_a_usual_unit():
  names = [*BODY21.joints, "LHipJoint", "RHipJoint", "LowerBack"]
  assert find_joints(names, "f").usual_unit == "CMU unit"
  names = [f"Bob:{name}" for name in names]
  assert find_joints(names, "f").usual_unit == "CMU unit"
  assert find_joints(names[:-1], "f").usual_unit is None
  assert find_joints(list(BODY21.joints), "f").usual_unit is None


def test_missing_joint_names_file_joint_and_what_there_is():
  names = [name for name in BODY21.joints if name != "LeftHand"]
  for look in (joint_columns, find_joints):
    with pytest.raises(InputError) as caught:
      look(names, "walk.bvh")
    message = str(caught.value)
    assert message.startswith("walk.bvh: no joint 'LeftHand'")
    assert "1 of 21 missing" in message
    assert "LeftForeArm, RightShoulder" in message
    assert "--joint_map=FILE" in message


def test_half_of_two_conventions_is_none():
  anatomic = SKELETONS["Xsens BVH, 100STYLE"]
  names = [
    *BODY21.joints[:13],
    *(name for name in anatomic[13:] if "Knee" not in name),
  ]
  with pytest.raises(InputError, match="no joint 'LeftLeg'"):
    find_joints(names, "f")
  # Left in one convention, right in another.
  names = [*BODY21.joints[:17], "R_UpLeg", "R_Leg", "R_Foot", "R_ToeBase"]
  with pytest.raises(InputError, match="4 of 21 missing"):
    find_joints(names, "f")


def test_rotations_are_no_positions():
  names = [f"{name}_rot" for name in BODY21.joints]
  with pytest.raises(InputError, match="no joint 'Hips'"):
    find_joints(names, "f")
  both = [*names, *(f"{name}_pos" for name in BODY21.joints)]
  assert find_joints(both, "f").columns[0] == 21
  assert find_joints([*names, *BODY21.joints], "f").columns[0] == 21


def test_of_the_layers_of_a_rig_the_deforming_one_is_read():
  rigify = SKELETONS["Rigify"]
  names = [f"{layer}-{n}" for layer in ("ORG", "DEF", "MCH") for n in rigify]
  assert list(find_joints(names, "f").columns) == list(range(21, 42))


def test_message_stays_short_and_clean_for_a_hostile_file():
  names = [f"{i}\n\x1b" + "x" * 500 for i in range(1000)]
  with pytest.raises(InputError) as caught:
    joint_columns(names, "f")
  message = str(caught.value)
  assert len(message) < 2500
  assert message.isprintable()
  assert "(1000 names)" in message


def test_of_many_heads_few_are_looked_at():
  names = [f"head{'x' * i}_{i} head head" for i in range(1000)]
  assert len(Search(names, None, None, {}).affixes()) <= 200
  with pytest.raises(InputError):
    find_joints(names, "f")


@pytest.mark.parametrize(
  "person", ["A:{}", "A_{}", "Ann B {}", "{}", "{}.001", "{}_2"]
)
def test_two_people_are_refused(person):
  names = [
    form.format(name) for form in (person, "B:{}") for name in BODY21.joints
  ]
  shown = f"{person.format('Hips')}, B:Hips|B:Hips, {person.format('Hips')}"
  with pytest.raises(InputError, match=f"'Hips' found twice: ({shown})"):
    find_joints(names, "f")
  names = [f"A:{name}" for name in BODY21.joints] + ["B:LeftHand"]
  with pytest.raises(InputError, match="'LeftHand' found twice"):
    find_joints(names, "f")


def test_a_joint_map_names_what_no_table_knows():
  names = [f"bone{i}" for i in range(25)]
  given = {f"bone{i + 3}": joint for i, joint in enumerate(BODY21.joints)}
  found = find_joints(names, "f", given={**given, "another file's": "Hips"})
  assert list(found.columns) == list(range(3, 24))
  assert found.warnings == ()


def test_a_joint_map_adds_to_the_tables_and_chooses_a_person():
  names = ["Schwanz", *BODY21.joints[:8], "Wing", *BODY21.joints[9:]]
  found = find_joints(names, "f", given={"wing": "LeftHand"})
  assert list(found.columns) == list(range(1, 22))
  names = [f"{person}:{name}" for person in "AB" for name in BODY21.joints]
  given = {f"B:{joint}": joint for joint in BODY21.joints}
  assert list(find_joints(names, "f", given=given).columns) == list(
    range(21, 42)
  )
  given["A:Hips"] = "Hips"
  with pytest.raises(
    InputError, match="map makes two points 'Hips': A:Hips, B"
  ):
    find_joints(names, "f", given=given)
