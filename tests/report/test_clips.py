from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.poses.skeleton import Skeleton
from bgm2pose_jax.report import clips, packed_poses

THREE = Skeleton(
  name="three",
  joints=("a", "b", "c"),
  parents=(-1, 0, 1),
  parts={"all": (0, 1, 2)},
  unit="m",
  unit_cm=100.0,
)


@pytest.mark.parametrize("limit", [3, 40, 1000])
def test_clips_are_runs_of_consecutive_windows_of_one_recording(limit):
  recording = np.repeat(["a", "b"], 60)
  index = np.tile(np.arange(60), 2)
  keep = np.setdiff1d(np.arange(120), [10, 11, 80])
  order = np.random.default_rng(0).permutation(keep)
  chosen = clips.choose(recording[order], index[order], length=25, limit=limit)
  assert sum(map(len, chosen)) <= limit
  assert sum(map(len, chosen)) >= min(limit, 117) // 3
  for clip in chosen:
    assert len(set(recording[order][clip])) == 1
    assert (np.diff(index[order][clip]) == 1).all()
  assert len(np.unique(np.concatenate(chosen))) == sum(map(len, chosen))


def test_frames_joints_and_rate_are_those_of_the_arrays():
  pred = np.random.default_rng(0).normal(size=(40, 5, 3, 3))
  packed = clips.pack(
    pred,
    pred + 1,
    recording=np.full(40, "a"),
    window_index=np.arange(40),
    names=[f"window {k}" for k in range(40)],
    window_s=0.5,
    body=packed_poses.body(THREE),
    simulated=False,
  )
  data = packed.data
  # Clips of 15 s; every joint is off by 1 along each axis.
  assert [clip["label"] for clip in data["clips"]] == [
    "1: window 0, 0.0 to 15.0 s, error 1.73 m",
    "2: window 30, 15.0 to 20.0 s, error 1.73 m",
  ]
  assert [clip["first_s"] for clip in data["clips"]] == [0.0, 15.0]
  for clip in data["clips"]:
    assert clip["error"] == pytest.approx(3**0.5, abs=1e-5)
  np.testing.assert_array_equal(packed.rows, np.arange(40))
  assert (data["frames"], data["rate_hz"]) == (5, 10.0)
  assert (data["joints"], data["head"]) == (["a", "b", "c"], None)
  assert (data["bones"], data["lengths"]) == ([[0, 1], [1, 2]], "m")
