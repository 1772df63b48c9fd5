"""The published layout through build, training and evaluation.

The fixture's movements are written into the recording's bands, the same for
everybody: whoever reads the right files in the right order finds them, on a
person never seen.
"""

from __future__ import annotations

import dataclasses
import functools
import json

import jax
import numpy as np
import pytest
import released_fixture
from absl.testing import flagsaver
from jax.experimental.compilation_cache import compilation_cache

from bgm2pose_jax import main
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.data import load
from bgm2pose_jax.data import prepared as prepared_lib
from bgm2pose_jax.systems.bgm2pose import baselines, prepare, presets
from bgm2pose_jax.systems.bgm2pose.features import ampl_statistics
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

SMALL = (
  # What is tested is the way of the data; attention and the contrastive heads
  # would be half of the compilation.
  "network.frequency_attention=false",
  "network.contrastive=false",
  "loss.contrastive=0",
  "network.width=0.03125",
  "network.stem_pool=4",
  "batch.size=8",
  # Of three people a batch by music would hold three moments.
  "batch.grouping=random",
  "optim.epochs=5",
  "optim.steps_per_epoch=80",
  "optim.snapshot_average=off",
  "optim.learning_rate=0.01",
  "optim.input_noise=0",
)


@pytest.fixture(scope="module")
def ampl(tmp_path_factory):
  """A released folder with the people and tracks of AMPL that matter."""
  folder = tmp_path_factory.mktemp("released")
  released_fixture.make_released_folder(
    folder / "ampl", bare=[("8", "arnor"), ("1", "arnor")]
  )
  return folder


@pytest.fixture
def run(ampl, monkeypatch, capsys):
  """Runs the main command in this process, with a cheaper ridge."""
  # Nothing of the user's cache is read or written; the runs share programs.
  monkeypatch.setenv("XDG_CACHE_HOME", str(ampl / "user"))
  # 4 bands instead of 64: the planted code is as wide, the fit takes a second
  # instead of half a minute.
  monkeypatch.setattr(
    baselines,
    "all_baselines",
    functools.partial(baselines.all_baselines, pool=32),
  )

  def run(name: str, **flags: object) -> tuple[dict, str]:
    values = {
      "ampl_dir": str(ampl / "ampl"),
      "data_dir": str(ampl / "cache"),
      "workdir": str(ampl / name),
      "set": list(SMALL),
      **flags,
    }
    with flagsaver.flagsaver(**values):
      main.main(["main"])
    results = json.loads((ampl / name / "results.json").read_text())
    return results, capsys.readouterr().out

  before = jax.config.jax_compilation_cache_dir
  yield run
  jax.config.update("jax_compilation_cache_dir", before)
  compilation_cache.reset_cache()


@pytest.mark.slow
@pytest.mark.parametrize(
  ("setting", "flags", "subject", "track"),
  [
    ("single", {"test_subject": "paper:2"}, "6", "arnor"),
    pytest.param(
      "cross_music",
      {"fold": 2, "test_track": "cirrus"},
      "7",
      "cirrus",
      marks=pytest.mark.long,
    ),
    pytest.param("cross_genre", {}, "2", "jazz", marks=pytest.mark.long),
  ],
)
def test_a_learner_finds_the_planted_poses(run, setting, flags, subject, track):
  results, _ = run(setting, setting=setting, **flags)
  assert results["dataset"] == "ampl/released"
  assert results["simulated"] is False
  assert results["test_subjects"] == [subject]
  assert results["test_tracks"] == [track]
  assert results["windows"] == 24
  mean = results["mean_pose"]["rmse"]
  assert mean > 0.5
  assert results["ridge"]["rmse"] < 0.25 * mean
  # After 400 steps at a high rate it is on its way, some 0.2 to 0.6 of the
  # mean pose, depending on the last bits of every sum.
  assert results["rmse"] < 0.75 * mean
  # The music knows nothing of the person.
  assert results["music_only"]["rmse"] > 0.9 * mean


@pytest.mark.slow
def test_plain_clothes_are_predicted_without_poses(run, ampl):
  short = [*SMALL, "optim.epochs=1", "optim.steps_per_epoch=2"]
  results, out = run("plain", setting="plain_clothes", set=short)
  assert "No ground truth" in out
  assert results["rmse"] is None
  # Subject 1 is never used.
  assert results["test_subjects"] == ["8"]
  with np.load(ampl / "plain" / "predictions.npz") as arrays:
    assert "target" not in arrays
    assert set(arrays["recording"]) == {"subject_8_wo_mocap_arnor"}
    assert arrays["window_index"].tolist() == list(range(6))
    assert np.isfinite(arrays["pred"]).all()


@pytest.mark.parametrize("norm", ["track_channel", "per_recording"])
def test_ridge_gets_the_same_normalisation(run, norm):
  results, _ = run(
    norm, setting="single", model="mean_pose", set=[f"data.feature_norm={norm}"]
  )
  assert results["ridge"]["per_recording"] is (norm == "per_recording")


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_presets_of_the_paper_take_the_published_constants(tmp_path, preset):
  root = released_fixture.make_released_folder(
    tmp_path / "ampl", {("0", "arnor"): 2, ("0", "polka"): 2}
  )
  marker = root / released_fixture.FOLDER / "tracks.json"
  marker.write_text(json.dumps({"polka": {"genre": "folk"}}))
  prepared = prepared_lib.prepare(
    prepare.open_source("ampl/released", str(root)),
    data_dir=tmp_path / "cache",
    progress=False,
  )
  table = load.load(prepared, None, MusicWindows)
  config = config_lib.overlay(
    presets.get_config(preset), {"network.width": "0.03125"}
  )
  task = PoseFromMusic(config, table.spec, len(table.tracks))
  rows = np.arange(len(table))
  inputs = task.fit(table, rows)["inputs"]
  assert table.tracks == ("arnor", "polka")
  np.testing.assert_array_equal(
    inputs["std"][0], np.float32(ampl_statistics.STD["arnor"])
  )
  for row, part in ((1, table.features[2:]), (2, table.features)):
    mean = part.mean((0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(inputs["mean"][row], mean, atol=1e-4)
  # Simulated recordings were made elsewhere: theirs are fitted.
  fitted = task.fit(dataclasses.replace(table, simulated=True), rows)["inputs"]
  mean = table.features[:2].mean((0, 1, 2), dtype=np.float64)
  np.testing.assert_allclose(fitted["mean"][0], mean, atol=1e-4)
