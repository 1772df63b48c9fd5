"""How a stream is cut, standardised, aligned and kept in time."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align.alignment import SHORTEST_S
from bgm2pose_jax.systems.bgm2pose.features import feature_sets
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import (
  blending,
  predictor,
  standardising,
)
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.stream.live_alignment import LONGEST_S
from bgm2pose_jax.systems.bgm2pose.stream.live_features import check_form


@dataclasses.dataclass(frozen=True)
class Settings:
  """What a user chose, checked against the model.

  Attributes:
    options: a prediction's options, as for files; its statistics are stated.
    hop_frames: frames from one window to the next.
    blend: windows that make a pose.
    form: what the static room is learnt from; None where none is needed.
    gains: the gains of the channels, see `conventions.gains`.
    channel_order: order in which the channels come, of `ambisonics.ORDERS`.
    max_lag_s: windows that come later are left out.
    align_s: sound that is listened to for the music.
    left: axis of the microphone, see `align`.
    realign: whether to look for the music again and again.
  """

  options: predictor.Options
  hop_frames: int
  blend: int
  form: StaticForm | None
  gains: np.ndarray | None = None
  channel_order: str = ambisonics.DEFAULT_ORDER
  max_lag_s: float = 1.0
  align_s: float = 20.0
  left: str = "+Y"
  realign: bool = True


def check(model: MusicModel, options: predictor.Options, **others) -> Settings:
  """Checks what a user chose.

  Args:
    model: the network.
    options: a prediction's options, as for files.
    **others: further fields of `Settings`.

  Raises:
    InputError: what a stream or this model cannot have.
  """
  window = model.spec.window_frames
  hop = blending.hop_frames(options.hop_ms, window)
  blend = blending.windows_per_frame(options.blend, hop, window)
  mode = standardising.mode_for(options.statistics, model, stream=True)
  model.row(options.track)
  form = predictor.static_form(options, model)
  if feature_sets.get_feature_set(model.spec.name).needs_still:
    check_form(form)
  else:
    form = None
  settings = Settings(
    dataclasses.replace(options, statistics=mode), hop, blend, form, **others
  )
  if not 0 <= settings.max_lag_s < np.inf:
    raise InputError("--max_lag_ms", "is no time", "give 1000")
  if not SHORTEST_S <= settings.align_s <= LONGEST_S:
    raise InputError(
      f"--align_s={settings.align_s:g}",
      "is too short or too long to find the music in",
      f"give {SHORTEST_S:g} to {LONGEST_S:g}",
    )
  return settings
