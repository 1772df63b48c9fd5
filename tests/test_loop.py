"""What the loop writes down."""

from __future__ import annotations

import json
import math

import jax.numpy as jnp

from bgm2pose_jax import replica
from bgm2pose_jax.writer import JsonLines


def test_means_are_over_steps_and_keep_what_is_not_finite(tmp_path):
  pending = [
    (8, {"loss": jnp.float32(1.0), "norm": jnp.float32(2.0)}),
    (2, {"loss": jnp.float32(6.0), "norm": jnp.float32(math.nan)}),
  ]
  line = replica.mean(pending)
  assert line["loss"] == 2.0
  assert math.isnan(line["norm"])
  with JsonLines(tmp_path / "metrics.jsonl") as log:
    log.write(line)
  text = (tmp_path / "metrics.jsonl").read_text()
  assert json.loads(text) == {"loss": 2.0, "norm": "nan"}
