"""How recordings become stored windows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm

_MAX_SNR_DB = 200.0
# How the static room is learnt, and what is measured against it. What was
# prepared otherwise must not be met again: count up.
_STATIC_ROOM = 6


@dataclasses.dataclass(frozen=True)
class Recipe:
  """What decides a window's content besides its recording.

  Attributes:
    feature_set: name in `bgm2pose_jax.systems.bgm2pose.features`.
    static_response: what the static room is learnt from, see
      `static_form.StaticForm.parse`; for the sets that need it.
    pose_resample: see `windows.resample_windows`.
    noise_snr_db: white noise added to recording and music of each window, see
      `window_noise.with_noise`; None adds none.
    channel_order: order of the channels in the recordings' files, of
      `ambisonics.ORDERS`.
    heading: axes of the poses, `room` or `own`, see `config.DataConfig`.
  """

  feature_set: str = "logmel_intensity"
  static_response: str = "whole"
  pose_resample: str = "interp"
  noise_snr_db: float | None = None
  channel_order: str = ambisonics.DEFAULT_ORDER
  heading: str = "room"

  def __post_init__(self):
    snr_db = self.noise_snr_db
    if snr_db is not None and not (
      math.isfinite(snr_db) and abs(snr_db) <= _MAX_SNR_DB
    ):
      raise InputError(
        "data.noise_snr_db",
        f"is {snr_db}",
        f"give decibels between -{_MAX_SNR_DB:g} and {_MAX_SNR_DB:g}, or null",
      )

    if self.needs_still:
      self.static_form()
    elif self.static_response != Recipe.static_response:
      raise InputError(
        "data.static_response",
        f"is {self.static_response}, which {self.feature_set} does not need",
        "drop it, or take --features=music_kernel",
      )

  @property
  def needs_still(self) -> bool:
    """Whether the static room's sound is part of what features are made of."""
    if self.feature_set == Recipe.feature_set:
      return False
    # Only here: workers that read the default set need no JAX.
    from bgm2pose_jax.systems.bgm2pose import features

    return features.get_feature_set(self.feature_set).needs_still

  def static_form(self) -> StaticForm:
    """Returns what the static room is learnt from.

    Raises:
      InputError: `static_response` says nothing that is known.
    """
    return StaticForm.parse(self.static_response)

  def identity(self) -> dict[str, Any]:
    """Returns JSON values that differ between recipes."""
    found = dataclasses.asdict(self)
    # What was prepared before there were these fields keeps its place.
    if self.noise_snr_db is None:
      del found["noise_snr_db"]
    if self.channel_order == ambisonics.DEFAULT_ORDER:
      del found["channel_order"]
    if self.heading == Recipe.heading:
      del found["heading"]
    del found["static_response"]
    if self.needs_still:
      found["static_response"] = self.static_form().identity()
      found["static_room"] = _STATIC_ROOM
    return found


DEFAULT = Recipe()


def recordings_digest(content: Mapping[str, Any]) -> str:
  """Digest of recordings and their poses, whatever is made of their sound.

  Args:
    content: what `source.content` returned: recordings and recipe.

  Returns:
    64 hex digits, the same for every feature set, static response and noise.
  """
  ours = {field.name for field in dataclasses.fields(Recipe)}
  ours = (ours | {"static_room", "format"}) - {"pose_resample", "heading"}
  return checksums.of_json({k: v for k, v in content.items() if k not in ours})
