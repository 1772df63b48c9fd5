"""People whom only file names tell apart: what a run says of its test."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import results_fixture

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.subject_evidence import EVIDENCE
from bgm2pose_jax.simulate import motion
from bgm2pose_jax.systems.bgm2pose import result_table, splits, system
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.figures import head
from bgm2pose_jax.systems.bgm2pose.prepare import open_source
from bgm2pose_jax.systems.bgm2pose.report import page

SURE, UNSURE = EVIDENCE[:3], EVIDENCE[3:]


def held(evidence, subjects=("dance1", "walk1"), warnings=()):
  return splits.Holdings(
    genres={"haze": "ambient"},
    subjects={"haze": subjects},
    people=splits.CapturedPeople(evidence, warnings),
  )


def resolved(holdings, **how):
  split = splits.resolve("single", holdings, **how)
  return dataclasses.replace(split, people=holdings.people)


@pytest.mark.parametrize("evidence", UNSURE)
def test_a_test_of_guessed_people_is_doubted(evidence):
  said = splits.doubt(resolved(held(evidence)))
  assert said is not None
  for word in ("dance1, walk1", "fold_by=subject means nothing", "clips.csv",
               "--fold_by=clip"):  # fmt: skip
    assert word in said
  # Clips are dealt whoever moves.
  assert splits.doubt(resolved(held(evidence), fold_by="clip")) is None


@pytest.mark.parametrize("evidence", SURE)
def test_a_test_of_known_people_is_not(evidence):
  assert splits.doubt(resolved(held(evidence))) is None
  nobody_says = dataclasses.replace(held(evidence), people=None)
  assert splits.doubt(resolved(nobody_says)) is None


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_one_person_alone_is_refused_with_what_helps(evidence):
  with pytest.raises(InputError) as caught:
    splits.resolve("single", held(evidence, ("00",)))
  said = str(caught.value)
  assert f"one person's (known by: {evidence})" in said
  assert "column subject of clips.csv" in said
  assert "--fold_by=clip" in said
  splits.resolve("single", held(evidence, ("00",)), fold_by="clip")


def test_results_say_what_names_people_and_what_is_odd():
  odd = ("a.bvh: the feet stay 0.52 m above the floor",)
  found = head(resolved(held("guess", warnings=odd)))
  assert found["subject_from"] == "guess"
  doubt, other = found["motion_warnings"]
  assert "guessed" in doubt
  assert other == odd[0]
  sure = head(resolved(held("folder")))
  assert (sure["subject_from"], sure["motion_warnings"]) == ("folder", [])
  plain = dataclasses.replace(resolved(held("folder")), people=None)
  assert {"subject_from", "motion_warnings"}.isdisjoint(head(plain))


def test_page_and_table_show_it_and_old_results_show_nothing():
  evil = "<script>alert(1)</script>"
  predictions = results_fixture.make_predictions(
    np.zeros((12, 12, 21, 3), np.float32)
  )
  old = results_fixture.make_results()
  new = {**old, "subject_from": "guess", "motion_warnings": [evil, "b"]}
  shown = page(new, [], predictions)
  assert "Check the motion files" in shown
  assert evil not in shown
  assert "&lt;script&gt;" in shown
  assert "people known by <b>guess</b>" in shown
  assert f"Check the motion files: {evil}" in result_table.render(new)
  shown = page(old, [], predictions)
  assert "motion files" not in shown
  assert "people known by" not in shown
  assert "motion files" not in result_table.render(old)


def test_a_run_says_it_once(tmp_path, caplog):
  for name in ("hop9_x", "spin9_x"):
    rng = motion.random_stream(0, "doubt", name)
    done = motion.perform(motion.subject_style(name, 0), 2.0, rng)
    poses.write_position_csv(tmp_path / f"{name}.csv", done.positions_m)
  source = open_source(mocap_dir=str(tmp_path))
  config = Config(setting="single", test_track="haze")
  for fold in (0, 1):
    _, split = system.resolve(dataclasses.replace(config, fold=fold), source)
    assert split.people is not None
  told = [r for r in caplog.records if "means nothing" in r.getMessage()]
  assert len(told) == 1


def test_names_by_a_new_rule_mean_other_prepared_windows(tmp_path):
  """Those who are named as ever are met where they were prepared before."""
  rng = motion.random_stream(0, "identity")
  done = motion.perform(motion.subject_style("0", 0), 2.0, rng)
  path = tmp_path / "walk1_subject1.csv"
  poses.write_position_csv(path, done.positions_m)
  source = open_source(mocap_dir=str(tmp_path))
  assert source.recordings.identity()["people"] == ["subject1"]
  path.rename(tmp_path / "ann_walk.csv")
  assert "people" not in source.recordings.identity()
  assert "people" not in open_source().recordings.identity()
