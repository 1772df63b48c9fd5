"""What no human body shows: mirrored, uneven, hurried or sunken captures."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import body_check
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import motion

RATE_HZ = 120.0
X, Z = np.array([-1.0, 1.0, 1.0]), np.array([1.0, 1.0, -1.0])


@pytest.fixture(scope="module")
def moving_m():
  """Eight seconds of somebody who walks, waves and crouches, [time, 21, 3]."""
  rng = motion.random_stream(0, "body", "check")
  done = motion.perform(motion.subject_style("3", 0), 8.0, rng, RATE_HZ)
  return done.positions_m.astype(np.float64)


def joint(name):
  return BODY21.index(name)


def swapped(positions, parts=None):
  """Left and Right change their names, in these parts or in all."""
  order = []
  for name in BODY21.joints:
    other = name
    for one, two in (("Left", "Right"), ("Right", "Left")):
      if name.startswith(one) and parts in (None, *[name.removeprefix(one)]):
        other = two + name.removeprefix(one)
    order.append(joint(other))
  return positions[:, order]


def of_parts(positions, parts):
  for part in parts:
    positions = swapped(positions, part)
  return positions


def kinds(faults):
  return [fault.kind for fault in faults]


def test_a_good_capture_is_passed(moving_m):
  assert body_check.check(moving_m, RATE_HZ) == []
  assert body_check.check_floor(moving_m) == []
  assert body_check.is_mirrored(moving_m) is False


@pytest.mark.parametrize(
  "turned",
  [
    lambda p: p,
    lambda p: p[..., [0, 2, 1]] * [1, -1, 1],  # z up
    lambda p: p * [1, -1, -1],  # on the head
    lambda p: 100 * p[..., [1, 2, 0]],  # any axes, centimetres
  ],
)
def test_sides_are_told_in_any_right_handed_axes(moving_m, turned):
  assert body_check.is_mirrored(turned(moving_m)) is False
  assert body_check.is_mirrored(turned(moving_m * X)) is True
  assert body_check.is_mirrored(turned(swapped(moving_m))) is True


@pytest.mark.parametrize(
  ("wrong", "said"),
  [
    (lambda p: p * X, "mirrored, or Left and Right"),
    (lambda p: p * Z, "mirrored, or Left and Right"),
    (swapped, "mirrored, or Left and Right"),
    (lambda p: of_parts(p, ("Shoulder", "Arm", "ForeArm", "Hand")), "alone"),
    (lambda p: of_parts(p, ("UpLeg", "Leg", "Foot", "ToeBase")), "alone"),
  ],
)
def test_left_on_the_right_is_an_error(moving_m, wrong, said):
  (fault,) = body_check.check_sides(wrong(moving_m))
  assert fault.is_error
  assert fault.kind == body_check.SIDES
  assert said in fault.found


def test_toes_that_point_back_are_a_warning(moving_m):
  positions = moving_m.copy()
  for side in ("Left", "Right"):
    foot, toe = joint(f"{side}Foot"), joint(f"{side}ToeBase")
    back = positions[:, toe] - positions[:, foot]
    positions[:, toe] = positions[:, foot] - back * [1, -1, 1]
  (fault,) = body_check.check_sides(positions)
  assert not fault.is_error
  assert "knees bend away" in fault.found
  assert body_check.is_mirrored(positions) is None


def test_straight_legs_without_toes_tell_nothing(figure):
  positions = np.repeat(figure.standing_m()[None], 30, axis=0)
  for side in ("Left", "Right"):
    positions[:, joint(f"{side}ToeBase")] = positions[:, joint(f"{side}Foot")]
  assert body_check.is_mirrored(positions) is None
  assert body_check.check_sides(positions) == []
  assert body_check.is_mirrored(np.full((5, 21, 3), np.nan)) is None


def moved(positions, name, by):
  """The joint and all behind it, shifted by [time, 3] or [3]."""
  out = positions.copy()
  behind = {joint(name)}
  for child, parent in enumerate(BODY21.parents):
    if parent in behind:
      behind.add(child)
  out[:, sorted(behind)] += np.asarray(by)[..., None, :]
  return out


def bone(positions, name):
  parent = BODY21.parents[joint(name)]
  return positions[:, joint(name)] - positions[:, parent]


@pytest.mark.parametrize("name", ["Spine", "LeftForeArm", "RightToeBase"])
def test_a_bone_without_length_is_named(moving_m, name):
  bad = moved(moving_m, name, -bone(moving_m, name))
  (fault,) = body_check.check_bones(bad)
  assert not fault.is_error
  assert f"no length between {name} and the joint before" in fault.found


@pytest.mark.parametrize(
  ("name", "longer", "said"),
  [
    ("LeftLeg", 0.5, "left bone to Leg is 1.50 times the right"),
    ("RightLeg", 1.0, "left bone to Leg is 0.50 times the right"),
    ("LeftHand", 0.4, "left bone to Hand is 1.4"),
    ("RightForeArm", -0.4, "left bone to ForeArm is 1.6"),
    ("RightToeBase", 1.0, "left bone to ToeBase is 0.50"),
  ],
)
def test_uneven_limbs_are_named(moving_m, name, longer, said):
  bad = moved(moving_m, name, longer * bone(moving_m, name))
  (fault,) = body_check.check_bones(bad)
  assert said in fault.found


@pytest.mark.parametrize("name", ["LeftLeg", "RightFoot", "RightHand"])
def test_bones_that_stretch_are_named(moving_m, name):
  wave = 0.15 * np.sin(np.arange(len(moving_m)) / 30)[:, None]
  bad = moved(moving_m, name, wave * bone(moving_m, name))
  (fault,) = body_check.check_bones(bad)
  assert f"the bone to {name} changes its length by 3" in fault.found


@pytest.mark.parametrize(
  ("rate_hz", "said"),
  [
    (10 * RATE_HZ, "at 1200 Hz"),
    (6 * RATE_HZ, "at 720 Hz"),
    (RATE_HZ / 10, "slower than people move"),
    (1.0, "1 frames a second"),
    (9000.0, "9000 frames a second"),
  ],
)
def test_a_pace_that_nobody_has_is_told(moving_m, rate_hz, said):
  (fault,) = body_check.check_rate(moving_m, rate_hz)
  assert said in fault.found
  assert "fps_true in clips.csv" in fault.fix


@pytest.mark.parametrize("rate_hz", [60.0, 100.0, 180.0])
def test_a_pace_that_somebody_may_have_is_passed(moving_m, rate_hz):
  assert body_check.check_rate(moving_m, rate_hz) == []


def test_one_who_stands_still_says_nothing_of_the_pace(moving_m):
  still = np.repeat(moving_m[:1], 300, axis=0)
  still[::2, joint("Head"), 0] += 0.001
  for rate_hz in (12.0, 120.0, 1200.0):
    assert body_check.check_rate(still, rate_hz) == []


def test_a_glitch_is_no_wrong_rate(moving_m):
  bad = moving_m.copy()
  bad[100:700:60, joint("LeftHand")] += 2.0
  bad[300:320] = np.nan
  assert body_check.check_rate(bad, RATE_HZ) == []
  bad[::4, joint("LeftHand")] += 1.0
  (fault,) = body_check.check_rate(bad, RATE_HZ)
  assert "faster than 14 m/s in 49% of the frames" in fault.found


def turned_m(positions, degrees):
  """Turned about z, so that who stood upright leans to the side."""
  c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
  return positions @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


@pytest.mark.parametrize("degrees", [40, 50, -45, 135])
def test_one_who_never_stands_is_told(moving_m, degrees):
  (fault,) = body_check.check_upright(turned_m(moving_m, degrees))
  assert "never stands upright" in fault.found
  assert "up_axis" in fault.fix


def test_one_who_stands_now_and_then_is_passed(moving_m):
  some = turned_m(moving_m, 50)
  some[:200] = moving_m[:200]
  assert body_check.check_upright(some) == []


@pytest.mark.parametrize(
  ("sunk", "said"),
  [
    (lambda p: p - [0, 0.4, 0], "0.38 m below the floor, in 100%"),
    (lambda p: p - [0, -0.5, 0], "stay 0.52 m above the floor"),
    (
      lambda p: p - np.linspace(0, 0.6, len(p))[:, None, None] * [0, 1, 0],
      "0.58 m below the floor, in 7",
    ),
    (
      lambda p: np.where(np.arange(len(p))[:, None, None] < 20, p - 1.0, p),
      "below the floor, in 2%",
    ),
  ],
)
def test_feet_off_the_floor_are_told(moving_m, sunk, said):
  (fault,) = body_check.check_floor(sunk(moving_m))
  assert said in fault.found
  assert "floor_y_m" in fault.fix


def motive_text(positions):
  names = [f"Ann:{name}" for name in BODY21.joints for _ in "xyz"]
  rows = [
    f"Format Version,1.23,Export Frame Rate,{RATE_HZ},Length Units,Meters",
    "",
    ",".join(["", "Type", *["Bone"] * 63]),
    ",".join(["", "Name", *names]),
    ",".join(["", "", *["Position"] * 63]),
    ",".join(["Frame", "Time (Seconds)", *"XYZ" * 21]),
  ]
  rows += [
    f"{i},{i / RATE_HZ:.6f}," + ",".join(f"{x:.5f}" for x in row)
    for i, row in enumerate(positions.reshape(len(positions), 63))
  ]
  return "\n".join(rows) + "\n"


@pytest.mark.parametrize("kind", ["bvh", "motive", "positions"])
@pytest.mark.parametrize("wrong", [lambda p: p * X, lambda p: p * Z, swapped])
def test_every_format_is_judged(tmp_path, moving_m, kind, wrong):
  bad = wrong(moving_m[:200])
  path = tmp_path / "ann" / ("t.bvh" if kind == "bvh" else "t.csv")
  path.parent.mkdir()
  if kind == "bvh":
    poses.write_bvh(path, bad, RATE_HZ)
  elif kind == "motive":
    path.write_text(motive_text(bad))
  else:
    poses.write_position_csv(path, bad, RATE_HZ)
  with pytest.raises(InputError, match=r"ann/t\.\w+: .*mirrored.*right-handed"):
    poses.load_folder(tmp_path)


def test_what_is_odd_but_usable_is_told_once(tmp_path, moving_m, caplog):
  bad = moved(moving_m[:200], "LeftLeg", 0.5 * bone(moving_m[:200], "LeftLeg"))
  for name in ("a", "b"):
    poses.write_position_csv(tmp_path / f"{name}.csv", bad, RATE_HZ)
  first, second = poses.load_folder(tmp_path)
  assert first.warnings == second.warnings
  assert "1.50 times" in first.warnings[0]
  told = [r.getMessage() for r in caplog.records if "1.50" in r.message]
  assert len(told) == 1
  assert "a.csv and 1 more files: " in told[0]
