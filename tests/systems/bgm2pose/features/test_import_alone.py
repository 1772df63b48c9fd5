"""Features, losses and metrics need neither librosa, grain nor TFDS."""

from __future__ import annotations

import os
import subprocess
import sys

_SCRIPT = """
import sys
for name in ("librosa", "grain", "tensorflow_datasets", "soundfile", "soxr"):
  sys.modules[name] = None
import numpy as np
from bgm2pose_jax.poses import body21
from bgm2pose_jax.systems.bgm2pose import features, losses, metrics
silence = np.zeros((4, 2400), np.float32)
out = features.extract(silence, silence[:2])
pose = np.ones((2, 12, 21, 3), np.float32)
print(out.shape, metrics.pose_metrics(pose, pose)["rmse"])
"""


def test_import_and_run_with_the_data_libraries_blocked():
  done = subprocess.run(
    [sys.executable, "-c", _SCRIPT],
    capture_output=True,
    text=True,
    env={**os.environ, "JAX_PLATFORMS": "cpu"},
    timeout=120,
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout.split() == ["(1,", "128,", "9)", "0.0"]
