"""A small folder in which nothing is wrong, to break one thing at a time."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import raw_fixture
import released_fixture
import soundfile

from bgm2pose_jax import poses
from bgm2pose_jax.simulate import motion

sys.path.insert(0, str(Path(__file__).parent))

from doctor_case import heard

RATE_HZ = raw_fixture.RATE_HZ
SECONDS = 4.8


@pytest.fixture(scope="session")
def good_raw(tmp_path_factory) -> Path:
  root = tmp_path_factory.mktemp("good") / "raw"
  raw_fixture.make_raw_folder(root, subjects=("0", "6"), seconds=SECONDS)
  data = root / "data"
  music, _ = soundfile.read(data / "sound_cut" / "arnor_input.WAV")
  for subject in ("0", "6"):
    name = f"subject_{subject}_arnor"
    soundfile.write(
      data / "sound_cut" / f"{name}_cut.wav",
      heard(music, int(subject)),
      RATE_HZ,
      "PCM_24",
    )
    acted = motion.perform(
      motion.subject_style(subject, 0),
      SECONDS,
      np.random.default_rng(int(subject)),
    )
    poses.write_position_csv(
      data / "poses_synchronized" / f"{name}_position.csv", acted.positions_m
    )
  return root


@pytest.fixture
def raw(good_raw, tmp_path) -> Path:
  return Path(shutil.copytree(good_raw, tmp_path / "raw"))


@pytest.fixture(scope="session")
def good_released(tmp_path_factory) -> Path:
  root = tmp_path_factory.mktemp("good") / "released"
  people = {("0", "arnor"): 4, ("6", "arnor"): 4}
  released_fixture.make_released_folder(root, people)
  # The fixture's poses are not on the floor of each frame.
  for path in sorted((root / released_fixture.FILES).glob("joint_pos_*")):
    pose = np.load(path).reshape(12, 21, 3)
    pose[:, 1] = pose[:, 0] + [0, 1, 0]
    pose[..., 1] -= pose[..., 1].min(axis=1, keepdims=True)
    np.save(path, pose.reshape(12, 63))
  return root


@pytest.fixture
def released(good_released, tmp_path) -> Path:
  return Path(shutil.copytree(good_released, tmp_path / "released"))
