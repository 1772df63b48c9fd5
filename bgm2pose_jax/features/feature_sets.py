"""Feature sets by name: what they hold and how they are computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax

from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features import logmel_intensity
from bgm2pose_jax.features.spec import FeatureSpec

DEFAULT = logmel_intensity.SPEC.name


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
  DEFAULT: FeatureSet(logmel_intensity.SPEC, logmel_intensity.extract),
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
