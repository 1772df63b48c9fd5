"""Whose a work folder is, and what may change while a run goes on."""

from __future__ import annotations

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose import presets

DATASET = {"fingerprint": "0", "name": "ampl/simulated", "simulated": True}


def _config(**changes):
  return config_lib.overlay(presets.get_config("demo"), changes)


@pytest.mark.parametrize(
  ("key", "value"),
  [
    ("batch.workers", 2),
    ("batch.device_cache", "off"),
    ("batch.cache_budget_gib", 1.0),
    ("run.steps_per_dispatch", 4),
  ],
)
def test_how_batches_come_may_change(tmp_path, key, value):
  run_folder.claim(tmp_path, _config(), DATASET)
  before = (tmp_path / run_folder.CONFIG).read_bytes()
  run_folder.claim(tmp_path, _config(**{key: value}), DATASET)
  assert (tmp_path / run_folder.CONFIG).read_bytes() == before


@pytest.mark.parametrize(
  ("key", "value"),
  [
    ("batch.size", 8),
    ("batch.grouping", "track"),
    ("batch.dedup", False),
    ("seed", 4),
    ("run.log_every_steps", 7),
    ("run.save_every_epochs", 4),
    ("run.compute_dtype", "bfloat16"),
    ("data.validation_fraction", 0.2),
  ],
)
def test_what_shapes_a_run_may_not(tmp_path, key, value):
  run_folder.claim(tmp_path, _config(), DATASET)
  with pytest.raises(InputError, match=f"was made with {key}="):
    run_folder.check_config(tmp_path, _config(**{key: value}))


def test_other_data_is_refused(tmp_path):
  run_folder.claim(tmp_path, _config(), DATASET)
  with pytest.raises(InputError, match=r"dataset\.fingerprint='0'"):
    run_folder.claim(tmp_path, _config(), DATASET | {"fingerprint": "1"})


def test_other_versions_are_a_warning(tmp_path, monkeypatch, caplog):
  run_folder.claim(tmp_path, _config(), DATASET)
  run_folder.claim(tmp_path, _config(), DATASET)
  assert not caplog.records
  now = run_folder.versions()
  monkeypatch.setattr(run_folder, "versions", lambda: now | {"jax": "99"})
  run_folder.claim(tmp_path, _config(), DATASET)
  assert f"jax {now['jax']} -> 99" in caplog.text
