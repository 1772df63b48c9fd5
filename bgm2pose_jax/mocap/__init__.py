"""Motion capture files to clips of the 21-joint skeleton, in metres."""

from __future__ import annotations

from bgm2pose_jax.mocap.bvh import BvhMotion, read_bvh
from bgm2pose_jax.mocap.bvh_writer import write_bvh
from bgm2pose_jax.mocap.cleaning import resample
from bgm2pose_jax.mocap.clips import Clip, load_folder
from bgm2pose_jax.mocap.optitrack import read_optitrack
from bgm2pose_jax.mocap.position_csv import (
  read_position_csv,
  write_position_csv,
)
from bgm2pose_jax.mocap.tracks import PointTracks

__all__ = [
  "BvhMotion",
  "Clip",
  "PointTracks",
  "load_folder",
  "read_bvh",
  "read_optitrack",
  "read_position_csv",
  "resample",
  "write_bvh",
  "write_position_csv",
]
