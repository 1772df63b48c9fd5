"""Splits of performers: nothing that is tested was ever trained on."""

from __future__ import annotations

import dataclasses

import numpy as np
import performer_fixture
import pytest
import window_table

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import rows as rows_lib
from bgm2pose_jax.systems.bgm2pose import figures, result_table, splits
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout
from bgm2pose_jax.systems.bgm2pose.performances import Performances, Source
from bgm2pose_jax.systems.bgm2pose.simulated import casting, raw_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Three people, three actions, two files each, as a user's folder."""
  home = tmp_path_factory.mktemp("mocap")
  lines = ["file,subject,action,fps_true,unit_scale_m"]
  for person, clips in performer_fixture.people().items():
    (home / person).mkdir()
    for clip in clips:
      name = f"{person}/{clip.name}.csv"
      poses.write_position_csv(home / name, clip.positions_m, clip.rate_hz)
      lines.append(f"{name},{person},{clip.action},{clip.rate_hz:g},1")
  (home / "clips.csv").write_text("\n".join(lines) + "\n")
  return str(home)


def _plan(folder, **fields):
  fields = {"minutes": 0.1, "performers": 7, "tracks": ("haze",)} | fields
  return casting.RawPlan(mocap_dir=folder, **fields)


@pytest.fixture(scope="module")
def held(folder):
  return casting.holdings(_plan(folder))


def _table(performances, rng):
  """Windows of which every performer shows every clip of its own."""
  pairs = [(p, c) for p, own in performances.shows.items() for c in own] * 2
  pairs = sorted(
    pairs, key=lambda pair: list(performances.shows).index(pair[0])
  )
  subjects, labels = list(performances.shows), list(performances.sources)
  n = len(pairs)
  base = window_table.one_recording(
    np.zeros((n, 12, 128, 9), np.float32), np.zeros((n, 12, 21, 3), np.float32)
  )
  who = np.array([subjects.index(p) for p, _ in pairs], np.int32)
  return dataclasses.replace(
    base,
    subject=who,
    recording=who,
    label=np.array([labels.index(c) for _, c in pairs], np.int32),
    subjects=tuple(subjects),
    recordings=tuple(subjects),
    labels=tuple(labels),
    valid=rng.random(n) < 0.95,
  )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", ["subject", "person"])
def test_no_test_clip_trains_whoever_performs_it(folder, by, seed):
  held = casting.holdings(_plan(folder, seed=seed, performers=5 + seed))
  shown = held.performances
  table = _table(shown, np.random.default_rng(seed))
  order = splits.resolve("single", held, fold_by=by).fold_order
  for fold in range(len(order)):
    split = splits.resolve("single", held, fold=fold, fold_by=by)
    rows = rows_lib.split_rows(table, split)
    learnt = np.concatenate([rows.train, rows.validation])

    def files(of, table=table):
      return {shown.sources[c].file for c in set(table.named("label", of))}

    def people(of, table=table):
      return {shown.sources[c].person for c in set(table.named("label", of))}

    assert not files(learnt) & files(rows.test)
    who = set(table.named("subject", rows.test))
    assert not who & set(table.named("subject", learnt))
    if by == "person":
      assert people(rows.test) == {order[fold]}
      assert order[fold] not in people(learnt)
      trained = set(table.named("subject", learnt))
      assert order[fold] not in {shown.persons[name] for name in trained}
    else:
      assert who == {order[fold]}


def test_results_say_what_was_left_out(held):
  plain = splits.resolve("single", held, fold=1)
  found = figures.head(plain)["left_out"]
  assert found["performers"] == ["p1"]
  assert len(found["performances"]) == 3
  assert found["people"] == []
  assert found["actions"] == []
  strict = splits.resolve("single", held, fold=1, fold_by="person")
  found = figures.head(strict)["left_out"]
  assert found["people"] == ["bo"]
  assert strict.train_subjects == ("p0", "p2", "p3", "p5", "p6")
  assert found["performers"] == ["p1", "p4"]
  said = result_table.left_out_line(found)
  assert "motion files" in said
  assert "person bo" in said


def test_a_file_is_left_out_with_all_of_its_clips():
  stretches = ("a-1", "a-2", "b-1")
  shown = Performances(
    sources={c: Source(f"{c[0]}.bvh", "ann", "wave") for c in stretches},
    shows={"p0": ("a-1",), "p1": ("a-2", "b-1")},
    persons={"p0": "ann", "p1": "ann"},
  )
  held = splits.Holdings(
    {"haze": "ambient"}, {"haze": ("p0", "p1")}, performances=shown
  )
  assert splits.resolve("single", held).left_out == {"label": ("a-1", "a-2")}
  with pytest.raises(InputError, match="every performer is made of ann"):
    splits.resolve("single", held, fold_by="person")


def test_an_action_that_nobody_else_shows_is_named():
  shown = Performances(
    sources={
      "a": Source("a.bvh", "ann", "wave"),
      "b": Source("b.bvh", "bo", "hop"),
    },
    shows={"p0": ("a",), "p1": ("b",)},
    persons={"p0": "ann", "p1": "bo"},
  )
  held = splits.Holdings(
    {"haze": "ambient"}, {"haze": ("p0", "p1")}, performances=shown
  )
  found = figures.head(splits.resolve("single", held))["left_out"]
  assert found["actions"] == ["wave"]
  assert found["people"] == ["ann"]


@pytest.mark.parametrize(
  ("how", "message"),
  [
    ({"fold_by": "clip"}, "performers share clips"),
    ({"fold_by": "person", "fold": 3}, "give 0 to 2"),
    ({"fold_by": "person", "test_subject": "p1"}, "--fold_by=person"),
    ({"fold": 7}, "give 0 to 6"),
  ],
)
def test_folds_that_performers_cannot_have_are_refused(held, how, message):
  with pytest.raises(InputError, match=message):
    splits.resolve("single", held, **how)


def test_people_who_perform_nothing_have_no_person_folds():
  held = splits.Holdings({"haze": "ambient"}, {"haze": ("0", "1")})
  with pytest.raises(InputError, match="no subject is a performer"):
    splits.resolve("single", held, fold_by="person")


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"performers": -1}, "use 0 or more"),
    ({"performers": 2, "mocap_dir": None}, "without --mocap_dir"),
    ({"subjects": ("p9",)}, "is no performer"),
  ],
)
def test_plans_of_performers_that_cannot_be(folder, fields, message):
  values = {"mocap_dir": folder, "performers": 2} | fields
  with pytest.raises(InputError, match=message):
    casting.cast(casting.RawPlan(**values))


@pytest.mark.slow
def test_a_folder_of_recordings_knows_its_performances(folder, tmp_path):
  plan = _plan(folder, performers=2, minutes=0.04, subjects=("p1",))
  raw_folder.make_raw(tmp_path, plan, progress=False)
  held = raw_layout.scan_raw(tmp_path).holdings()
  assert held.performances == casting.holdings(plan).performances
  assert held.people.subject_from == "clips.csv"
  other = dataclasses.replace(plan, performers=3)
  with pytest.raises(InputError, match="performers is 2, asked for 3"):
    raw_folder.make_raw(tmp_path, other, progress=False)


def test_a_session_holds_every_action_and_is_the_same_again(folder):
  plan = _plan(folder, minutes=0.4)
  found = casting.cast(plan)
  done = casting.performance(plan, found, "p3", "haze")
  sources = found.performances.sources
  names = [label for _, _, label in done.labels]
  assert {sources[name].action for name in names} == {
    *performer_fixture.ACTIONS
  }
  assert set(names) <= set(found.performances.shows["p3"])
  again = casting.performance(plan, casting.cast(plan), "p3", "haze")
  assert done.positions_m.tobytes() == again.positions_m.tobytes()
