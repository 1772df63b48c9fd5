"""Audio features: named feature sets, their extraction and their use.

`extract` is the default set (log-mel of six channels and the intensity
vector); `get_feature_set` finds a set by name. Everything here needs only
jax and NumPy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax

from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features import logmel_intensity
from bgm2pose_jax.features.conditioning import conditioned as conditioned
from bgm2pose_jax.features.conditioning import (
  difference_channels as difference_channels,
)
from bgm2pose_jax.features.logmel_intensity import extract as extract
from bgm2pose_jax.features.logmel_intensity import extract_long as extract_long
from bgm2pose_jax.features.normalisation import apply_stats as apply_stats
from bgm2pose_jax.features.normalisation import fit_stats as fit_stats
from bgm2pose_jax.features.spec import Channel as Channel
from bgm2pose_jax.features.spec import FeatureSpec as FeatureSpec


@dataclasses.dataclass(frozen=True)
class FeatureSet:
  """A named way of turning a recording and its music into features.

  Attributes:
    spec: what the channels are.
    extract: (recording[..., 4, s], music[..., 2, s], *, sample_rate_hz) ->
      float32 [..., frames, f, c]; jit-able and vmap-able.
  """

  spec: FeatureSpec
  extract: Callable[..., jax.Array]


FEATURE_SETS: dict[str, FeatureSet] = {
  logmel_intensity.SPEC.name: FeatureSet(logmel_intensity.SPEC, extract),
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
      "feature_set",
      f"unknown feature set {name!r}",
      f"use one of {', '.join(FEATURE_SETS)}",
    )
  return FEATURE_SETS[name]
