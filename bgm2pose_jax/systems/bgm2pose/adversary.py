"""Critics that a network is trained against, within one update.

First the critic learns from what the network gave, then the network's loss is
taken with the critic that has learnt: one forward pass serves both. (The
published code of AcousticPose runs the network twice, which moves its batch
statistics twice and changes nothing else.)
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.models.acousticpose import (
  AcousticPoseConfig,
  SubjectCritic,
)
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput
from bgm2pose_jax.systems.bgm2pose.models.speech2gesture import (
  MotionCritic,
  Speech2GestureConfig,
)

Arrays = Mapping[str, jax.Array]
# AMPL's raw ids 0 to 9 become the published code's five classes.
_RAW_ID_CLASSES = 5


class Adversary(abc.ABC):
  """A critic, how it learns and what it costs the network.

  Attributes:
    fields: columns of the dataset that it needs besides the network's.
  """

  fields: tuple[str, ...] = ()

  def __init__(self, learning_rate: float):
    """Sets the critic's optimiser, Adam at a constant rate."""
    self._transformation = optax.adam(learning_rate)

  def fit(self, table: Any, rows: np.ndarray) -> dict[str, Any]:
    """Returns what it must know of the training rows, as arrays."""
    del table, rows
    return {}

  @abc.abstractmethod
  def build(self, statistics: Arrays, rngs: nnx.Rngs) -> nnx.Module:
    """Draws the critic.

    Args:
      statistics: the statistics from `fit`; only their shapes are read.
      rngs: random streams.
    """

  @abc.abstractmethod
  def critic_loss(
    self,
    critic: Any,
    out: PoseOutput,
    target: jax.Array,
    batch: Arrays,
    statistics: Arrays,
  ) -> jax.Array:
    """What the critic minimises, a mean over this device's rows."""

  @abc.abstractmethod
  def network_loss(
    self, critic: Any, out: PoseOutput, batch: Arrays, statistics: Arrays,
    control: Arrays,
  ) -> jax.Array:  # fmt: skip
    """The weighted term of the network, a mean over this device's rows."""

  def init(self, key: jax.Array, statistics: Arrays) -> dict[str, Any]:
    """Returns the critic's parameters and the state of its optimiser.

    Args:
      key: PRNG key.
      statistics: the statistics from `fit`.
    """
    critic = self.build(statistics, nnx.Rngs(key))
    params = nnx.as_pure(nnx.state(critic, nnx.Param))
    return {"params": params, "optimiser": self._transformation.init(params)}

  def learn(
    self,
    state: dict[str, Any],
    out: PoseOutput,
    target: jax.Array,
    batch: Arrays,
    statistics: Arrays,
  ) -> tuple[dict[str, Any], jax.Array]:
    """One step of the critic on what the network gave.

    Args:
      state: the state from `init`, the same on every device.
      out: the output of the network; no gradient flows back into it.
      target: poses [b, t, joint, 3].
      batch: the batch with the columns of `fields`.
      statistics: the statistics from `fit`.

    Returns:
      The new state and the critic's loss, of all devices' rows.
    """
    out = jax.lax.stop_gradient(out)

    def loss(params):
      critic = self._merged(params, statistics)
      return self.critic_loss(critic, out, target, batch, statistics)

    value, grads = jax.value_and_grad(loss)(
      mesh_lib.to_varying(state["params"])
    )
    value, grads = jax.lax.pmean((value, grads), mesh_lib.DATA_AXIS)
    updates, optimiser = self._transformation.update(grads, state["optimiser"])
    params = optax.apply_updates(state["params"], updates)
    return {"params": params, "optimiser": optimiser}, value

  def cost(
    self,
    state: dict[str, Any],
    out: PoseOutput,
    batch: Arrays,
    statistics: Arrays,
    control: Arrays,
  ) -> jax.Array:
    """The network's weighted term; no gradient flows into the critic.

    Args:
      state: the state from `learn`.
      out: the output of the network.
      batch: the batch with the columns of `fields`.
      statistics: the statistics from `fit`.
      control: traced `epoch` and others.
    """
    params = jax.lax.stop_gradient(mesh_lib.to_varying(state["params"]))
    critic = self._merged(params, statistics)
    return self.network_loss(critic, out, batch, statistics, control)

  def _merged(self, params: Any, statistics: Arrays) -> Any:
    # A normalising critic uses its batch's moments and never the running ones,
    # which therefore start anew each time.
    fresh = self.build(statistics, nnx.Rngs(0))
    definition, _, rest = nnx.split(fresh, nnx.Param, ...)
    return nnx.merge(definition, params, mesh_lib.to_varying(nnx.as_pure(rest)))


class SubjectAdversary(Adversary):
  """AcousticPose's: the description of a window must not tell who moves."""

  fields = ("subject",)

  def __init__(self, config: AcousticPoseConfig, hidden_channels: int):
    """Takes the fields of the network.

    Args:
      config: the configuration of the network.
      hidden_channels: what the critic reads.
    """
    super().__init__(config.critic_learning_rate)
    self._config = config
    self._channels = hidden_channels

  def fit(self, table: Any, rows: np.ndarray) -> dict[str, Any]:
    """Numbers the training subjects.

    Args:
      table: columns `subject` [n] and the names `subjects`.
      rows: the rows that train.

    Returns:
      `subject_class` int32 [subject] and `class_used` bool [subject]: there
      are as many classes as subjects, those of nobody in training take no
      part.

    Raises:
      InputError: `mod5` with names that are no numbers.
    """
    count = len(table.subjects)
    trained = np.unique(table.subject[rows])
    classes = np.zeros(count, np.int32)
    if self._config.subject_labels == "mod5":
      count = max(count, _RAW_ID_CLASSES)
      for i, name in enumerate(table.subjects):
        if not name.isdecimal():
          raise InputError(
            "network.subject_labels",
            f"is mod5, but subject {name!r} has no raw id",
            "take subject_labels=dense",
          )
        classes[i] = int(name) % _RAW_ID_CLASSES
    else:
      classes[trained] = np.arange(len(trained))
    used = np.zeros(count, bool)
    used[classes[trained]] = True
    return {"subject_class": classes, "class_used": used}

  def build(self, statistics: Arrays, rngs: nnx.Rngs) -> SubjectCritic:
    """See `Adversary.build`."""
    classes = statistics["class_used"].shape[0]
    return SubjectCritic(self._channels, classes, rngs=rngs)

  def critic_loss(self, critic, out, target, batch, statistics):
    """Cross entropy of the subject's class."""
    del target
    return self._cross_entropy(critic, out, batch, statistics).mean()

  def network_loss(self, critic, out, batch, statistics, control):
    """Evenness of the guesses, or minus the critic's loss."""
    config = self._config
    weight = jnp.where(
      control["epoch"] < config.adversary_epochs, config.adversary_ratio, 0.0
    )
    if config.adversary == "normal":
      loss = self._cross_entropy(critic, out, batch, statistics)
      return -weight * loss.mean()
    used = statistics["class_used"]
    share = jax.nn.softmax(self._logits(critic, out, used))
    count = used.sum()
    # Over the classes in use, with PyTorch's count - 1.
    apart = jnp.where(used, share - 1 / count, 0.0)
    variance = jnp.square(apart).sum(-1) / jnp.maximum(count - 1, 1)
    # The root has no slope at zero, where the guesses are even.
    deviation = jnp.sqrt(jnp.maximum(variance, 1e-12))
    return weight * deviation.mean()

  def _logits(self, critic, out, used):
    return jnp.where(used, critic(out.hidden), -jnp.inf)

  def _cross_entropy(self, critic, out, batch, statistics):
    wanted = statistics["subject_class"][batch["subject"]]
    logits = self._logits(critic, out, statistics["class_used"])
    return optax.softmax_cross_entropy_with_integer_labels(logits, wanted)


class MotionAdversary(Adversary):
  """Speech2Gesture's: predicted motion must pass for true motion.

  Least squares: the critic marks truth 1 and prediction 0, the network wants
  its motion marked 1.
  """

  def __init__(
    self, config: Speech2GestureConfig, joints: int, axis_name: str | None
  ):
    """Takes the fields of the network.

    Args:
      config: the configuration of the network.
      joints: the number of joints of a pose.
      axis_name: mesh axis whose devices share the critic's moments.
    """
    super().__init__(config.critic_learning_rate)
    self._config = config
    self._joints = joints
    self._axis_name = axis_name

  def build(self, statistics: Arrays, rngs: nnx.Rngs) -> MotionCritic:
    """See `Adversary.build`."""
    del statistics
    return MotionCritic(self._joints, rngs=rngs, axis_name=self._axis_name)

  def critic_loss(self, critic, out, target, batch, statistics):
    """Squared distance of the marks from 1 (truth) and 0 (prediction)."""
    del batch, statistics
    true, false = critic(target), critic(out.pose)
    return jnp.square(true - 1).mean() + jnp.square(false).mean()

  def network_loss(self, critic, out, batch, statistics, control):
    """Squared distance of the prediction's marks from 1."""
    del batch, statistics, control
    marks = critic(out.pose)
    return self._config.adversary_ratio * jnp.square(marks - 1).mean()


def make_adversary(
  config: Any, model: Any, axis_name: str | None
) -> Adversary | None:
  """Returns the adversary that a network's fields ask for, or None.

  Args:
    config: the network's config.
    model: the network, for its sizes.
    axis_name: mesh axis whose devices share batch normalisation's moments.
  """
  if getattr(config, "adversary", "off") == "off":
    return None
  if isinstance(config, AcousticPoseConfig):
    return SubjectAdversary(config, model.hidden_channels)
  if isinstance(config, Speech2GestureConfig):
    return MotionAdversary(config, model.joints, axis_name)
  raise TypeError(f"no adversary for {type(config).__name__}")
