"""Where runs asked for together write."""

from __future__ import annotations

import pathlib

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import prepare, presets
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM
from bgm2pose_jax.training import plan


def _plans(workdir, folds=(0,), seeds=(0,)):
  base = presets.get_config("demo", "ridge")
  asked = [
    config_lib.overlay(base, {"fold": fold, "seed": seed})
    for fold in folds
    for seed in seeds
  ]
  source = prepare.source_of(base)
  return plan.make_plans(SYSTEM, asked, source, workdir, "train_and_evaluate")


def _names(folder: pathlib.Path) -> list[str]:
  return sorted(str(p.relative_to(folder).parent)
                for p in folder.rglob("config.json"))  # fmt: skip


def test_placeholders_give_each_run_its_own_folder(tmp_path):
  # Braces of the user's own stay.
  made = _plans(tmp_path / "{a}" / "f{fold}-s{seed}", (0, 2), (1, 3))
  assert [p.workdir.name for p in made] == ["f0-s1", "f0-s3", "f2-s1", "f2-s3"]
  assert _names(tmp_path) == [f"{{a}}/{p.workdir.name}" for p in made]
  assert _plans(tmp_path / "{a}" / "f{fold}-s{seed}", (2,), (3,))[
    0
  ].workdir == tmp_path.joinpath("{a}", "f2-s3")


def test_without_placeholders_several_runs_lie_in_the_folder(tmp_path):
  (one,) = _plans(tmp_path / "one")
  assert one.workdir == tmp_path / "one"
  several = _plans(tmp_path / "many", (0, 1))
  assert [p.workdir.parent.name for p in several] == ["many", "many"]
  assert len({p.workdir for p in several}) == 2


def test_two_runs_in_one_folder_are_refused_before_anything_is_made(tmp_path):
  with pytest.raises(InputError, match=r"put both \{fold\} and \{seed\}"):
    _plans(tmp_path / "f{fold}", (0, 1), (0, 1))
  assert _names(tmp_path) == []
