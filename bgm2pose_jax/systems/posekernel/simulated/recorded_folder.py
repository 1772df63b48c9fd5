"""A folder with what the pairs of a simulated room record, and the truth.

It holds what a person with a rig would have: recordings/ and empty/ (a WAV file
each, a channel for each pair), sweep.wav, rig.json and keypoints.npz; and
truth.npz, which nobody has. All of it is simulated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, staged_folder, whole_file
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.rig_file import write_rig
from bgm2pose_jax.systems.posekernel.simulated.detector import keypoints
from bgm2pose_jax.systems.posekernel.simulated.people import VISIT_SAMPLES
from bgm2pose_jax.systems.posekernel.simulated.samples import SimulatedSamples

RECORDINGS, EMPTY, SWEEP = "recordings", "empty", "sweep.wav"
RIG, KEYPOINTS, TRUTH = "rig.json", "keypoints.npz", "truth.npz"
_LABEL = "simulated.json"


def write(
  out: Path, samples: SimulatedSamples, environment: str, numbers: Sequence[int]
) -> list[Path]:
  """Makes the folder, whole or not at all.

  Recordings are float32 and begin when the sound leaves, so that
  `kernel extract --latency_ms=0` gives the data set's kernels.

  Args:
    out: folder to make.
    samples: the simulator.
    environment: name of the room.
    numbers: which of its samples.

  Returns:
    What lies in it.

  Raises:
    InputError: it exists or cannot be made; no such room or sample.
  """
  if out.exists() or out.is_symlink():
    raise InputError(out, "exists already", "give another --out")
  occupied, empty, sweep, rate_hz = samples.recordings(environment, numbers)
  room = samples.environment(environment)
  names = [f"{environment}_{number:04d}" for number in numbers]
  pose_m = np.stack(
    [
      samples.visit(environment, n // VISIT_SAMPLES).pose_m[n % VISIT_SAMPLES]
      for n in numbers
    ]
  )
  camera, seed = room.camera.as_array(), samples.plan.seed
  found = [
    keypoints(pose, camera, seed, environment, number)
    for pose, number in zip(pose_m, numbers)
  ]
  label = {"simulated": True, "environment": environment}
  try:
    with staged_folder.staged(out) as stage:
      for folder, takes, called in (
        (RECORDINGS, occupied, names),
        (EMPTY, empty, [f"empty_{i:02d}" for i in range(len(empty))]),
      ):
        (stage / folder).mkdir()
        for name, take in zip(called, takes, strict=True):
          _write_wav(stage / folder / f"{name}.wav", take.T, rate_hz)
      _write_wav(stage / SWEEP, sweep, rate_hz)
      write_rig(stage / RIG, room.rig, grid_centre_m=room.grid_centre_m)
      order = np.array(BODY15.joints)
      array_file.write(
        stage / KEYPOINTS,
        {
          "keypoints": np.stack(found),
          "names": np.array(names),
          "joints": order,
        },
      )
      array_file.write(
        stage / TRUTH,
        {
          "pose_m": pose_m.astype(np.float32),
          "names": np.array(names),
          "joints": order,
        },
      )
      whole_file.write_text(stage / _LABEL, json.dumps(label) + "\n")
  except OSError as error:
    raise InputError(
      out, f"cannot be made ({error.strerror or error})", "give another --out"
    ) from error
  parts = (RECORDINGS, EMPTY, SWEEP, RIG, KEYPOINTS, TRUTH)
  return [out / part for part in parts]


def _write_wav(path: Path, samples: np.ndarray, rate_hz: int) -> None:
  with whole_file.writing(path) as file:
    soundfile.write(file, samples, rate_hz, subtype="FLOAT", format="WAV")
