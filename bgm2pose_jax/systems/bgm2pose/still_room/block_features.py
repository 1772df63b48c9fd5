"""Features of a recording's blocks: the still room and context where needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import BLOCK_WINDOWS, Block
from bgm2pose_jax.systems.bgm2pose.still_room import still_room
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES

# Frames of a full block.
BLOCK_FRAMES = WINDOW_FRAMES * BLOCK_WINDOWS


def stream(
  blocks: Callable[[], Iterable[Block]],
  feature_set: str,
  form: StaticForm,
  where: Any = "recording",
) -> Iterator[np.ndarray]:
  """Computes a recording's features block by block.

  Args:
    blocks: opens the recording anew and gives its blocks in sequence.
    feature_set: name of the feature set.
    form: what the static room is learnt from, for the sets that need it.
    where: names the recording in messages.

  Yields:
    float32 [frames, f, c] of consecutive windows.
  """
  # Reading a prepared dataset needs no JAX.
  from bgm2pose_jax.systems.bgm2pose import features

  named = features.get_feature_set(feature_set)
  sound, most = blocks(), BLOCK_WINDOWS
  if named.needs_still:
    sound = still_room.with_still(blocks, form, where)
    if form.in_parts:
      most = still_room.UPDATE_WINDOWS
  context_s = named.spec.context_frames * named.spec.hop_s
  around = still_room.with_context(sound, round(context_s * SAMPLE_RATE_HZ))
  yield from features.extract_stream(
    (
      (part.audio, part.music)
      if part.still is None
      else (part.audio, part.music, part.still)
      for part in around
    ),
    block_frames=most * named.spec.window_frames,
    feature_set=feature_set,
    sample_rate_hz=SAMPLE_RATE_HZ,
  )
