from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.report import moments


def _distance():
  """Two clips of 100 frames at 10 a second, 3 joints."""
  found = np.full((200, 3), 0.1)
  found[40:46, 1] = 4.0  # clip 0
  found[50:56, 2] = 3.0  # within three seconds of the first
  found[180:186, 0] = 2.0  # clip 1
  return found


def test_the_worst_moments_lie_apart_and_name_clip_frame_and_joint():
  first, second, *rest = moments.worst(_distance(), [100, 100], 10.0)
  assert (first.clip, first.joint) == (0, 1)
  assert 40 <= first.frame < 46
  assert first.joint_error == pytest.approx(4.0)
  assert first.error == pytest.approx((4.0 + 0.1 + 0.1) / 3)
  assert (second.clip, second.joint) == (1, 0)
  assert 80 <= second.frame < 86
  places = [100 * m.clip + m.frame for m in (first, second, *rest)]
  near = [abs(a - b) for a in places for b in places if a < b]
  assert not [d for d in near if d < 30 and d]
  assert [m.error for m in rest] == sorted(m.error for m in rest)[::-1]


def test_each_moment_is_a_link_to_its_clip_and_time():
  data = {
    "clips": [{"first_s": 30.0}, {"first_s": 45.0}],
    "joints": ["a", "<b>", "c"],
    "lengths": "m",
    "rate_hz": 10.0,
  }
  found = moments.worst(_distance(), [100, 100], 10.0, count=1)
  (panel,) = moments.panels(data, found)
  wanted = f"#clip=1&amp;t={30 + found[0].frame / 10:.3f}"
  assert f'href="{wanted}"' in panel.html
  assert "&lt;b&gt; is furthest off, 4.00" in panel.html
  assert moments.panels(data, []) == []
