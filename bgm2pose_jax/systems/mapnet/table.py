"""The windows of MAPdat in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bgm2pose_jax.data.table import Columns, WindowTable
from bgm2pose_jax.poses.body13 import BODY13


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TakeWindows(WindowTable):
  """Windows of three seconds; a row for each noisy variant of each window.

  A recording is one variant of one take.

  Attributes:
    pose: float32 [n, t, joint, 3], clean, in metres.
    audio: float32 [n, t, column], see `audio_features.COLUMNS`.
    swaps: float32 [n, event, 4], joints that the variant swaps, see
      `noise.window_events`.
    noise_key: int32 [n], names the take and the variant to the jitter.
    first_frame: int32 [n], the window's first frame, counted in its take.
    whole: bool [n], motion capture covers the window.
    take, player, technique, variant: int32 [n], positions in `takes`,
      `players`, `techniques`, `variants`.
    takes, players, techniques, variants: the vocabularies.
    spec: {"audio": names of the columns of `audio`}.
  """

  columns: ClassVar[Columns] = Columns(
    arrays=("pose", "audio", "swaps"),
    numbers=("noise_key", "first_frame", "whole"),
    names={
      "take": "takes",
      "player": "players",
      "technique": "techniques",
      "variant": "variants",
    },
    sequence="audio",
    target="pose",
    usable=("whole",),
    section="player",
  )

  pose: np.ndarray
  audio: np.ndarray
  swaps: np.ndarray
  noise_key: np.ndarray
  first_frame: np.ndarray
  whole: np.ndarray
  take: np.ndarray
  player: np.ndarray
  technique: np.ndarray
  variant: np.ndarray
  takes: tuple[str, ...]
  players: tuple[str, ...]
  techniques: tuple[str, ...]
  variants: tuple[str, ...]

  @classmethod
  def shapes(cls, fields: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns {array column: shape of one window}."""
    spec = fields["spec"]
    frames = spec["frames"]
    return {
      "pose": (frames, BODY13.num_joints, 3),
      "audio": (frames, len(spec["audio"])),
      "swaps": (spec["swaps"], 4),
    }
