"""The configuration: checks, overlay, round trip."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.systems.bgm2pose import presets, system
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.models.registry import CLOSED_FORM
from bgm2pose_jax.systems.bgm2pose.presets import ablations, rivals


def test_json_round_trip_keeps_the_digest():
  config = presets.get_config("demo")
  text = json.dumps(config_lib.to_dict(config))
  again = Config.from_dict(json.loads(text))
  assert again == config
  assert config_lib.digest(again) == config_lib.digest(config)


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_presets_share_keys(preset):
  keys = set(config_lib.flatten(presets.get_config("demo")))
  assert set(config_lib.flatten(presets.get_config(preset))) == keys
  assert presets.get_config(preset).preset == preset


def test_overlay_reads_types():
  config = config_lib.overlay(
    presets.get_config("demo"),
    {
      "batch.size": "32",
      "optim.clip_norm": "null",
      "optim.learning_rate": "1",
      "batch.dedup": "false",
      "network.width": "0.25",
      "test_track": "haze",
    },
  )
  assert config.batch.size == 32
  assert config.optim.clip_norm is None
  assert config.optim.learning_rate == 1.0
  assert isinstance(config.optim.learning_rate, float)
  assert config.batch.dedup is False
  assert config.network["width"] == 0.25
  assert config.test_track == "haze"


@pytest.mark.parametrize(
  ("key", "value", "words"),
  [
    ("batch.siez", "3", "no such field"),
    ("size", "3", "did you mean batch.size"),
    ("batch.size", "many", "type int"),
    ("batch.size", "true", "type int"),
    ("batch.size", "0", "above zero"),
    ("batch.grouping", "bgm", "choose one of segment"),
    ("data.validation_fraction", "0.7", "below 0.5"),
    ("data.norm_stats", "test", "choose one of fitted, table"),
    ("data.norm_stats", "table", "take that, or data.norm_stats=fitted"),
    ("network.width", "wide", "type float"),
    ("optim.steps_per_epoch", "0", "or null"),
    ("optim.learning_rate", "Infinity", "finite"),
    ("optim.clip_norm", "0", "above zero, or null"),
    ("seed", "4294967296", "at most"),
    ("run.validate_every_epochs", "3", "multiple"),
  ],
)
def test_wrong_values_name_field_and_fix(key, value, words):
  with pytest.raises(InputError, match=words):
    config_lib.overlay(presets.get_config("demo"), {key: value})


@dataclasses.dataclass(frozen=True)
class _Sized:
  size: tuple[int, int, float] = (1, 2, 3.0)


@pytest.mark.parametrize("value", ["[4, 5, 6]", [4, 5, 6], (4, 5, 6.0)])
def test_tuples_have_their_types(value):
  found = tree.build(_Sized, {"size": value}).size
  assert found == (4, 5, 6.0)
  assert [type(each) for each in found] == [int, int, float]


@pytest.mark.parametrize(
  ("value", "words"),
  [
    ([4, 5], "give a list of int, int, float"),
    ("4", "give a list of int, int, float"),
    ([4, 5.5, 6], r"size\[1\]: is 5\.5; give a value of type int"),
    ([4, True, 6], r"size\[1\]: is True"),
  ],
)
def test_tuples_of_others_are_refused(value, words):
  with pytest.raises(InputError, match=words):
    tree.build(_Sized, {"size": value})


def test_assignments():
  assert tree.parse_assignments(["a.b=1", "c=x=y"]) == {
    "a.b": "1",
    "c": "x=y",
  }
  with pytest.raises(InputError, match="key=value"):
    tree.parse_assignments(["batch.size"])


def test_config_is_frozen_throughout():
  config = Config(network={"width": 1.0})
  with pytest.raises(dataclasses.FrozenInstanceError):
    config.seed = 1  # type: ignore[misc]
  with pytest.raises(TypeError):
    config.network["width"] = 2.0  # type: ignore[index]


@pytest.mark.parametrize("preset", presets.PRESETS)
@pytest.mark.parametrize("model", rivals.MODELS)
def test_rivals_keep_the_presets_data_and_split(preset, model):
  ours, theirs = presets.get_config(preset), presets.get_config(preset, model)
  system.check(theirs)
  assert (theirs.data, theirs.setting) == (ours.data, ours.setting)
  assert theirs.model == model
  if model not in CLOSED_FORM:
    assert theirs.batch.grouping == "random"
    assert theirs.loss.contrastive == 0


@pytest.mark.parametrize("name", list(ablations.ABLATIONS))
def test_an_ablation_changes_what_it_lists_and_nothing_else(name):
  plain = presets.get_config("paper")
  found = ablations.apply(plain, name)
  system.check(found)
  before, after = config_lib.flatten(plain), config_lib.flatten(found)
  changed = {key for key in before if before[key] != after[key]}
  named = {"ablation"} if name != "none" else set()
  assert changed == set(ablations.ABLATIONS[name]) | named


@pytest.mark.parametrize("model", CLOSED_FORM)
def test_a_closed_form_does_not_pretend_to_hide_the_recording(model):
  hidden = ablations.apply(presets.get_config("demo", model), "music_only")
  with pytest.raises(InputError, match=r"data\.inputs"):
    system.check(hidden)


def test_an_ablation_of_bgm2pose_is_none_of_a_rival():
  with pytest.raises(InputError, match="--ablation=no_fa"):
    ablations.apply(presets.get_config("demo", "wipose"), "no_fa")
