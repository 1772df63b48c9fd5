"""Which side asks and which answers in attention over bands."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.systems.bgm2pose.models.frequency_attention import (
  FrequencyAttention,
)


@pytest.mark.parametrize("query", ["audio", "music"])
def test_frequency_attention_roles(query):
  layer = FrequencyAttention(
    16,
    8,
    1,
    query=query,
    residual=False,
    dropout=0.0,
    stream=0,
    rngs=nnx.Rngs(0),
  )
  rng = np.random.default_rng(0)
  audio, music = (
    jnp.asarray(rng.normal(size=(1, 2, 8, 16)), jnp.float32) for _ in range(2)
  )
  got = layer(audio, music, None)
  a, m = (x + layer.band_embedding[...] for x in (audio, music))
  roles = (a, m, a) if query == "audio" else (m, a, a)
  np.testing.assert_allclose(
    got, layer.attention(*roles, None), rtol=1e-5, atol=1e-6
  )
  # Frames do not see each other.
  moved = layer(audio.at[:, 1].add(1.0), music, None)
  np.testing.assert_array_equal(moved[:, 0], got[:, 0])
