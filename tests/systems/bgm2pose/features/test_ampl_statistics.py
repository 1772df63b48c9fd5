"""AMPL's normalisation constants, digit by digit (specification 2.6)."""

from __future__ import annotations

import pytest

from bgm2pose_jax.systems.bgm2pose.features import ampl_statistics

CONSTANTS = """
arnor mean -22.34753 -22.290886 -25.803625 -21.670645 -31.663267 -30.171076
 -7.713504e-05 4.03049e-04 -0.011210225
arnor std 21.993052 19.654186 16.043749 19.641361 32.62192 31.799248
 0.017382737 0.011129919 0.017447662
mantron mean -24.252245 -24.13487 -27.592958 -23.681503 -35.573185 -36.0816
 1.0231032e-04 1.8740784e-04 -0.010841111
mantron std 22.483595 20.395716 16.392046 19.99123 35.62522 35.553818
 0.017658168 0.011187353 0.017098213
cirrus mean -21.437536 -21.861847 -24.83102 -20.684359 -21.42624 -22.515173
 5.496154e-04 3.1469387e-04 -0.01345951
cirrus std 21.075201 18.122711 15.19214 18.57458 26.82804 26.986845
 0.016524797 0.011419602 0.017496226
jazz mean -16.957348 -18.000713 -20.53041 -15.92767 -19.950762 -20.871494
 6.076998e-04 9.762824e-04 -0.013828985
jazz std 20.589516 17.214449 15.242527 18.578787 28.552048 28.646671
 0.015363253 0.011566004 0.018870942
"""
LINES = [
  line.split() for line in CONSTANTS.strip().replace("\n ", " ").split("\n")
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: "-".join(line[:2]))
def test_constants_are_the_published_ones(line):
  track, name, *numbers = line
  table = {"mean": ampl_statistics.MEAN, "std": ampl_statistics.STD}[name]
  assert table[track] == tuple(map(float, numbers))
  assert len(table[track]) == len(ampl_statistics.CHANNELS) == 9


def test_channels_are_in_the_published_order():
  wanted = ("W", "X", "Y", "Z", "m0", "m1", "Ix", "Iy", "Iz")
  assert wanted == ampl_statistics.CHANNELS
  tracks = {line[0] for line in LINES}
  assert set(ampl_statistics.MEAN) == set(ampl_statistics.STD) == tracks
