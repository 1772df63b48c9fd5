"""By which statistics a recording's features are standardised.

`training`: those of the training rows; for music of the training its own where
the model knows such. `whole`: the recording's own, looked at twice. `running`:
its own as far as it was heard, starting from the training's; what a stream can
have. The last two are for models that were trained on recordings standardised
by themselves.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features.normalisation import OwnStatistics
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel

MODES = ("training", "whole", "running")
# The training's statistics count as much as this long a time of the recording.
PRIOR_FRAMES = 600  # 30 s


def mode_for(asked: str | None, model: MusicModel, *, stream: bool) -> str:
  """Returns the mode to use.

  Args:
    asked: one of `MODES`, or None for the usual one.
    model: the model that reads the inputs.
    stream: nothing of the future can be known.

  Raises:
    InputError: a mode that the model or a stream cannot have.
  """
  own = model.feature_norm == "per_recording"
  if asked is None:
    return ("running" if stream else "whole") if own else "training"
  if asked != "training" and not own:
    raise InputError(
      f"--statistics={asked}",
      f"does not fit a model trained with {model.feature_norm}",
      "drop it: such a model has the training's statistics",
    )
  if asked == "whole" and stream:
    raise InputError(
      "--statistics=whole",
      "needs the whole recording, which a stream has not heard",
      "take running or training",
    )
  return asked


class Standardiser:
  """Gives each window its row of statistics."""

  def __init__(self, model: MusicModel, mode: str, track: str | None):
    """Starts before anything is heard.

    Args:
      model: the model that reads the inputs.
      mode: one of `MODES`.
      track: music of the training, or None.
    """
    self._mode = mode
    self._row = model.row(track)
    self._own = None
    if mode != "training":
      prior = self._row if mode == "running" else None
      self._own = OwnStatistics(model.spec, model.layout, prior, PRIOR_FRAMES)

  @property
  def needs_first_pass(self) -> bool:
    """Whether all features must be seen before the first window."""
    return self._mode == "whole"

  def first_pass(self, features: np.ndarray) -> None:
    """Looks at features [frames, f, c] ahead of time."""
    if self._mode == "whole" and self._own is not None:
      self._own.add(features)
      self._row = None

  def heard(self, features: np.ndarray) -> None:
    """Looks at features [frames, f, c] that have just come, perhaps none."""
    if self._mode == "running" and self._own is not None and len(features):
      self._own.add(features)
      self._row = None

  def row(self) -> dict[str, np.ndarray]:
    """The row for a window that ends with what was heard last."""
    if self._row is None and self._own is not None:
      self._row = self._own.row()
    assert self._row is not None
    return self._row
