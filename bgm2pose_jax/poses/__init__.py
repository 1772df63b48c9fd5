"""Motion capture files to clips of the 21-joint skeleton, in metres."""

from __future__ import annotations

from bgm2pose_jax.poses.bvh import BvhMotion, read_bvh
from bgm2pose_jax.poses.bvh_writer import write_bvh
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.cleaning import resample
from bgm2pose_jax.poses.clips import Clip, load_folder
from bgm2pose_jax.poses.joint_map_file import read_joint_map
from bgm2pose_jax.poses.optitrack import read_optitrack
from bgm2pose_jax.poses.position_csv import (
  read_position_csv,
  write_position_csv,
)

__all__ = [
  "BvhMotion",
  "Clip",
  "CapturedPoints",
  "load_folder",
  "read_bvh",
  "read_joint_map",
  "read_optitrack",
  "read_position_csv",
  "resample",
  "write_bvh",
  "write_position_csv",
]
