"""What every network returns."""

from __future__ import annotations

from typing import NamedTuple

from bgm2pose_jax.base.array_typing import Array


class PoseOutput(NamedTuple):
  """Poses, and what training alone reads.

  Attributes:
    pose: float32 [b, t, joint, 3], normalised (hip-spine lengths, y up).
    audio_embedding: float32 [b, d] of unit length, or None: no such head, or
      no poses were given.
    pose_embedding: float32 [b, d] of unit length, or None with the other.
    hidden: float32 [b, d], what a critic reads; None without one.
  """

  pose: Array
  audio_embedding: Array | None = None
  pose_embedding: Array | None = None
  hidden: Array | None = None
