"""The paper's recurrent baselines, LSTM Po (poses) and LSTM PA (and audio).

Transformers replaced by long short-term memory, after "Audio to Body Dynamics"
(Shlizerman et al., CVPR 2018). The paper states no sizes; one layer of 160 per
branch and one dense layer to the pose are a choice. 134,919 and 267,239
parameters at that size.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.nn.dense import Dense
from bgm2pose_jax.nn.field_checks import check_positive
from bgm2pose_jax.nn.lstm import LSTM
from bgm2pose_jax.systems.mapnet.models.head import (
  AUDIO_COLUMNS,
  POSE_COLUMNS,
  as_pose,
  as_rows,
)
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


@dataclasses.dataclass(frozen=True)
class LSTMConfig:
  """Fields of both networks.

  Attributes:
    width: units of each branch.
  """

  width: int = 160

  def __post_init__(self):
    check_positive("width", self.width)


class LSTMPose(nnx.Module):
  """LSTM Po: poses at a low rate to poses at 50 frames per second.

  Nothing is dropped. An output sees no later input.
  """

  def __init__(
    self,
    config: LSTMConfig,
    *,
    frames_in: int,
    rngs: nnx.Rngs,
    dtype: DTypeLike = jnp.float32,
    hears: bool = False,
  ):
    """Draws the parameters.

    Args:
      config: the network's fields.
      frames_in: poses that come in; any number up to 150.
      rngs: random streams, `params` or the default.
      dtype: type to compute in, float32 or bfloat16.
      hears: a second branch reads the audio: LSTM PA.
    """
    width = config.width
    self.pose_lstm = LSTM(POSE_COLUMNS, width, rngs=rngs, dtype=dtype)
    self.audio_lstm = (
      LSTM(AUDIO_COLUMNS, width, rngs=rngs, dtype=dtype) if hears else None
    )
    self.pose_out = Dense(
      width * (2 if hears else 1),
      POSE_COLUMNS,
      rngs=rngs,
      dtype=jnp.promote_types(dtype, "float32"),
    )
    # Which input stands at each frame until the next one comes.
    self.shown = tuple(
      (np.arange(WINDOW_FRAMES) * frames_in // WINDOW_FRAMES).tolist()
    )

  def __call__(
    self, pose: Array, audio: Array | None, keys: Array | None = None
  ) -> Array:
    """Cleans poses.

    Args:
      pose: [b, frames_in, joint=13, 3], normalised.
      audio: [b, frame=150, column=35], normalised; LSTM Po does not read it.
      keys: not read.

    Returns:
      float32 [b, frame=150, joint=13, 3], normalised.

    Raises:
      ValueError: LSTM PA without audio.
    """
    del keys
    out = self.pose_lstm(as_rows(pose)[:, np.array(self.shown)])
    if self.audio_lstm is not None:
      if audio is None:
        raise ValueError("this network needs audio; pass zeros to go without")
      out = jnp.concatenate([out, self.audio_lstm(audio)], axis=-1)
    return as_pose(self.pose_out(out))
