from __future__ import annotations

import pytest

from bgm2pose_jax.report import axes


@pytest.mark.parametrize(
  ("low", "high"), [(0, 1), (0.31, 0.32), (-5, 7), (3, 3), (0, 0), (1e-9, 2e-9)]
)
def test_ticks_cover_the_range_with_few_round_numbers(low, high):
  ticks = axes.round_ticks(low, high)
  assert ticks[0] <= low
  assert ticks[-1] >= high
  assert 2 <= len(ticks) <= 7
  assert len(set(ticks)) == len(ticks)
