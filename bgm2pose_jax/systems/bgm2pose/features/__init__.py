"""Audio features: named feature sets, their extraction and their use.

`extract` is the default set (log-mel of six channels and the intensity
vector); `get_feature_set` finds a set by name; `extract_batch`,
`extract_stream` and `extract_long` run a set compiled. Everything here needs
only jax and NumPy.
"""

from __future__ import annotations

from bgm2pose_jax.systems.bgm2pose.features.conditioning import (
  LAYOUTS as LAYOUTS,
)
from bgm2pose_jax.systems.bgm2pose.features.conditioning import (
  audio_channels as audio_channels,
)
from bgm2pose_jax.systems.bgm2pose.features.conditioning import (
  conditioned as conditioned,
)
from bgm2pose_jax.systems.bgm2pose.features.conditioning import (
  music_channels as music_channels,
)
from bgm2pose_jax.systems.bgm2pose.features.extraction import (
  BLOCK_FRAMES as BLOCK_FRAMES,
)
from bgm2pose_jax.systems.bgm2pose.features.extraction import (
  extract_batch as extract_batch,
)
from bgm2pose_jax.systems.bgm2pose.features.extraction import (
  extract_long as extract_long,
)
from bgm2pose_jax.systems.bgm2pose.features.extraction import (
  extract_stream as extract_stream,
)
from bgm2pose_jax.systems.bgm2pose.features.feature_sets import (
  FEATURE_SETS as FEATURE_SETS,
)
from bgm2pose_jax.systems.bgm2pose.features.feature_sets import (
  FeatureSet as FeatureSet,
)
from bgm2pose_jax.systems.bgm2pose.features.feature_sets import (
  get_feature_set as get_feature_set,
)
from bgm2pose_jax.systems.bgm2pose.features.logmel_intensity import (
  extract as extract,
)
from bgm2pose_jax.systems.bgm2pose.features.normalisation import (
  apply_stats as apply_stats,
)
from bgm2pose_jax.systems.bgm2pose.features.normalisation import (
  fit_stats as fit_stats,
)
from bgm2pose_jax.systems.bgm2pose.features.spec import Channel as Channel
from bgm2pose_jax.systems.bgm2pose.features.spec import (
  FeatureSpec as FeatureSpec,
)
