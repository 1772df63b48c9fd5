"""Metrics against plain loops in float64."""

from __future__ import annotations

import numpy as np
import numpy_figures
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.metrics import added, measure
from bgm2pose_jax.evaluation.metrics import total as total_of
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import metrics


def _poses(n: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
  rng = np.random.default_rng(seed)
  target = rng.normal(size=(n, 12, 21, 3)).astype(np.float32)
  pred = target + rng.normal(size=target.shape).astype(np.float32)
  return pred, target


def _pck(pred, target, joints, threshold):
  """Written out: per joint over frames, then over joints."""
  shares = []
  for joint in joints:
    hits = []
    for p, t in zip(pred.reshape(-1, 21, 3), target.reshape(-1, 21, 3)):
      size = np.linalg.norm(t[4].astype(np.float64) - t[3])
      distance = np.linalg.norm(p[joint].astype(np.float64) - t[joint])
      hits.append(distance < threshold * size)
    shares.append(np.mean(hits))
  return np.mean(shares)


def test_against_loops():
  pred, target = _poses()
  got = metrics.pose_metrics(pred, target)
  error = pred.astype(np.float64) - target
  assert got["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-12)
  assert got["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-12)
  distance = 9.21 * np.sqrt((error**2).sum(axis=-1))
  assert got["mpjpe_cm"] == pytest.approx(distance.mean(), rel=1e-12)
  for name, threshold in zip(metrics.PCK_NAMES, (0.5, 1.0, 1.5, 2.0)):
    want = _pck(pred, target, range(21), threshold)
    assert got[name] == pytest.approx(want, abs=1e-12)
  extra = {"arm": (2, 2), "leg": (0, 0), "body": ()}
  for name, joints in BODY21.parts.items():
    part = got["per_part"][name]
    e = error[:, :, list(joints)]
    assert part["rmse"] == pytest.approx(np.sqrt((e**2).mean()), rel=1e-12)
    assert part["mae"] == pytest.approx(np.abs(e).mean(), rel=1e-12)
    cm = distance[:, :, list(joints)].mean()
    assert part["mpjpe_cm"] == pytest.approx(cm, rel=1e-12)
    want = _pck(pred, target, (*joints, *extra[name]), 0.5)
    assert part["pckh50"] == pytest.approx(want, abs=1e-12)
  assert list(got["per_joint"]) == list(BODY21.joints)
  hand = got["per_joint"]["LeftHand"]
  e = error[:, :, 8]
  assert hand["rmse"] == pytest.approx(np.sqrt((e**2).mean()), rel=1e-12)
  assert hand["pckh50"] == pytest.approx(_pck(pred, target, [8], 0.5))
  assert type(got["rmse"]) is float


def test_a_window_counts_in_the_length_of_its_own_person():
  pred, target = _poses(3)
  each = np.array([8.0, 9.0, 11.0])
  scaled = metrics.PoseMetrics(each)
  distance = np.linalg.norm(pred.astype(np.float64) - target, axis=-1)
  got = measure(scaled, pred, target)
  want = (distance * each[:, None, None]).mean()
  assert got["mpjpe_cm"] == pytest.approx(want, rel=1e-12)
  assert got["rmse"] == metrics.pose_metrics(pred, target)["rmse"]


def test_pck_is_strict_and_uses_the_true_head():
  target = np.zeros((1, 1, 21, 3))
  target[..., 4, 1] = 2.0  # head 2 above neck: half of it is 1
  pred = target.copy()
  pred[..., 4, :] += 50.0  # the predicted head must not set the scale
  pred[0, 0, 8, 0] = 1.0
  pred[0, 0, 12, 0] = np.nextafter(1.0, 0)
  got = metrics.pose_metrics(pred, target)["per_joint"]
  assert got["LeftHand"]["pckh50"] == 0
  assert got["RightHand"]["pckh50"] == 1
  assert got["Head"]["pckh50"] == 0


def test_flat_poses_are_the_same():
  pred, target = _poses()
  flat = metrics.pose_metrics(pred.reshape(7, 12, 63), target)
  assert flat == metrics.pose_metrics(pred, target)


def test_batches_with_padding_add_up_exactly():
  pred, target = _poses(10)
  whole = metrics.pose_metrics(pred, target)
  total = None
  for start in range(0, 12, 4):
    p = np.full((4, 12, 21, 3), np.nan, np.float32)
    t = np.full((4, 12, 21, 3), np.nan, np.float32)
    part = slice(start, min(start + 4, 10))
    count = part.stop - part.start
    p[:count], t[:count] = pred[part], target[part]
    sums = metrics.METRICS.sums(p, t, np.arange(4) < count)
    total = added(total, total_of(sums))
  got = metrics.METRICS.finish(total)
  assert got["rmse"] == pytest.approx(whole["rmse"], rel=1e-13)
  assert got["pckh50"] == whole["pckh50"]
  assert got["per_joint"].keys() == whole["per_joint"].keys()


def test_frame_mask():
  pred, target = _poses(3)
  mask = np.zeros((3, 12), bool)
  mask[0, :5] = mask[2, 7:] = True
  got = metrics.pose_metrics(pred, target, mask)
  kept = metrics.pose_metrics(pred[mask][:, None], target[mask][:, None])
  assert got["rmse"] == pytest.approx(kept["rmse"], rel=1e-13)
  assert got["pckh100"] == pytest.approx(kept["pckh100"], rel=1e-13)


def test_overall_sums_give_the_headline_figures():
  pred, target = _poses(9)
  sums = metrics.METRICS.sums(pred, target)
  assert all(len(values) == 9 for values in sums.values())
  got = metrics.METRICS.headline(metrics.METRICS.overall(sums).sum(axis=0))
  want = metrics.pose_metrics(pred, target)
  assert got == pytest.approx([want[f.key] for f in metrics.METRICS.figures])
  assert [(f.key, f.lowest) for f in metrics.METRICS.figures] == [
    *(("mpjpe_cm", True), ("rmse", True), ("mae", True), ("pckh50", False))
  ]


def test_bad_shapes_and_empty_sets_raise():
  pred, target = _poses(4)
  with pytest.raises(InputError, match="against"):
    metrics.pose_metrics(pred[:1], target)  # would broadcast
  with pytest.raises(InputError, match="joint=21"):
    metrics.pose_metrics(pred[..., :20, :], target[..., :20, :])
  with pytest.raises(InputError, match="mask"):
    metrics.pose_metrics(pred, target, np.ones((4, 1)))
  with pytest.raises(InputError, match="no frame"):
    metrics.pose_metrics(pred, target, np.zeros(4))


def test_pck_of_a_limb_counts_its_parent_once_a_side():
  arm, leg = metrics.PCK_PARTS["arm"], metrics.PCK_PARTS["leg"]
  assert arm.count(BODY21.index("Spine1")) == 2
  assert leg.count(BODY21.index("Hips")) == 2


def test_sums_of_a_window_are_its_own():
  rng = np.random.default_rng(1)
  target = rng.normal(0, 1, (3, 12, 21, 3)).astype(np.float32)
  pred = (target + rng.normal(0, 0.4, target.shape)).astype(np.float32)
  sums = metrics.METRICS.overall(metrics.METRICS.sums(pred, target))
  for row, p, t in zip(sums, pred, target):
    distance_cm, square, absolute, correct, count = row
    wanted = numpy_figures.figures(p, t)
    assert count == 12 * 21 * 3
    assert 3 * distance_cm / count == pytest.approx(wanted["mpjpe_cm"])
    assert np.sqrt(square / count) == pytest.approx(wanted["rmse"])
    assert absolute / count == pytest.approx(wanted["mae"])
    assert correct / (12 * 21) == pytest.approx(wanted["pckh50"])
