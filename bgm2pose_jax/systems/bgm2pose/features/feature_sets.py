"""Feature sets by name: what they hold and how they are computed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from bgm2pose_jax.audio import spectrogram
from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features import (
  logmel_intensity,
  music_kernel,
)
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom

DEFAULT = logmel_intensity.SPEC.name


@dataclasses.dataclass(frozen=True)
class FeatureSet:
  """A named way of turning a recording and its music into features.

  Attributes:
    spec: what the channels are.
    extract: (recording[..., 4, s], music[..., 2, s], *, sample_rate_hz) ->
      float32 [..., frames, f, c], with the spec's context frames of sound more
      on either side; jit-able and vmap-able. Takes `static` [..., 4, s] third
      where `needs_still`.
    needs_still: computed from the static room's sound too, see
      `static_response`.
  """

  spec: FeatureSpec
  extract: Callable[..., jax.Array]
  needs_still: bool = False


def _both_spec() -> FeatureSpec:
  first = logmel_intensity.SPEC
  second = music_kernel.spec(first.bands)
  more = [ch for ch in second.channels if ch.role != "music"]
  return dataclasses.replace(
    second, name="both", channels=(*first.channels, *more)
  )


def _extract_both(
  recording: ArrayLike,
  music: ArrayLike,
  still: StillRoom,
  *,
  sample_rate_hz: float = 48_000,
) -> jax.Array:
  """Both sets in the bands of the first; the music's channels come once."""
  recording, music = jnp.asarray(recording), jnp.asarray(music)
  bands = logmel_intensity.SPEC.bands
  second = music_kernel.extract(
    recording, music, still, sample_rate_hz=sample_rate_hz, bands=bands
  )
  edge = music_kernel.CONTEXT_FRAMES * spectrogram.hop_samples(sample_rate_hz)
  inner = slice(edge, recording.shape[-1] - edge)
  first = logmel_intensity.extract(
    recording[..., inner], music[..., inner], sample_rate_hz=sample_rate_hz
  )
  more = second[..., : -len(music_kernel.SPEC.indices("music"))]
  return jnp.concatenate([first, more], axis=-1)


FEATURE_SETS: dict[str, FeatureSet] = {
  DEFAULT: FeatureSet(logmel_intensity.SPEC, logmel_intensity.extract),
  "music_kernel": FeatureSet(
    music_kernel.SPEC, music_kernel.extract, needs_still=True
  ),
  "both": FeatureSet(_both_spec(), _extract_both, needs_still=True),
}


def get_feature_set(name: str) -> FeatureSet:
  """Finds a feature set by name.

  Args:
    name: e.g. `"logmel_intensity"`.

  Raises:
    InputError: there is no such set.
  """
  if name not in FEATURE_SETS:
    raise InputError(
      "data.feature_set",
      f"unknown feature set {name!r}",
      f"use one of {', '.join(FEATURE_SETS)}",
    )
  return FEATURE_SETS[name]


@functools.cache
def compiled(name: str, sample_rate_hz: float) -> Callable[..., jax.Array]:
  """Returns a set's `extract`, compiled once for each shape.

  Args:
    name: the name of the set.
    sample_rate_hz: samples per second.

  Raises:
    InputError: there is no such set.
  """
  extract = get_feature_set(name).extract
  return jax.jit(functools.partial(extract, sample_rate_hz=sample_rate_hz))
