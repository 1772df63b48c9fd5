"""A folder of simulated recordings gives the data set's kernels again."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import image_points_reader
from bgm2pose_jax.systems.posekernel import rig_file
from bgm2pose_jax.systems.posekernel.config import SimulateConfig
from bgm2pose_jax.systems.posekernel.extraction import recordings
from bgm2pose_jax.systems.posekernel.extraction.kernels import kernels_of
from bgm2pose_jax.systems.posekernel.lift import truth
from bgm2pose_jax.systems.posekernel.simulated import recorded_folder
from bgm2pose_jax.systems.posekernel.simulated.samples import SimulatedSamples

ROOM = "room01"
SAMPLES = SimulatedSamples(SimulateConfig(environments=1, samples=2, persons=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  out = tmp_path_factory.mktemp("recorded") / "room"
  recorded_folder.write(out, SAMPLES, ROOM, range(2))
  return out


@pytest.fixture(scope="module")
def made():
  return list(SAMPLES.make(ROOM))


def test_extraction_gives_the_kernels_of_the_data_set(folder, made):
  sweep, rate_hz = recordings.read_sweep(folder / recorded_folder.SWEEP)

  def takes(name):
    return recordings.takes(
      recordings.files(folder / name), rate_hz, 4, loopback=None
    )

  kernels, report = kernels_of(
    takes(recorded_folder.RECORDINGS),
    takes(recorded_folder.EMPTY),
    sweep,
    rate_hz,
    made[0].kernels.shape[1],
    latency_samples=0.0,
  )
  wanted = np.stack([sample.kernels for sample in made])
  np.testing.assert_allclose(kernels, wanted, atol=1e-6 * abs(wanted).max())
  assert list(report.names) == ["room01_0000", "room01_0001"]


def test_the_rest_is_read_by_the_command_lift(folder, made):
  camera = made[0].camera
  found = image_points_reader.read(
    folder / recorded_folder.KEYPOINTS, camera.image_px
  )
  wanted = np.stack([sample.keypoints for sample in made])
  seen = wanted[..., 2] > 0
  np.testing.assert_allclose(found.keypoints[seen], wanted[seen], atol=1e-3)
  rig = rig_file.read_rig(folder / recorded_folder.RIG)
  np.testing.assert_allclose(rig.rig.pairs_m, made[0].pairs_m, atol=1e-6)
  np.testing.assert_allclose(
    rig.grid_centre_m, made[0].grid_centre_m, atol=1e-6
  )
  pose_m, _ = truth.read(
    folder / recorded_folder.TRUTH, found.names, named=True
  )
  np.testing.assert_array_equal(pose_m, [sample.pose_m for sample in made])


def test_recordings_are_float_and_labelled(folder):
  info = soundfile.info(folder / "recordings" / "room01_0000.wav")
  assert (info.subtype, info.channels, info.samplerate) == ("FLOAT", 4, 96_000)
  assert '"simulated": true' in (folder / "simulated.json").read_text()


def test_nothing_is_overwritten(folder):
  with pytest.raises(InputError, match="exists already"):
    recorded_folder.write(folder, SAMPLES, ROOM, range(1))
