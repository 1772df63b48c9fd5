"""Figures of poses by plain NumPy, for tests of what reports print."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# Specification 2.5.
JOINTS = (
  "Hips", "Spine", "Spine1", "Neck", "Head", "LeftShoulder", "LeftArm",
  "LeftForeArm", "LeftHand", "RightShoulder", "RightArm", "RightForeArm",
  "RightHand", "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase", "RightUpLeg",
  "RightLeg", "RightFoot", "RightToeBase",
)  # fmt: skip
# Specification 6.
PARTS = {
  "arm": tuple(
    f"{side}{name}"
    for side in ("Left", "Right")
    for name in ("Shoulder", "Arm", "ForeArm", "Hand")
  ),
  "leg": tuple(
    f"{side}{name}"
    for side in ("Left", "Right")
    for name in ("UpLeg", "Leg", "Foot", "ToeBase")
  ),
  "body": ("Hips", "Spine", "Spine1", "Neck", "Head"),
}
# Counted with a part in its PCK alone (specification 6).
_WITH_PCK = {"arm": ("Spine1",) * 2, "leg": ("Hips",) * 2, "body": ()}
UNIT_CM = 9.21  # mean distance of Hips and Spine
_STREAM = 0x626F6F74

Row = dict[str, float]


def figures(
  pred: np.ndarray,
  target: np.ndarray,
  joints: Sequence[str] = JOINTS,
  also_pck: Sequence[str] = (),
) -> Row:
  """MPJPE in cm, then RMSE, MAE and PCKh@0.5 of some joints (section 6)."""
  pred, target = pred.astype(np.float64), target.astype(np.float64)
  at = [JOINTS.index(name) for name in joints]
  at_pck = at + [JOINTS.index(name) for name in also_pck]
  error = pred[..., at, :] - target[..., at, :]
  return {
    "mpjpe_cm": float(UNIT_CM * np.sqrt((error**2).sum(axis=-1)).mean()),
    "rmse": float(np.sqrt(np.mean(error**2))),
    "mae": float(np.mean(np.abs(error))),
    "pckh50": float(np.mean(_near(pred, target)[at_pck])),
  }


def _near(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
  """[21] share of frames in which a joint is nearer than half a head."""
  neck, head = JOINTS.index("Neck"), JOINTS.index("Head")
  size = np.linalg.norm(target[..., neck, :] - target[..., head, :], axis=-1)
  distance = np.linalg.norm(pred - target, axis=-1)
  near = distance < 0.5 * size[..., None]
  return near.reshape(-1, len(JOINTS)).mean(axis=0)


def joint_figures(pred: np.ndarray, target: np.ndarray) -> dict[str, Row]:
  """The same of each joint."""
  return {name: figures(pred, target, [name]) for name in JOINTS}


def part_figures(pred: np.ndarray, target: np.ndarray) -> dict[str, Row]:
  """The same of each body part."""
  return {
    part: figures(pred, target, joints, _WITH_PCK[part])
    for part, joints in PARTS.items()
  }


def printed(row: Row) -> list[str]:
  """RMSE, MAE and PCKh@0.5 with three decimals."""
  return [f"{row[name]:.3f}" for name in ("rmse", "mae", "pckh50")]


def printed_cm(row: Row) -> str:
  """MPJPE in centimetres with one decimal."""
  return f"{row['mpjpe_cm']:.1f}"


def gain_pct(value: float, reference: float) -> float:
  """How much smaller an error is, in percent of the reference's."""
  return (reference - value) / reference * 100


def interval(
  figure: Callable[[np.ndarray], Sequence[float]],
  blocks: Sequence[np.ndarray],
  *,
  seed: int,
  resamples: int,
) -> np.ndarray:
  """[2, figures] percentiles over blocks drawn with replacement."""
  rng = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
  draws = rng.integers(0, len(blocks), size=(resamples, len(blocks)))
  drawn = [figure(np.concatenate([blocks[b] for b in draw])) for draw in draws]
  return np.percentile(drawn, [2.5, 97.5], axis=0)
