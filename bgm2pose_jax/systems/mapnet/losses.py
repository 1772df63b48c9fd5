"""Training losses of refined poses."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bgm2pose_jax.systems.mapnet.config import LossConfig

# Under the root, so that the gradient stays finite where nothing differs.
_SMOOTH = 1e-8


def terms(
  config: LossConfig, out: jax.Array, target: jax.Array
) -> dict[str, jax.Array]:
  """Weighted loss terms.

  Args:
    config: which loss.
    out: [b, t, joint, 3] predicted poses, metres.
    target: the same of the true ones.

  Returns:
    `mpjpe`, the mean distance of joints in metres (arXiv 2203.12829, section
    4.4); for `mpjpe_dyn` also `velocity` and `acceleration`, after the loss of
    VioPose (its utility/loss.py) on finite differences of the poses.
  """
  found = {"mpjpe": _norm(out - target).mean()}
  if config.kind == "mpjpe_dyn":
    for name, order in (("velocity", 1), ("acceleration", 2)):
      # In millimetres, as the joints of somebody who stands hardly move.
      pair = (jnp.diff(1000 * x, n=order, axis=1) for x in (out, target))
      found[name] = config.dynamics * _unlikeness(*pair)
  return found


def _norm(x: jax.Array) -> jax.Array:
  """Length of vectors [..., 3], never quite zero."""
  x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
  return jnp.sqrt(jnp.square(x).sum(axis=-1) + _SMOOTH)


def _unlikeness(a: jax.Array, b: jax.Array) -> jax.Array:
  """Mean of 1 - <a, b> / max(|a|, |b|)^2; zero where they are equal."""
  largest = jnp.maximum(_norm(a), _norm(b))
  alike = (a * b).sum(axis=-1) + _SMOOTH
  return (1 - alike / jnp.square(largest)).mean()
