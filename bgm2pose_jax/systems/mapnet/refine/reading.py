"""Reads poses as people have them: CSV, BVH, NPZ, MediaPipe's landmarks."""

from __future__ import annotations

import dataclasses
import math
import pathlib

import numpy as np
from scipy import signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, plain_file, text_file
from bgm2pose_jax.poses import (
  frame_times,
  joint_maps,
  mediapipe,
  mediapipe_json,
  position_csv,
)
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.bvh import read_bvh
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.systems.mapnet.refine import bridging, thirteen_joints
from bgm2pose_jax.systems.mapnet.refine.pose_track import PoseTrack

MIN_VISIBILITY = 0.5
# Rates that differ by less are the same, written down with fewer digits.
_SAME_RATE = 0.01
_FPS = (1.0, 1000.0)
_FIX = "give CSV, BVH, NPZ or MediaPipe's world landmarks as JSON or CSV"
_POSES = ("pose_m", "positions", "pose", "world_landmarks", "landmarks")
_RATES = ("rate_hz", "fps")


def read(
  path: str | pathlib.Path,
  *,
  fps: float | None = None,
  min_visibility: float = MIN_VISIBILITY,
) -> PoseTrack:
  """Reads poses of one person.

  Args:
    path: the file; what it holds is told by its first bytes.
    fps: poses a second, for files that do not say; None where they do.
    min_visibility: below it a landmark counts as not seen.

  Returns:
    The poses in metres, gaps bridged; more than 50 a second are brought to 50.

  Raises:
    InputError: a file that cannot be used, a joint that is never seen, or a
      rate that is not known.
  """
  path = pathlib.Path(path)
  points = _points(path)
  found = thirteen_joints.of_points(points, path)
  time_s = _times(points, fps, path)
  missing = bridging.missing_joints(
    found.position_m, found.visibility, min_visibility
  )
  track = PoseTrack(
    where=str(path),
    time_s=time_s,
    position_m=bridging.bridge(found.position_m, missing, time_s, str(path)),
    missing=missing,
    hip_centred=found.hip_centred,
    notes=(
      f"The poses are {found.note}.",
      *(f"{text[0].upper()}{text[1:]}." for text in points.warnings),
    ),
  )
  return _at_most_50(track)


def _points(path: pathlib.Path) -> CapturedPoints:
  with plain_file.opened(path, _FIX) as file:
    magic = file.read(2)
  if magic == b"PK":
    return _npz(path)
  head = text_file.read_head(path).lstrip()
  if head[:9].upper() == b"HIERARCHY":
    return _bvh(path)
  if head[:1] in (b"[", b"{"):
    return mediapipe_json.read(path)
  points = position_csv.read_position_points(
    path, renamed=mediapipe.csv_names, with_rest=True
  )
  # The rate of position tables is a convention of other recordings.
  return dataclasses.replace(points, rate_hz=math.nan)


def _bvh(path: pathlib.Path) -> CapturedPoints:
  motion = read_bvh(path)
  if thirteen_joints.has_own_names(motion.names):
    chosen, _ = thirteen_joints.columns(motion.names, path)
  else:
    chosen = joint_maps.joint_columns(motion.names, path)
  # Only the branches that lead to these joints are computed.
  names = tuple(motion.names[i] for i in chosen)
  return CapturedPoints(
    names,
    motion.positions(chosen),
    motion.rate_hz,
    warnings=motion.warnings,
  )


def _npz(path: pathlib.Path) -> CapturedPoints:
  fix = (
    "give pose_m [time, joint, 3] in metres, with time_s [time] or rate_hz,"
    " and maybe joints (names) and visibility [time, joint]"
  )
  found = array_file.read_npz(
    path,
    (),
    fix,
    optional=(*_POSES, *_RATES, "joints", "time_s", "visibility"),
  )
  name = next((n for n in _POSES if n in found), None)
  if name is None:
    raise InputError(path, f"holds none of {', '.join(_POSES)}", fix)
  poses = found[name]
  if poses.ndim != 3 or poses.shape[2] not in (3, 4) or not len(poses):
    raise InputError(path, f"{name} has shape {poses.shape}", fix)
  frames, joints = poses.shape[:2]
  for array in (name, "time_s", "visibility", *_RATES):
    if array in found and found[array].dtype.kind not in "iuf":
      raise InputError(path, f"{array} holds no numbers", fix)
  usual = {13: BODY13.joints, 21: BODY21.joints, 33: mediapipe.NAMES}
  names = usual.get(joints, ())
  if "joints" in found:
    names = tuple(map(str, found["joints"].ravel().tolist()))
  if len(names) != joints:
    raise InputError(
      path, f"{name} has {joints} joints and {len(names)} names", fix
    )
  poses = poses.astype(np.float64)
  seen = poses[..., 3] if poses.shape[2] == 4 else None
  if "visibility" in found:
    seen = found["visibility"].astype(np.float64)
    if seen.shape != (frames, joints):
      raise InputError(path, f"visibility has shape {seen.shape}", fix)
  time_s, rate_hz = None, math.nan
  if "time_s" in found:
    if found["time_s"].shape != (frames,):
      raise InputError(path, f"time_s has shape {found['time_s'].shape}", fix)
    time_s = frame_times.seconds(found["time_s"], "time_s", path)
  for each in _RATES:
    if each in found and found[each].size == 1:
      rate_hz = float(found[each].reshape(()))
  return CapturedPoints(names, poses[..., :3], rate_hz, None, seen, time_s)


def _times(
  points: CapturedPoints, fps: float | None, path: pathlib.Path
) -> np.ndarray:
  """Seconds of each pose."""
  frames = len(points.positions)
  if frames < 2:
    raise InputError(path, "holds a single pose", "give a whole take")
  low, high = _FPS
  own = points.rate_hz
  if points.time_s is not None:
    own = 1.0 / float(np.median(np.diff(points.time_s)))
  for name, rate in ((path, own), ("--fps", fps)):
    if rate is not None and not math.isnan(rate) and not low <= rate <= high:
      raise InputError(
        name, f"{rate:g} poses a second", f"give {low:g} to {high:g}"
      )
  if fps is None and math.isnan(own):
    raise InputError(
      path, "does not say how many poses a second it has", "give --fps"
    )
  if fps is not None and abs(fps / own - 1) > _SAME_RATE:
    raise InputError(
      f"--fps={fps:g}", f"but {path} has {own:.4g} poses a second", "drop it"
    )
  if points.time_s is not None:
    return points.time_s
  return np.arange(frames) / (own if fps is None else fps)


def _at_most_50(track: PoseTrack) -> PoseTrack:
  """Brings a faster track to 50 poses a second, without aliases.

  It is laid on an even grid of a multiple of 50 Hz first, then filtered and
  thinned (`scipy.signal.resample_poly`).
  """
  rate_hz = track.rate_hz
  if rate_hz <= FRAMES_PER_S * (1 + _SAME_RATE):
    return track
  times = math.ceil(rate_hz / FRAMES_PER_S * (1 - _SAME_RATE))
  first_s, last_s = track.time_s[0], track.time_s[-1]
  fine_hz = FRAMES_PER_S * times
  count = math.floor((last_s - first_s) * fine_hz + 1e-6) + 1
  fine = track.at(first_s + np.arange(count) / fine_hz)
  slow = signal.resample_poly(fine, 1, times, axis=0, padtype="line")
  time_s = first_s + np.arange(len(slow)) / FRAMES_PER_S
  if len(time_s) < 2:
    raise InputError(track.where, "lasts less than 40 ms", "give a whole take")
  note = f"They came {rate_hz:.4g} a second and were brought to 50."
  return PoseTrack(
    where=track.where,
    time_s=time_s,
    position_m=slow,
    missing=track.bridged_at(time_s),
    hip_centred=track.hip_centred,
    notes=(*track.notes, note),
  )
