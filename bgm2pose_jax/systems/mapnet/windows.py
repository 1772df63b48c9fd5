"""A take as examples: its windows, once for each noisy variant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.systems.mapnet import audio_features, noise
from bgm2pose_jax.systems.mapnet.splits import variant_names
from bgm2pose_jax.systems.mapnet.take import HOP_FRAMES, WINDOW_FRAMES, Take


@dataclasses.dataclass(frozen=True)
class Variants:
  """The noisy variants of every take.

  Attributes:
    count: how many.
    seed: seed of their noise.
  """

  count: int
  seed: int


def count(frames: int) -> int:
  """Returns how many windows a take of so many frames has."""
  return max(0, (frames - WINDOW_FRAMES) // HOP_FRAMES + 1)


def spec() -> dict[str, Any]:
  """Returns what a window holds, for the manifest."""
  return {
    "audio": [column.name for column in audio_features.COLUMNS],
    "frames": WINDOW_FRAMES,
    "hop_frames": HOP_FRAMES,
    "swaps": noise.MAX_EVENTS,
  }


def examples(
  take: Take,
  variants: Variants,
  on_windows: Callable[[int], object] = lambda windows: None,
) -> Iterator[dict[str, Any]]:
  """Gives the windows of each variant in sequence, variant by variant.

  Args:
    take: the take.
    variants: its noisy variants.
    on_windows: called with the number of windows made since the last call.
  """
  frames = len(take.pose_m)
  audio = audio_features.features(take.sound, take.sample_rate_hz, frames)
  pose = np.asarray(take.pose_m, np.float32)
  covered = np.asarray(np.isfinite(pose).all(axis=(1, 2)))
  pose = np.where(covered[:, None, None], pose, np.float32(0))
  for number, variant in enumerate(variant_names(variants.count)):
    events = noise.draw_events(variants.seed, take.name, number, frames)
    key = noise.noise_key(variants.seed, take.name, number)
    for index in range(count(frames)):
      first = index * HOP_FRAMES
      part = slice(first, first + WINDOW_FRAMES)
      yield {
        "pose": pose[part],
        "audio": audio[part],
        "swaps": noise.window_events(events, first),
        "noise_key": key,
        "first_frame": first,
        "whole": bool(covered[part].all()),
        "take": take.name,
        "player": take.player,
        "technique": take.technique,
        "variant": variant,
        "recording": f"{take.name} variant {variant}",
        "window_index": index,
      }
      on_windows(1)
