"""The training loss is the specification's sum, with its weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import pose_terms, presets
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput


@pytest.mark.parametrize(
  ("preset", "scale"), [("paper", 1 / 0.07), ("official", np.log(1 / 0.07))]
)
def test_terms_have_the_weights_of_the_specification(preset, scale):
  """MSE + 100 MSE of differences + cross-entropies (specification 5)."""
  rng = np.random.default_rng(0)
  pred, target = rng.normal(0, 1, (2, 6, 12, 21, 3)).astype(np.float32)
  audio, pose = rng.normal(0, 1, (2, 6, 16)).astype(np.float32)
  weights = presets.get_config(preset).loss

  def one_device(*arrays):
    out = PoseOutput(*arrays[:3])
    return pose_terms.loss_terms(weights, out, arrays[3])

  arrays = (jnp.asarray(x)[None] for x in (pred, audio, pose, target))
  found = jax.vmap(one_device, axis_name=mesh_lib.DATA_AXIS)(*arrays)

  error = pred.astype(np.float64) - target
  units = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (audio, pose)]
  logits = scale * units[0] @ units[1].T
  right = np.diag(logits)
  entropies = [
    np.log(np.exp(table).sum(axis=1)) - right for table in (logits, logits.T)
  ]
  wanted = {
    "pose": np.mean(error**2),
    "smoothness": 100 * np.mean(np.diff(error, axis=1) ** 2),
    "contrastive": np.mean(entropies),
  }
  assert set(found) == set(wanted)
  for name, value in wanted.items():
    assert float(found[name][0]) == pytest.approx(value, rel=1e-5), name
