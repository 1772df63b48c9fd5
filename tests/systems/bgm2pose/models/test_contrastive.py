from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from bgm2pose_jax.systems.bgm2pose.models.contrastive import (
  ContrastiveHeads,
  unit_length,
)


def test_token_row_is_the_first_row_of_full_self_attention():
  heads = ContrastiveHeads(
    16, 1, 4, 21, dropout=0.0, streams=(0, 1), rngs=nnx.Rngs(0)
  )
  sequence = jax.random.normal(jax.random.key(0), (3, 4, 16))
  first = jnp.broadcast_to(heads.audio_token[...], (3, 1, 16))
  tokens = jnp.concatenate([first, sequence], 1) + heads.time_embedding[...]
  tokens = tokens[:, None]
  row = heads.audio_attention(tokens, tokens, tokens, None)[:, 0, 0]
  want = row / np.linalg.norm(row, axis=-1, keepdims=True)
  got = heads.audio(sequence, None)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_unit_length_at_zero():
  value, grad = jax.value_and_grad(lambda x: unit_length(x).sum())(
    jnp.zeros((1, 4))
  )
  assert value == 0
  assert np.isfinite(grad).all()
