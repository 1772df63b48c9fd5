"""Overlapping windows against plain weighted means."""

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.predict import blending

WINDOW = 12


def _windows(frames, hop):
  rng = np.random.default_rng(frames + hop)
  first = list(blending.starts(frames, WINDOW, hop))
  return first, rng.normal(size=(len(first), WINDOW, 2, 3))


@pytest.mark.parametrize("frames", [12, 13, 40, 41])
@pytest.mark.parametrize(("hop", "blend"), [(4, 1), (4, 2), (4, 3), (12, 1)])
def test_a_frame_is_the_mean_of_the_first_windows_that_hold_it(
  frames, hop, blend
):
  first, values = _windows(frames, hop)
  blender = blending.Blender(WINDOW, hop, blend)
  parts = [blender.push(s, v) for s, v in zip(first, values)]
  got = np.concatenate([*(p for p in parts if len(p)), *_rest(blender)])
  triangle = np.minimum(np.arange(WINDOW) + 1, WINDOW - np.arange(WINDOW))
  done = 0  # frames that were final before each window came
  wanted = np.zeros((frames, 2, 3))
  total = np.zeros(frames)
  counts = np.zeros(frames, int)
  for start, value, part in zip(first, values, parts):
    for i in range(WINDOW):
      f = start + i
      if f >= done and counts[f] < blend:
        wanted[f] += triangle[i] * value[i]
        total[f] += triangle[i]
        counts[f] += 1
    done += len(part)
  assert got.shape == (frames, 2, 3)
  np.testing.assert_allclose(got, wanted / total[:, None, None], atol=1e-6)
  if blend == 3 and frames == 40:
    # In the middle every frame has all three windows that hold it.
    assert set(counts[8:-8]) == {3}


def _rest(blender):
  rest = blender.flush()
  return [rest] if len(rest) else []


def test_with_one_window_a_pose_comes_with_it():
  blender = blending.Blender(WINDOW, 4, 1)
  assert len(blender.push(0, np.zeros((WINDOW, 1)))) == WINDOW
  assert len(blender.push(4, np.ones((WINDOW, 1)))) == 4
  assert len(blender.flush()) == 0


def test_with_all_windows_poses_wait_for_them():
  blender = blending.Blender(WINDOW, 4, 3)
  came = [len(blender.push(s, np.zeros((WINDOW, 1)))) for s in (0, 4, 8, 12)]
  assert came == [4, 4, 4, 4]
  assert len(blender.flush()) == 8


@pytest.mark.parametrize("hop_ms", [0, 30, 650, -50])
def test_a_hop_is_whole_frames_within_a_window(hop_ms):
  with pytest.raises(InputError, match=f"--hop_ms={hop_ms}"):
    blending.hop_frames(hop_ms, WINDOW)


def test_no_more_windows_than_hold_a_frame():
  assert blending.windows_per_frame(0, 5, WINDOW) == 3
  with pytest.raises(InputError, match="3 windows hold a frame"):
    blending.windows_per_frame(4, 5, WINDOW)
