"""Whose a work folder is, and what may change while a run goes on."""

from __future__ import annotations

import pytest

from bgm2pose_jax import config as config_lib
from bgm2pose_jax import configs, workdir
from bgm2pose_jax.errors import InputError

DATASET = {"fingerprint": "0", "name": "ampl/simulated", "simulated": True}


def _config(**changes):
  return config_lib.overlay(configs.get_config("demo"), changes)


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
  workdir.claim(tmp_path, _config(), DATASET)
  before = (tmp_path / workdir.CONFIG).read_bytes()
  workdir.claim(tmp_path, _config(**{key: value}), DATASET)
  assert (tmp_path / workdir.CONFIG).read_bytes() == before


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
  workdir.claim(tmp_path, _config(), DATASET)
  with pytest.raises(InputError, match=f"was made with {key}="):
    workdir.check_config(tmp_path, _config(**{key: value}))


def test_other_data_is_refused(tmp_path):
  workdir.claim(tmp_path, _config(), DATASET)
  with pytest.raises(InputError, match=r"dataset\.fingerprint='0'"):
    workdir.claim(tmp_path, _config(), DATASET | {"fingerprint": "1"})


def test_other_versions_are_a_warning(tmp_path, monkeypatch, caplog):
  workdir.claim(tmp_path, _config(), DATASET)
  workdir.claim(tmp_path, _config(), DATASET)
  assert not caplog.records
  now = workdir.versions()
  monkeypatch.setattr(workdir, "versions", lambda: now | {"jax": "99"})
  workdir.claim(tmp_path, _config(), DATASET)
  assert f"jax {now['jax']} -> 99" in caplog.text
