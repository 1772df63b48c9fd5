"""A hand-made folder in AMPL's published layout, with poses to be found.

Arms and torso move; what they do is written as tens of dB into bands of the
recording's channels above those of the music, the same for everybody.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21

FOLDER = "dataset_spec_2400"
FILES = f"{FOLDER}/music_with_intensity"
TABLE = f"{FOLDER}/music_intensity.csv"
COLUMNS = (
  "sound_path", "label", "testee", "music_type", "spec_duration", "joint_path",
)  # fmt: skip

AMBIENT = ("arnor", "mantron", "cirrus")
# Windows of each (subject, track), with AMPL's raw ids; 1 and 3 are never used.
RECORDINGS: Mapping[tuple[str, str], int] = {
  **{(s, track): 24 for s in ("0", "6", "7") for track in AMBIENT},
  **{(s, "jazz"): 24 for s in ("2", "4")},
  **{("1", track): 3 for track in (*AMBIENT, "jazz")},
  ("3", "jazz"): 3,
}
# Windows that no annotation keeps.
GAP = (10, 11)

# (joints, axis, hip-spine units) that each movement moves from -1 to 1.
_MOVES = (
  (("LeftForeArm", "LeftHand"), 1, 3.0),
  (("RightForeArm", "RightHand"), 1, 3.0),
  (("Neck", "Head", "LeftShoulder", "RightShoulder"), 2, 2.0),
)
_BANDS_EACH = 24
_PLANTED_DB = 20.0


def make_released_folder(
  root: Path,
  recordings: Mapping[tuple[str, str], int] | None = None,
  bare: Sequence[tuple[str, str]] = (),
  seed: int = 0,
) -> Path:
  """Writes windows and their table.

  Args:
    root: made when missing; gets `dataset_spec_2400/...`.
    recordings: {(subject, track): windows}; None takes `RECORDINGS`.
    bare: (subject, track) recorded without motion capture, 6 windows each,
      named as the official code names them.
    seed: of everything.

  Returns:
    `root`.
  """
  (root / FILES).mkdir(parents=True, exist_ok=True)
  rows = []
  recordings = RECORDINGS if recordings is None else recordings
  wanted = [(*key, count, True) for key, count in recordings.items()]
  wanted += [(*key, 6, False) for key in bare]
  for number, (subject, track, count, has_pose) in enumerate(wanted):
    rng = np.random.default_rng((seed, number))
    name = f"subject_{subject}_{'' if has_pose else 'wo_mocap_'}{track}"
    kept = [i for i in range(count + len(GAP)) if i not in GAP][:count]
    features, poses = make_windows(track, max(kept) + 1, rng, seed)
    for i in kept:
      sound = f"{FILES}/{name}_{i}_0.6_music_intensity.npy"
      joint = f"{FILES}/joint_pos_{name}_{i}_0.6.npy"
      np.save(root / sound, features[i])
      if has_pose:
        np.save(root / joint, poses[i].reshape(12, 63))
      rows.append(
        {
          # Both ways of writing a path.
          "sound_path": f"./{sound}" if i % 2 else sound,
          "label": "wave" if i < count // 2 else "squat, slowly",
          "testee": f"subject_{subject}",
          "music_type": track,
          "spec_duration": "0.6",
          "joint_path": f"./{joint}" if has_pose else "",
        }
      )
  write_rows(root, rows)
  return root


def make_windows(
  track: str, count: int, rng: np.random.Generator, seed: int
) -> tuple[np.ndarray, np.ndarray]:
  """Makes consecutive windows of one recording.

  Returns:
    float32 features [count, 15, 128, 12] and poses [count, 12, 21, 3].
  """
  frames = 12 * count
  time_s = np.arange(frames) / 20
  moves = np.stack(
    [
      np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time_s + rng.uniform(0, 6))
      for _ in _MOVES
    ],
    axis=1,
  )
  poses = np.repeat(rest_pose()[None] * rng.uniform(0.99, 1.01), frames, axis=0)
  # Music is the same for everybody who hears the track.
  music_rng = np.random.default_rng((seed, sum(track.encode())))
  music = -30 + 10 * music_rng.standard_normal((frames, 128))
  features = np.empty((frames, 128, 15))
  features[..., :4] = music[..., None]
  features[..., 4:6] = music[..., None]
  for place, (joints, axis, size) in enumerate(_MOVES):
    poses[:, [BODY21.index(j) for j in joints], axis] += (
      size * moves[:, place, None]
    )
    bands = slice(8 + place * _BANDS_EACH, 8 + (place + 1) * _BANDS_EACH)
    features[:, bands, :4] += _PLANTED_DB * moves[:, place, None, None]
  features[..., :6] += 0.3 * rng.standard_normal((frames, 128, 6))
  features[..., 6:9] = 0.02 * rng.standard_normal((frames, 128, 3))
  # Phase, which must not matter.
  features[..., 9:] = 1e6 * rng.standard_normal((frames, 128, 6))
  stored = features.reshape(count, 12, 128, 15).transpose(0, 3, 2, 1)
  return (
    np.ascontiguousarray(stored, np.float32),
    poses.reshape(count, 12, len(BODY21.joints), 3).astype(np.float32),
  )


def rest_pose() -> np.ndarray:
  """Returns [joint, 3] in hip-spine units, feet on the ground."""
  pose = np.zeros((len(BODY21.joints), 3))
  for joint, name in enumerate(BODY21.joints):
    side = 1.0 if name.startswith("Left") else -1.0
    if "Shoulder" in name or "Arm" in name or "Hand" in name:
      pose[joint] = (2.0 * side, 13.0, 0.0)
    elif "Leg" in name or "Foot" in name or "Toe" in name:
      pose[joint] = (side, 5.0 if name.endswith("Leg") else 0.0, 0.0)
    else:
      pose[joint] = (0.0, 10.0 + joint, 0.0)
  return pose


def read_rows(root: Path) -> list[dict[str, str]]:
  """Returns the table's lines, {column: text}."""
  with open(root / TABLE, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


def write_rows(
  root: Path,
  rows: Sequence[Mapping[str, str]],
  columns: Sequence[str] = COLUMNS,
) -> None:
  """Writes the table as pandas would, with an index column in front."""
  with open(root / TABLE, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["", *columns])
    for number, row in enumerate(rows):
      writer.writerow([number, *(row[column] for column in columns)])
