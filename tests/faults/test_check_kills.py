"""Killed and stopped commands go on to the same bytes."""

from __future__ import annotations

import pytest

from tests.faults import kill_rounds


@pytest.mark.long
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_and_stopped_runs_end_as_one_left_alone(tmp_path, processes):
  case = kill_rounds.Case(
    tmp_path,
    environment={"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    processes=processes,
  )
  said: list[str] = []
  rows = kill_rounds.rounds(case, 2, 1, seed=1, say=said.append)
  assert sum(row["tried"] for row in rows) == 3, said
  assert not any(row["lost"] for row in rows), said
