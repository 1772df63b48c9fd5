"""What a skeleton is: names, tree, body parts and unit of length."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Skeleton:
  """The joints that poses [..., joint, 3] hold, in stored order.

  Attributes:
    name: the name of the skeleton, for messages.
    joints: names; parents stand before their children.
    parents: index of each joint's parent, -1 for the root.
    parts: {part of the body: indices of its joints}; each joint once.
    unit: what normalised poses are measured in.
    unit_cm: mean length of one such unit in centimetres.
  """

  name: str
  joints: tuple[str, ...]
  parents: tuple[int, ...]
  parts: Mapping[str, tuple[int, ...]]
  unit: str
  unit_cm: float

  @property
  def num_joints(self) -> int:
    """How many joints there are."""
    return len(self.joints)

  @functools.cached_property
  def bones(self) -> tuple[tuple[int, int], ...]:
    """(parent, child) of every bone."""
    return tuple((p, child) for child, p in enumerate(self.parents) if p >= 0)

  def index(self, name: str) -> int:
    """Returns the index of a joint in the stored order.

    Args:
      name: the name of the joint.

    Raises:
      InputError: no joint has that name.
    """
    if name not in self.joints:
      raise InputError(
        f"joint {name!r}",
        "unknown joint",
        f"use one of {', '.join(self.joints)}",
      )
    return self.joints.index(name)

  def check_axes(self, positions: Any, where: str) -> None:
    """Checks that an array ends in [joint, 3].

    Args:
      positions: NumPy or JAX array.
      where: it comes from, for the message.

    Raises:
      InputError: it does not.
    """
    shape = tuple(positions.shape)
    if shape[-2:] != (self.num_joints, 3):
      raise InputError(
        where,
        f"shape {shape}",
        f"pass joint positions [..., joint={self.num_joints}, xyz=3]",
      )
