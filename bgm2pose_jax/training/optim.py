"""The optimiser: gradient transformation and per-epoch schedule.

The learning rate is no part of the transformation: it multiplies the update
inside the step, as a traced value, so that runs with different schedules
share one compiled program.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bgm2pose_jax.config.schema import OptimConfig
from bgm2pose_jax.runtime import target


def make_transformation(config: OptimConfig) -> optax.GradientTransformation:
  """Returns the update direction for unit learning rate.

  Args:
    config: optimiser, clipping and decay.

  Returns:
    An optax chain; the caller scales its output by minus the learning rate.
  """
  direction = []
  if config.clip_norm is not None:
    direction.append(optax.clip_by_global_norm(config.clip_norm))
  # torch's defaults.
  if config.optimizer == "adam":
    direction.append(optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8))
  elif config.optimizer == "amsgrad":
    direction.append(optax.scale_by_amsgrad(b1=0.9, b2=0.999, eps=1e-8))
  parts = []
  if direction:
    # One vector instead of a hundred arrays: the same numbers, and a program
    # of a third fewer operations, which CPU compiles and runs faster.
    parts.append(optax.flatten(optax.chain(*direction)))
  if config.weight_decay:
    parts.append(
      optax.add_decayed_weights(config.weight_decay, mask=decay_mask)
    )
  return optax.chain(*parts) if parts else optax.identity()


def norm(tree: Any) -> jax.Array:
  """Square root of the sum of the squares of all numbers of a tree.

  Args:
    tree: gradients or parameters.
  """
  if target.platform() == "cpu":
    return optax.tree.norm(tree)
  # Array by array it is two small programs each: on a GPU a quarter of all
  # that a step starts.
  every = [x.reshape(-1) for x in jax.tree.leaves(tree)]
  return jnp.sqrt(jnp.sum(jnp.square(jnp.concatenate(every))))


def decay_mask(params: Any) -> Any:
  """Selects kernels: decaying biases, norms or embeddings helps nobody."""

  def is_kernel(path, leaf) -> bool:
    del leaf
    names = [str(getattr(k, "key", getattr(k, "name", k))) for k in path]
    return any("kernel" in name for name in names)

  return jax.tree_util.tree_map_with_path(is_kernel, params)


def learning_rate(config: OptimConfig, epoch: int) -> float:
  """The rate of an epoch; of a rate that falls by step, the first step's.

  The cosine has the values of torch's CosineAnnealingLR stepped after each
  epoch with T_max = epochs, the exponential those of torch's ExponentialLR.

  Args:
    config: learning rates, schedule and number of epochs.
    epoch: 0 is the first.
  """
  low, high = config.learning_rate_min, config.learning_rate
  if config.schedule == "constant" or falls_by_step(config):
    return high
  if config.schedule == "exponential":
    return max(low, high * config.decay**epoch)
  phase = min(epoch, config.epochs) / config.epochs
  return low + 0.5 * (high - low) * (1.0 + math.cos(math.pi * phase))


def falls_by_step(config: OptimConfig) -> bool:
  """Whether the rate changes inside an epoch."""
  return config.schedule == "exponential" and config.schedule_by == "step"


def rate_at_step(
  config: OptimConfig, rate: jax.Array, step: jax.Array
) -> jax.Array:
  """An exponential rate that falls by step, inside a compiled step.

  Args:
    config: its factor and least value.
    rate: the first step's rate.
    step: updates done.
  """
  power = jnp.float32(config.decay) ** step.astype(jnp.float32)
  return jnp.maximum(rate * power, config.learning_rate_min)
