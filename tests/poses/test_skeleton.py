"""A skeleton of three joints: its bones, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.skeleton import Skeleton

ARM = Skeleton(
  name="arm",
  joints=("Shoulder", "Elbow", "Hand"),
  parents=(-1, 0, 1),
  parts={"upper": (0, 1), "lower": (2,)},
  unit="metres",
  unit_cm=100.0,
)


def test_bones_lead_from_parent_to_child():
  assert ARM.bones == ((0, 1), (1, 2))
  assert ARM.num_joints == 3


def test_index_names_an_unknown_joint():
  assert ARM.index("Hand") == 2
  with pytest.raises(InputError, match=r"'Knee'.*Shoulder, Elbow, Hand"):
    ARM.index("Knee")


def test_other_axes_are_refused():
  ARM.check_axes(np.zeros((5, 3, 3)), "here")
  with pytest.raises(InputError, match=r"here.*joint=3"):
    ARM.check_axes(np.zeros((5, 9)), "here")
