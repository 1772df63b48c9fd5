"""The simulator's benchmark: counts, cases and the page of figures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import script_runs

from bgm2pose_jax.simulate.scene import Scene
from launch.bench import room_peer, simulator_case


def test_operations_grow_with_spheres_bins_and_hops():
  case = simulator_case.Case(Scene(), 1.0)
  assert case.spheres == 32
  twice = dataclasses.replace(case, number=64)
  none = dataclasses.replace(case, number=1)
  of_one = none.operations
  per_sphere = (case.operations - of_one) / 31
  assert twice.operations == pytest.approx(of_one + 63 * per_sphere)
  slow = dataclasses.replace(case, scene=Scene(body_hop_s=0.005))
  assert slow.plan.sizes.hop == 2 * case.plan.sizes.hop
  assert slow.operations < case.operations
  low = dataclasses.replace(case, scene=Scene(body_ceiling_hz=8000.0))
  assert low.plan.sizes.bins == case.plan.sizes.bins / 2


@pytest.mark.long
def test_spheres_given_twice_scatter_twice():
  case = simulator_case.Case(Scene(), 0.3)
  # Rectangles add the same to each: differences are spheres alone.
  first, second, fourth = (
    dataclasses.replace(case, number=number).body() for number in (32, 64, 128)
  )
  np.testing.assert_allclose(
    fourth - second, 2 * (second - first), atol=1e-4 * np.abs(second).max()
  )
  assert np.abs(second - first).max() > 0.01 * np.abs(first).max()


def test_both_empty_rooms_are_the_same():
  pytest.importorskip("pyroomacoustics")
  case = simulator_case.Case(Scene(), 0.5)
  theirs = room_peer.static_recording(case.scene, case.music)
  assert theirs.shape == (4, 24000)
  assert room_peer.apart_db(case.room(), theirs, 48000) < -40
  late = np.roll(theirs, 1, axis=1)
  assert room_peer.apart_db(late, theirs, 48000) > -10


@pytest.mark.long
def test_rows_hold_together(tmp_path):
  found = script_runs.figures(
    "launch.bench.simulator",
    tmp_path / "rows.json",
    "--seconds=1",
    "--rounds=1",
    "--repeats=1",
    "--recordings=2",
    "--growth=false",
    blocked=(),
  )
  whole, body, room, several = found["rows"]
  for row in found["rows"]:
    assert row["share %"] == pytest.approx(row["floor s"] / row["s"] * 100)
  for row in (whole, body, room):
    assert row["x real time"] == pytest.approx(1 / row["s"])
  assert several["x real time"] == pytest.approx(2 / several["s"])
  assert whole["G operations"] == pytest.approx(
    body["G operations"] + room["G operations"]
  )
