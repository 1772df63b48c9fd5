"""The paper's figures as the specification has them, each in its cell."""

from __future__ import annotations

import pytest

from bgm2pose_jax.systems.bgm2pose import published

RIVALS = {
  "Jiang": ("wipose", "none"),  # specification 8.1
  "Ginosar": ("speech2gesture", "none"),  # specification 8.2
  "Shibata": ("acousticpose", "none"),  # specification 8.3
  "BGM2Pose": ("bgm2pose", "none"),
}
ABLATIONS = {
  "full": ("bgm2pose", "none"),
  "w/o CPE": ("bgm2pose", "no_cpe"),
  "w/o hard negatives": ("bgm2pose", "no_hard_negatives"),
  "w/o FA": ("bgm2pose", "no_fa"),
  "w/o BGM conditioning": ("bgm2pose", "no_bgm"),
}
# Specification 7: RMSE / MAE / PCKh@0.5, ± over three seeds.
MAIN = {
  ("single", "single"): """
    Jiang 1.338+-.042 / .768+-.033 / .251+-.034
    Ginosar 1.223+-.026 / .666+-.016 / .379+-.023
    Shibata 1.090+-.024 / .574+-.016 / .468+-.007
    BGM2Pose 0.923+-.013 / .453+-.006 / .573+-.005""",
  ("cross_music", "cross-music"): """
    Jiang 1.417+-.025 / .800+-.012 / .272+-.008
    Ginosar 1.274+-.022 / .682+-.011 / .375+-.017
    Shibata 1.110+-.024 / .556+-.014 / .499+-.008
    BGM2Pose 1.036+-.033 / .494+-.018 / .570+-.011""",
  ("cross_genre", "cross-genre"): """
    Jiang 1.418+-.080 / .849+-.080 / .221+-.073
    Ginosar 1.326+-.073 / .727+-.041 / .360+-.002
    Shibata 1.112+-.020 / .595+-.015 / .376+-.019
    BGM2Pose 1.065+-.070 / .543+-.041 / .463+-.026""",
  ("single", "single, 10 dB"): """
    Jiang 1.567 / .931 / .095
    Ginosar 1.389 / .796 / .262
    Shibata 1.328 / .737 / .354
    BGM2Pose 1.202 / .637 / .430""",
}
# Specification 7: the same on one track | on music never heard.
ABLATION = """
  full .923 / .453 / .573 | 1.036 / .494 / .570
  w/o CPE .945 / .481 / .531 | 1.024 / .501 / .547
  w/o hard negatives .928 / .457 / .566 | 1.065 / .506 / .559
  w/o FA 1.025 / .509 / .536 | 1.210 / .593 / .512
  w/o BGM conditioning .970 / .484 / .537 | 1.075 / .522 / .543"""


def _lines(text, names):
  """(name, the rest) of each line."""
  for line in text.strip().splitlines():
    name = next(n for n in names if line.strip().startswith(f"{n} "))
    yield name, line.strip().removeprefix(name)


def _numbers(text):
  pairs = [cell.split("+-") for cell in text.split("/")]
  return tuple(
    (float(mean), float(std[0]) if std else None) for mean, *std in pairs
  )


@pytest.mark.parametrize(("setting", "column"), MAIN, ids=lambda text: text)
def test_models_compared(setting, column):
  for name, text in _lines(MAIN[setting, column], RIVALS):
    found = published.figures(
      "main", {"setting": setting}, column, *RIVALS[name]
    )
    assert found == (None, *_numbers(text)), name


def test_ablations():
  for name, text in _lines(ABLATION, ABLATIONS):
    for setting, wanted in zip(("single", "cross_music"), text.split("|")):
      found = published.figures(
        "ablation", {"setting": setting}, setting, *ABLATIONS[name]
      )
      assert found is not None
      assert found[0] is None  # the paper has no MPJPE
      means = tuple(mean for mean, _ in found[1:])
      assert means == tuple(mean for mean, _ in _numbers(wanted)), name
