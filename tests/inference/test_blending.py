"""Overlapping windows against plain weighted means."""

import numpy as np
import pytest

from bgm2pose_jax.inference.blending import Blender, starts

WINDOW = 12
TRIANGLE = np.minimum(np.arange(WINDOW) + 1.0, WINDOW - np.arange(WINDOW))


def _windows(frames, hop):
  rng = np.random.default_rng(frames + hop)
  first = list(starts(frames, WINDOW, hop))
  return first, rng.normal(size=(len(first), WINDOW, 2, 3))


@pytest.mark.parametrize("frames", [12, 13, 40, 41])
@pytest.mark.parametrize(("hop", "blend"), [(4, 1), (4, 2), (4, 3), (12, 1)])
def test_a_frame_is_the_mean_of_the_first_windows_that_hold_it(
  frames, hop, blend
):
  first, values = _windows(frames, hop)
  blender = Blender(TRIANGLE, hop, blend)
  parts = [blender.push(s, v) for s, v in zip(first, values)]
  got = np.concatenate([*(p for p in parts if len(p)), *_rest(blender)])
  done = 0  # frames that were final before each window came
  wanted = np.zeros((frames, 2, 3))
  total = np.zeros(frames)
  counts = np.zeros(frames, int)
  for start, value, part in zip(first, values, parts):
    for i in range(WINDOW):
      f = start + i
      if f >= done and counts[f] < blend:
        wanted[f] += TRIANGLE[i] * value[i]
        total[f] += TRIANGLE[i]
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
  blender = Blender(TRIANGLE, 4, 1)
  assert len(blender.push(0, np.zeros((WINDOW, 1)))) == WINDOW
  assert len(blender.push(4, np.ones((WINDOW, 1)))) == 4
  assert len(blender.flush()) == 0


def test_with_all_windows_poses_wait_for_them():
  blender = Blender(TRIANGLE, 4, 3)
  came = [len(blender.push(s, np.zeros((WINDOW, 1)))) for s in (0, 4, 8, 12)]
  assert came == [4, 4, 4, 4]
  assert len(blender.flush()) == 8


@pytest.mark.parametrize("frames", [12, 13, 22, 40, 41])
@pytest.mark.parametrize("last", [False, True])
def test_every_window_counts_where_the_next_one_is_known(frames, last):
  first, values = _windows(frames, 4)
  blender = Blender(np.ones(WINDOW), 4, len(first), last=last)
  parts = [
    blender.push(start, value, following)
    for start, value, following in zip(first, values, [*first[1:], None])
  ]
  got = np.concatenate([*parts, *_rest(blender)])
  for frame in range(frames):
    held = [v[frame - s] for s, v in zip(first, values) if 0 <= frame - s < 12]
    wanted = held[-1] if last else np.mean(held, axis=0)
    np.testing.assert_allclose(got[frame], wanted, atol=1e-6)
