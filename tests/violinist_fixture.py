"""A hand-made violinist of 13 joints, and the files people have of one."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import soundfile

from bgm2pose_jax.poses import mediapipe
from bgm2pose_jax.poses.body13 import BODY13

# Metres, facing +z, so that the left is at +x; thighs of .42 m.
_STILL = {
  "C7": (0.0, 1.42, 0.0),
  "RSHO": (-0.18, 1.39, 0.0),
  "LSHO": (0.18, 1.39, 0.0),
  "RMEL": (-0.30, 1.15, 0.12),
  "LMEL": (0.30, 1.17, 0.15),
  "RMWR": (-0.20, 1.25, 0.35),
  "LMWR": (0.25, 1.38, 0.38),
  "RBWT": (-0.10, 0.92, 0.0),
  "LBWT": (0.10, 0.92, 0.0),
  "RKNE": (-0.12, 0.50, 0.03),
  "LKNE": (0.12, 0.50, 0.03),
  "RTOE": (-0.14, 0.02, 0.15),
  "LTOE": (0.14, 0.02, 0.15),
}
MEAN_M = np.array([_STILL[name] for name in BODY13.joints]) - _STILL["LTOE"]
_BOW_ARM = [BODY13.index("RMEL"), BODY13.index("RMWR")]


def bowing_m(time_s: np.ndarray) -> np.ndarray:
  """[t, 13, 3]: the bow arm swings, the trunk sways, the feet stand."""
  pose = np.repeat(MEAN_M[None], len(time_s), axis=0)
  swing = np.sin(2 * np.pi * 0.7 * time_s)[:, None]
  pose[:, _BOW_ARM, 0] += swing * np.array([0.05, 0.2])
  pose[:, _BOW_ARM, 1] += swing * np.array([0.02, 0.1])
  pose[:, :9, 2] += 0.02 * np.sin(2 * np.pi * 0.2 * time_s)[:, None]
  return pose


def landmarks(position_m: np.ndarray) -> np.ndarray:
  """[t, 33, 3] as MediaPipe has them: around the hips, y down, z away."""
  hips = position_m[:, 7:9].mean(axis=1, keepdims=True)
  here = position_m - hips
  points = np.zeros((len(here), 33, 3))
  for side in "LR":
    name = {"L": "left", "R": "right"}[side]
    for part, landmark in mediapipe._LANDMARK_OF.items():
      points[:, mediapipe.NAMES.index(f"{name}_{landmark}")] = here[
        :, BODY13.index(side + part)
      ]
    toe = here[:, BODY13.index(f"{side}TOE")]
    for part, back in (("heel", 0.2), ("ankle", 0.15)):
      points[:, mediapipe.NAMES.index(f"{name}_{part}")] = toe - [0, 0, back]
  return points * [1.0, -1.0, -1.0]


def write_json(
  path: pathlib.Path, points: np.ndarray, seen=None, **more
) -> None:
  """Landmarks as a list of frames, in an object with `more`."""
  seen = np.ones(points.shape[:2]) if seen is None else seen
  frames = [
    {
      "pose_world_landmarks": [
        {"x": x, "y": y, "z": z, "visibility": v}
        for (x, y, z), v in zip(frame.tolist(), sure.tolist())
      ]
    }
    for frame, sure in zip(points, seen)
  ]
  path.write_text(json.dumps({"frames": frames, **more}))


def write_sound(path: pathlib.Path, seconds: float, rate_hz=44_100) -> None:
  """A tone that swells once a second."""
  time_s = np.arange(round(seconds * rate_hz)) / rate_hz
  sound = 0.3 * np.sin(2 * np.pi * 440 * time_s)
  sound *= 0.5 + 0.5 * np.sin(2 * np.pi * time_s)
  soundfile.write(path, sound, rate_hz)


def features(samples, rate_hz, frames):
  """Stands for the real ones: each row says which it is."""
  del samples, rate_hz
  return np.repeat(np.arange(frames, dtype=np.float32)[:, None], 35, axis=1)
