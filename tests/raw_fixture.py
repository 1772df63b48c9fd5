"""A hand-made raw folder with AMPL's file names, seconds long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from bgm2pose_jax.poses.body21 import BODY21

RATE_HZ = 48000
POSE_RATE_HZ = 120

# AMPL's ids: 0 is paper subject 1, 6 and 7 are 2 and 3.
SUBJECTS = ("0", "6", "7")


def make_raw_folder(
  root: Path,
  *,
  tracks: Sequence[str] = ("arnor",),
  subjects: Sequence[str] = SUBJECTS,
  seconds: float = 4.8,
  seed: int = 0,
) -> Path:
  """Writes recordings of noise under moving people.

  Args:
    root: made when missing; gets `data/...`.
    tracks: each with `<track>_input.WAV`.
    subjects: each has every track.
    seconds: length of every recording, 8 windows by default; 1.8 or more.
    seed: of everything.

  Returns:
    `root`. Annotations: `wave` in the first half, `no_people` for one window,
    `squat` from the next on.
  """
  data = root / "data"
  for name in ("sound_cut", "annotations", "poses_synchronized"):
    (data / name).mkdir(parents=True, exist_ok=True)
  for t, track in enumerate(tracks):
    rng = np.random.default_rng((seed, t))
    music = 0.1 * rng.standard_normal((round(seconds * RATE_HZ), 2))
    soundfile.write(
      data / "sound_cut" / f"{track}_input.WAV", music, RATE_HZ, "PCM_24"
    )
    for s, subject in enumerate(subjects):
      write_recording(
        data, f"subject_{subject}_{track}", music, (seed, t, s), seconds
      )
  return root


def write_recording(
  data: Path,
  name: str,
  music: np.ndarray,
  seed: Sequence[int],
  seconds: float,
) -> None:
  """Writes one recording's audio, annotations and poses."""
  rng = np.random.default_rng(tuple(seed))
  mix = rng.uniform(-1.0, 1.0, (2, 4))
  audio = music @ mix + 1e-3 * rng.standard_normal((len(music), 4))
  soundfile.write(
    data / "sound_cut" / f"{name}_cut.wav", audio, RATE_HZ, "PCM_24"
  )
  half = 0.6 * round(seconds / 1.2)
  (data / "annotations" / f"{name}.txt").write_text(
    f"0.0 {half - 0.61:.3f} wave\n"
    f"{half:.3f} {half + 0.3:.3f} no_people\n"
    f"{half + 0.6:.3f} {seconds:.3f} squat\n"
  )
  poses = make_positions(seconds, rng)
  write_positions(data / "poses_synchronized" / f"{name}_position.csv", poses)


def make_positions(seconds: float, rng: np.random.Generator) -> np.ndarray:
  """Returns metres [time, joint, 3] at 120 a second: a swaying stick figure."""
  time_s = np.arange(round(seconds * POSE_RATE_HZ)) / POSE_RATE_HZ
  offsets = rng.uniform(-0.2, 0.2, (len(BODY21.joints), 3))
  offsets[1] = (0.0, 0.0921, 0.0)
  offsets[0] = (0.0, 1.0, 0.0)
  rest = np.zeros_like(offsets)
  for joint, parent in enumerate(BODY21.parents):
    rest[joint] = offsets[joint] + (rest[parent] if parent >= 0 else 0.0)
  sway = 0.05 * np.sin(
    2 * np.pi * time_s[:, None, None]
    + rng.uniform(0, 2 * np.pi, (1, len(BODY21.joints), 3))
  )
  sway[:, :2] = 0.0
  return rest + sway


def write_positions(path: Path, positions_m: np.ndarray) -> None:
  """Writes AMPL's position table without the package's own writer."""
  header = ",".join(
    f"{joint}_{axis}" for joint in BODY21.joints for axis in "xyz"
  )
  np.savetxt(
    path,
    positions_m.reshape(len(positions_m), -1),
    fmt="%.6f",
    delimiter=",",
    header=header,
    comments="",
  )
