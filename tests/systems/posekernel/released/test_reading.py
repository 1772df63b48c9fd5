"""Folders in every legal form give the samples that they were made of."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
from released_echoes_fixture import Form, write
from stand_in_samples import PAIRS_M

from bgm2pose_jax.systems.posekernel.released import layout
from bgm2pose_jax.systems.posekernel.released.samples import ReleasedSamples
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS
from bgm2pose_jax.systems.posekernel.simulated import detector

FORMS = {
  "plain": Form(),
  "sensors side by side": Form(sensors=(4, 6)),
  "sensors in pairs": Form(sensors=(4, 2, 3)),
  "all joints, columns": Form(joints=49, transposed=True),
  "sixteen joints": Form(joints=16),
  "millimetres": Form(scale=(1000.0, 1000.0)),
  "poses alone in millimetres": Form(scale=(1000.0, 1.0)),
  "float32, big end first": Form(dtype=">f4"),
  "column order": Form(fortran=True),
  "long responses": Form(taps=5770),
  "short responses": Form(taps=2500),
  "numbered from 1": Form(first=1),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_samples(tmp_path, name):
  form = FORMS[name]
  wanted = write(tmp_path, form, samples=3)
  found = ReleasedSamples.find(tmp_path)
  assert found.simulated is False
  assert found.environments() == {"environment1": 3, "environment2": 3}
  for environment, samples in wanted.items():
    made = list(found.make(environment))
    assert [one.index for one in made] == [
      one.index + form.first for one in samples
    ]
    for one, sample in zip(made, samples, strict=True):
      np.testing.assert_allclose(one.pose_m, sample.pose_m, atol=1e-5)
      np.testing.assert_allclose(one.pairs_m, PAIRS_M, atol=1e-5)
      assert one.kernels.shape == (4, KERNEL_TAPS)
      kept = min(form.taps, KERNEL_TAPS)
      np.testing.assert_array_equal(
        one.kernels[:, :kept], sample.kernels[:, :kept]
      )
      assert not one.kernels[:, kept:].any()
      arrays = (one.kernels, one.pairs_m, one.pose_m, one.grid_centre_m)
      assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
      assert (one.person, one.walls) == ("", "as_built")


def test_voxels_stand_around_the_median_mid_hip(tmp_path):
  wanted = write(tmp_path)
  for environment, samples in wanted.items():
    hips = np.stack([sample.pose_m[8] for sample in samples])
    for one in ReleasedSamples.find(tmp_path / "dataset").make(environment):
      np.testing.assert_allclose(
        one.grid_centre_m, np.median(hips, axis=0), atol=1e-6
      )


def test_keypoints_are_the_simulated_detectors(tmp_path):
  write(tmp_path)
  made = list(ReleasedSamples.find(tmp_path).make("environment1"))
  off = []
  for one in made:
    true = detector.project(one.pose_m, one.camera.as_array())
    seen = one.keypoints[:, 2] > 0
    off.append((one.keypoints[seen, :2] - true[seen]).ravel())
  spread = np.concatenate(off)
  assert 0 < np.abs(spread).max() < 6 * detector.ERROR_PX
  assert np.std(spread) == pytest.approx(detector.ERROR_PX, rel=0.2)
  again = list(ReleasedSamples.find(tmp_path).make("environment1"))
  for one, other in zip(made, again):
    np.testing.assert_array_equal(one.keypoints, other.keypoints)


def test_the_inventory_says_what_was_found(tmp_path):
  write(tmp_path, Form(joints=49, scale=(1000.0, 1.0), taps=4000))
  text = ReleasedSamples.find(tmp_path).inventory()
  head, rule, first, second, total, *_ = text.splitlines()
  assert head.split() == [
    *("environment", "samples", "sensors", "unit", "rir", "type"),
    *("gnd", "type", "unit"),
  ]
  assert set(rule) == {"-"}
  assert first.split("  ")[0] == "environment1"
  said = ("10", "(4, 3)", "metres", "(4, 4000)", "float64", "(49, 3)")
  assert all(word in first for word in (*said, "millimetres"))
  assert second.startswith("environment2")
  assert total == "20 samples"
  assert "simulated from the true joints" in text
  assert "CC-BY-NC-4.0" in text


def test_units_are_said(tmp_path, caplog):
  write(tmp_path, Form(scale=(1000.0, 1.0)), environments=1)
  with caplog.at_level(logging.INFO, logger="absl"):
    list(ReleasedSamples.find(tmp_path).make("environment1"))
  said = "sensors taken for metres, joints for millimetres"
  assert said in caplog.text


def test_a_changed_file_is_another_data_set(tmp_path):
  write(tmp_path)
  before = ReleasedSamples.find(tmp_path).identity()
  assert ReleasedSamples.find(tmp_path / "dataset").identity() == before
  path = tmp_path / "dataset/environment2/3/gnd.npy"
  np.save(path, np.load(path).astype("f4"))
  after = ReleasedSamples.find(tmp_path).identity()
  assert after["released"]["environment1"] == before["released"]["environment1"]
  assert after["released"]["environment2"] != before["released"]["environment2"]


def test_environments_stand_in_natural_order(tmp_path):
  write(tmp_path, environments=1, samples=1)
  top = tmp_path / "dataset"
  for number in (10, 2):
    folder = top / f"environment{number}"
    (folder / "0").mkdir(parents=True)
    for name in ("audio_sensor_loc.npy", "0/rir.npy", "0/gnd.npy"):
      (folder / name).write_bytes((top / "environment1" / name).read_bytes())
  (top / "notes").mkdir()
  found = layout.find(tmp_path)
  assert [each.name for each in found] == [
    "environment1",
    "environment2",
    "environment10",
  ]


def test_forms_are_told_apart():
  assert len({dataclasses.astuple(form) for form in FORMS.values()}) == 12
