"""Takes of one person that do not fit together."""

from __future__ import annotations

import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.poses.subject_evidence import FOLDER, GUESS, Subject
from bgm2pose_jax.poses.takes import Take, check_takes

ANN, BEN = Subject("ann", FOLDER), Subject("ben", GUESS)


def takes(who, *pairs, given=()):
  return [
    Take(f"{who.name}{i}", who, rate_hz, stature_m, i in given)
    for i, (rate_hz, stature_m) in enumerate(pairs)
  ]


def test_takes_that_fit_are_passed():
  own = takes(ANN, (120.0, 1.70), (119.99, 1.74), (120.0, 1.66))
  assert check_takes([*own, *takes(BEN, (60.0, 1.9))]) == {}
  assert check_takes([]) == {}


@pytest.mark.parametrize("rate_hz", [60.0, 30.0, 12.0, 1200.0])
def test_another_rate_is_told(rate_hz):
  own = takes(ANN, (120.0, 1.7), (rate_hz, 1.7), (120.0, 1.7))
  ((file, (said,)),) = check_takes(own).items()
  assert file == "ann1"
  assert f"{rate_hz:g} Hz, but ann has 120 Hz elsewhere" in said
  assert "fps_true" in said
  confirmed = takes(ANN, (120, 1.7), (rate_hz, 1.7), (120, 1.7), given=[1])
  assert check_takes(confirmed) == {}


@pytest.mark.parametrize("stature_m", [1.2, 1.55, 1.9, 2.1])
def test_another_stature_is_told(stature_m):
  for who, fix in ((ANN, "unit_scale_m"), (BEN, "name who moves")):
    own = takes(who, (120.0, 1.7), (120.0, stature_m), (120.0, 1.7))
    ((file, (said,)),) = check_takes(own).items()
    assert file == f"{who.name}1"
    assert f"{stature_m:.2f} m tall here and 1.70 m elsewhere" in said
    assert fix in said


def test_the_files_of_a_folder_are_compared(tmp_path, figure):
  root_m = figure.root_m(150)
  plain = figure.bvh_text(root_m)
  for name in ("ann/a.bvh", "ann/b.bvh", "ben/c.bvh"):
    figure.write(tmp_path / name, plain)
  slow = figure.bvh_text(root_m, frame_s=1 / 25)
  figure.write(tmp_path / "ann" / "d.bvh", slow)
  large = figure.bvh_text(root_m, unit_m=0.0085)
  figure.write(tmp_path / "ben" / "e.bvh", large)
  figure.write(tmp_path / "ben" / "f.bvh", plain)
  warned = {c.name: c.warnings for c in poses.load_folder(tmp_path)}
  assert {name for name, said in warned.items() if said} == {"d", "e"}
  assert "ann has 120 Hz" in warned["d"][0]
  assert "ben is 1.96 m tall here and 1.67 m elsewhere" in warned["e"][0]
