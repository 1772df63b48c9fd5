"""The person as the simulator hears it: rigid spheres and two rectangles.

32 spheres in six radius classes, placed on the bones as fixed weights of
`BODY21`'s joints plus an offset along the body's lateral axis. At 1.75 m they
have 61 litres (70 kg at 1 g/cm3, -13 %) and a summed cross-section pi a^2 of
0.50 m2, a quarter of a person's skin.

- Spheres that touch along a bone have 1.2 times the radius of the cylinder of
  the same volume, so limb radii are about 1.25 times the anthropometric ones.
- The torso is a polyline (Hips - Spine - Spine1 - Neck, bending with it) in
  two columns of two spheres; smaller ones in greater number could not have a
  torso's volume and its surface at the same time.
- In a T-pose no two spheres overlap by more than 1 cm; arms held against the
  trunk do overlap it, since packed spheres are wider than a waist.

Torso and head shadow the direct sound as rectangles (`shadow`), so their
spheres go without forward lobe (`scattering`); limbs keep theirs.

Proportions: D. A. Winter, Biomechanics and Motor Control of Human Movement,
4th ed. (2009), figure 4.1 and table 4.1.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21

_HEIGHT_M = 1.75  # of the person whose radii are below
_TINY = 1e-12

# Name, radius at 1.75 m, and whether the spheres cast their own shadow.
_CLASSES = (
  ("torso", 0.1240, False),
  ("head", 0.1000, False),
  ("thigh", 0.0960, True),
  ("calf", 0.0570, True),
  ("upper_arm", 0.0480, True),
  ("small", 0.0400, True),
)
_CLASS_INDEX = {name: i for i, (name, _, _) in enumerate(_CLASSES)}

# Class, bone, and places on it as a fraction of its length (above 1: past its
# end, where skull and hand are; their tips are no joints).
_MIDLINE = (
  ("head", "Neck", "Head", (1.2,)),
  ("upper_arm", "Neck", "Head", (0.0,)),  # the neck
)
_LIMBS = (
  ("thigh", "UpLeg", "Leg", (0.27, 0.72)),
  ("calf", "Leg", "Foot", (0.09, 0.365, 0.64)),
  ("small", "Foot", "ToeBase", (0.1, 0.75)),
  ("upper_arm", "Arm", "ForeArm", (0.25, 0.60)),
  ("small", "ForeArm", "Hand", (0.06, 0.37, 0.68)),
  ("small", "ForeArm", "Hand", (1.08,)),  # the hand
)
_TORSO_ROWS = (
  (("Hips", 0.48), ("Spine", 0.52)),
  (("Spine1", 0.87), ("Neck", 0.13)),
)
_TORSO_CENTRE = (("Spine", 0.63), ("Spine1", 0.37))
_HEAD_CENTRE = (("Neck", -0.2), ("Head", 1.2))

# Half extents at 1.75 m: lateral, up, forward.
_TORSO_HALF_M = (0.170, 0.305, 0.115)
_HEAD_HALF_M = (0.076, 0.115, 0.097)

# Thigh + shin + Hips to Neck + Neck to Head, over the standing height.
_CHAIN_OVER_HEIGHT = 0.854


def _layout() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Weights [K, 21], class [K] and lateral offset in radii [K]."""
  weights: list[np.ndarray] = []
  classes: list[int] = []
  lateral: list[float] = []

  def add(name: str, parts: tuple[tuple[str, float], ...], offset: float = 0):
    weights.append(_row(parts))
    classes.append(_CLASS_INDEX[name])
    lateral.append(offset)

  for row in _TORSO_ROWS:
    for column in (1.0, -1.0):  # one radius left and right: they touch
      add("torso", row, column)
  for name, start, end, places in _MIDLINE:
    for place in places:
      add(name, ((start, 1 - place), (end, place)))
  for side in ("Left", "Right"):
    for name, start, end, places in _LIMBS:
      for place in places:
        add(name, ((side + start, 1 - place), (side + end, place)))
  return np.stack(weights), np.array(classes, np.int32), np.array(lateral)


def _row(parts: tuple[tuple[str, float], ...]) -> np.ndarray:
  row = np.zeros(len(BODY21.joints))
  for name, weight in parts:
    row[BODY21.index(name)] += weight
  return row


def _unit(xp: Any, v: Any) -> Any:
  return v / xp.sqrt(xp.sum(v * v, axis=-1, keepdims=True) + _TINY)


@dataclasses.dataclass(frozen=True)
class BodyModel:
  """Spheres and rectangles of a person of some height.

  Attributes:
    height_m: standing height, 0.5 to 2.5 m; all sizes scale with it.
  """

  height_m: float = _HEIGHT_M

  def __post_init__(self):
    if not 0.5 <= self.height_m <= 2.5:
      raise InputError(
        "height_m",
        f"is {self.height_m} m",
        "give a person's height between 0.5 and 2.5 m",
      )

  @classmethod
  def fit(cls, positions_m: np.ndarray) -> BodyModel:
    """Model of the person in a recording, by the length of leg and trunk.

    Args:
      positions_m: [..., 21, 3], y up, metres.

    Returns:
      The model for the median height over all frames.

    Raises:
      InputError: if the skeleton is not the size of a person.
    """

    def bone(start: str, end: str) -> np.ndarray:
      ends = np.asarray(positions_m)[..., [BODY21.index(start)], :]
      ends = ends - np.asarray(positions_m)[..., [BODY21.index(end)], :]
      return np.linalg.norm(ends, axis=-1)

    legs = sum(
      bone(side + "UpLeg", side + "Leg") + bone(side + "Leg", side + "Foot")
      for side in ("Left", "Right")
    )
    trunk = bone("Hips", "Spine") + bone("Spine", "Spine1")
    trunk = trunk + bone("Spine1", "Neck") + bone("Neck", "Head")
    return cls(float(np.median(trunk + legs / 2)) / _CHAIN_OVER_HEIGHT)

  @property
  def scale(self) -> float:
    """Height over the 1.75 m that the radii are given for."""
    return self.height_m / _HEIGHT_M

  @functools.cached_property
  def weights(self) -> np.ndarray:
    """Share of each joint in each sphere's centre, float64 [K, 21]."""
    return _layout()[0]

  @functools.cached_property
  def radius_class(self) -> np.ndarray:
    """Radius class of each sphere, int32 [K]."""
    return _layout()[1]

  @functools.cached_property
  def lateral_m(self) -> np.ndarray:
    """Offset of each centre to the person's left, float64 [K]."""
    return _layout()[2] * self.radii_m

  @property
  def class_radii_m(self) -> tuple[float, ...]:
    """Radius of each class, for `scattering.make_table`."""
    return tuple(radius * self.scale for _, radius, _ in _CLASSES)

  @property
  def class_forward_lobe(self) -> tuple[bool, ...]:
    """Per class, False where a rectangle casts the shadow."""
    return tuple(lobe for _, _, lobe in _CLASSES)

  @functools.cached_property
  def radii_m(self) -> np.ndarray:
    """Radius of each sphere, float64 [K]."""
    return np.asarray(self.class_radii_m)[self.radius_class]

  @property
  def num_spheres(self) -> int:
    """Number of spheres K."""
    return len(self.radius_class)

  def sphere_centres(self, positions_m: Any) -> Any:
    """Centres of the spheres.

    Args:
      positions_m: joints [..., 21, 3], metres, y up; NumPy or JAX.

    Returns:
      [..., K, 3], of the same kind and dtype.
    """
    xp = positions_m.__array_namespace__()
    weights = xp.asarray(self.weights, dtype=positions_m.dtype)
    offsets = xp.asarray(self.lateral_m[:, None], dtype=positions_m.dtype)
    left = self._lateral(positions_m)
    return weights @ positions_m + offsets * left[..., None, :]

  def rectangles(self, positions_m: Any) -> tuple[Any, Any]:
    """Torso and head, as `shadow.rectangle_shadow` takes them.

    Args:
      positions_m: joints [..., 21, 3], metres, y up; NumPy or JAX.

    Returns:
      Centres [..., 2, 3] and half axes [..., 2, 3, 3]: per part three vectors
      (lateral, up, forward) from the centre to the sides of its box.
    """
    xp = positions_m.__array_namespace__()
    dtype = positions_m.dtype
    centre = np.stack([_row(_TORSO_CENTRE), _row(_HEAD_CENTRE)])
    ups = np.stack(
      [
        _row((("Neck", 1.0), ("Hips", -1.0))),
        _row((("Head", 1.0), ("Neck", -1.0))),
      ]
    )
    up = _unit(xp, xp.asarray(ups, dtype=dtype) @ positions_m)
    left = self._lateral(positions_m)[..., None, :]
    left = _unit(xp, left - xp.sum(left * up, axis=-1, keepdims=True) * up)
    forward = xp.linalg.cross(left, up)
    half = self.scale * np.array([_TORSO_HALF_M, _HEAD_HALF_M])
    axes = xp.stack([left, up, forward], axis=-2)
    axes = axes * xp.asarray(half[..., None], dtype=dtype)
    return xp.asarray(centre, dtype=dtype) @ positions_m, axes

  def _lateral(self, positions_m: Any) -> Any:
    """Unit vector to the person's left, [..., 3]: shoulders and hips."""
    xp = positions_m.__array_namespace__()
    across = _row(
      (
        ("LeftArm", 1.0),
        ("RightArm", -1.0),
        ("LeftUpLeg", 1.0),
        ("RightUpLeg", -1.0),
      )
    )
    across = xp.asarray(across, dtype=positions_m.dtype)
    return _unit(xp, across @ positions_m)
