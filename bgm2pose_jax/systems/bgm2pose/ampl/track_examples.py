"""A track's recordings as examples: the same from a loop and from Beam."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax.data.partial_builds import Parts
from bgm2pose_jax.systems.bgm2pose.ampl import (
  raw_layout,
  recordings,
  released_layout,
  released_windows,
  window_noise,
)
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe
from bgm2pose_jax.systems.bgm2pose.still_room import block_features

Reader = Callable[[Any], Iterator[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class TrackExamples:
  """How a track's recordings become examples.

  Holds names alone, so that it can be sent to another process.

  Attributes:
    root: the root of the folder's index.
    track: its token.
    released: the published layout, not the raw one.
    music: the track's, for raw recordings.
    recipe: how recordings become windows.
    parts: where windows that were computed are kept; None keeps none.
  """

  root: Path
  track: str
  released: bool
  music: Path | None
  recipe: Recipe
  parts: Parts | None = None

  @contextlib.contextmanager
  def reader(
    self, on_windows: Callable[[int], object] = lambda windows: None
  ) -> Iterator[Reader]:
    """Opens what the track's recordings share.

    Args:
      on_windows: called with the number of windows made since the last call.

    Yields:
      Function from a recording to its examples, one a window.

    Raises:
      InputError: music that cannot be used; from the function, a recording.
    """
    if self.released:
      yield lambda recording: released_windows.examples(
        self.root, recording, on_windows
      )
      return
    sound = self.root / raw_layout.SOUND
    with TrackMusic(self.music, self.track, sound) as music:

      def read(recording: raw_layout.RawRecording) -> Iterator[dict[str, Any]]:
        def compute() -> Iterator[dict[str, Any]]:
          return self._computed(recording, music, on_windows)

        if self.parts is None:
          return compute()
        return self.parts.examples(recording.name, compute, on_windows)

      yield read

  def _computed(
    self,
    recording: raw_layout.RawRecording,
    music: TrackMusic,
    on_windows: Callable[[int], object],
  ) -> Iterator[dict[str, Any]]:
    """Computes a recording's windows from its sound."""
    windows = recordings.read_windows(
      recording,
      music.frames,
      music.path,
      self.recipe.pose_resample,
      self.recipe.heading,
    )

    def blocks() -> Iterator[recordings.Block]:
      read = recordings.sound_blocks(
        recording.wav, music, len(windows), self.recipe.channel_order
      )
      snr_db = self.recipe.noise_snr_db
      if snr_db is None:
        return read
      return (
        window_noise.with_noise(block, snr_db, recording.name) for block in read
      )

    computed = _window_features(blocks, self.recipe, on_windows, recording.wav)
    for at, features in enumerate(computed):
      yield {
        "features": features,
        "pose": windows.pose[at],
        "subject": recording.subject,
        "track": self.track,
        "genre": recording.genre,
        "recording": recording.name,
        "label": windows.labels[at],
        "window_index": at,
        "valid": bool(windows.labels[at]),
        "has_pose": bool(windows.has_pose[at]),
      }


def in_turn(
  examples: TrackExamples,
  found: Iterable[Any],
  on_windows: Callable[[int], object],
) -> Iterator[dict[str, Any]]:
  """Yields the examples of recordings, one recording after another.

  Args:
    examples: how a recording becomes examples.
    found: the recordings, in order.
    on_windows: called with the number of windows made since the last call.

  Raises:
    InputError: music or a recording that cannot be used.
  """
  with examples.reader(on_windows) as read:
    for recording in found:
      yield from read(recording)


def find(
  source_dir: str,
  track: str,
  *,
  released: bool,
  recipe: Recipe,
  parts: Parts | None = None,
) -> tuple[TrackExamples, tuple[Any, ...]]:
  """Finds a track's recordings, in the order of their examples.

  Args:
    source_dir: AMPL's folder.
    track: its token.
    released: the published layout, not the raw one.
    recipe: how recordings become windows.
    parts: where windows that were computed are kept; None keeps none.

  Returns:
    How recordings become examples, and the recordings.

  Raises:
    InputError: no such folder or track.
  """
  if released:
    index = released_layout.scan_released(source_dir)
    found, music = index.to_build(track), None
  else:
    index = raw_layout.scan_raw(source_dir)
    found = index.to_build(track)
    music = found[0].music
  examples = TrackExamples(
    root=index.root,
    track=track,
    released=released,
    music=music,
    recipe=recipe,
    parts=parts,
  )
  return examples, found


def _window_features(
  blocks: Callable[[], Iterator[recordings.Block]],
  recipe: Recipe,
  on_windows: Callable[[int], object],
  wav: Path,
) -> Iterator[np.ndarray]:
  """Yields float32 [t, f, c] for every window of a recording."""
  # Reading a prepared dataset through TFDS needs no JAX.
  from bgm2pose_jax.systems.bgm2pose import features

  frames = features.get_feature_set(recipe.feature_set).spec.window_frames
  for block in block_features.stream(
    blocks, recipe.feature_set, recipe.static_form(), wav
  ):
    windows = block.reshape(-1, frames, *block.shape[1:])
    yield from windows
    on_windows(len(windows))
