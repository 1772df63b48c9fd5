"""The windows of some tracks in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bgm2pose_jax.data.table import Columns, WindowTable


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class MusicWindows(WindowTable):
  """The 0.6 s windows of some tracks.

  `window_index` counts from the start of the track: equal numbers of one track
  are the same music. Released data hold those windows alone that an annotation
  keeps.

  Attributes:
    features: float32 [n, t, f, c], not normalised.
    pose: float32 [n, t, joint, 3], normalised; zeros where `has_pose` is False.
    subject, track, genre, label: int32 [n], positions in `subjects`, `tracks`,
      `genres`, `labels`.
    valid: bool [n], kept by an annotation.
    has_pose: bool [n].
    subjects, tracks, genres, labels: the vocabularies. Label '' means that no
      annotation covers the window.
    spec: `features.spec.FeatureSpec` of `features`.
  """

  columns: ClassVar[Columns] = Columns(
    arrays=("features", "pose"),
    numbers=("valid", "has_pose"),
    names={
      "subject": "subjects",
      "track": "tracks",
      "genre": "genres",
      "label": "labels",
    },
    sequence="features",
    target="pose",
    usable=("valid", "has_pose"),
    section="track",
    groupings={
      # The paper's hard negatives: one piece of music, several people.
      "segment": ("track", "window_index"),
      "track": ("track",),
      "random": (),
    },
  )

  features: np.ndarray
  pose: np.ndarray
  subject: np.ndarray
  track: np.ndarray
  genre: np.ndarray
  label: np.ndarray
  valid: np.ndarray
  has_pose: np.ndarray
  subjects: tuple[str, ...]
  tracks: tuple[str, ...]
  genres: tuple[str, ...]
  labels: tuple[str, ...]

  @classmethod
  def shapes(cls, fields: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns {array column: shape of one window}."""
    from bgm2pose_jax.poses.body21 import BODY21
    from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec

    spec = FeatureSpec.from_dict(fields["spec"])
    return {
      "features": (spec.window_frames, spec.bands, len(spec.channels)),
      "pose": (spec.window_frames, BODY21.num_joints, 3),
    }

  @classmethod
  def described(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes that are no columns and no vocabularies."""
    # Worker processes read windows without JAX, which these import.
    from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
    from bgm2pose_jax.systems.bgm2pose.recipe import recordings_digest

    return {
      **super().described(fields),
      "spec": FeatureSpec.from_dict(fields["spec"]),
      "recordings_digest": recordings_digest(fields["source"]),
    }
