"""The package's own prediction, from features or from sound, to be timed.

Task and predict step are those of an evaluation; weights are drawn, not
trained, and inputs are random numbers of the right size. Weights go to the
device once: a call that sends any of them again fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.training import steps
from launch.bench import harness, network, product_count

SOURCES = ("features", "audio")
_WINDOW_SAMPLES = 28_800  # 0.6 s at 48 kHz
_FIT_WINDOWS = 2
# Not to be taken for the numbers of a window's recording or track.
_SIGNALS = ("recording_signal", "music_signal")


def inputs_only(state: TrainState) -> TrainState:
  """The part of a state that a prediction reads.

  Each array that a call is handed costs time, used or not.
  """
  return state.replace(opt_state=(), snapshots=())


def make_inputs(
  source: str, batch: int, group: str, seed: int = 0
) -> dict[str, np.ndarray]:
  """Random inputs of a prediction.

  Args:
    source: `features`, or `audio`: four channels of a recording and two of
      music, full scale 1.
    batch: windows.
    group: field that says which normalisation a window takes.
    seed: the seed of the numbers.
  """
  groups = {group: np.zeros(batch, np.int32)}
  if source == "features":
    made = network.made_up_windows(batch, seed)
    return {"features": made.features, **groups}
  rng = np.random.default_rng(seed)
  return {
    name: rng.uniform(-0.3, 0.3, (batch, channels, _WINDOW_SAMPLES)).astype(
      np.float32
    )
    for name, channels in zip(_SIGNALS, (4, 2))
  } | groups


class FromAudio:
  """A task's prediction with the features computed in the same program."""

  def __init__(self, task: Any):
    """Wraps a task.

    Args:
      task: brings `predict` and `config`.
    """
    self._task = task
    named = features.get_feature_set(task.config.data.feature_set)
    self._extract = named.extract

  def predict(
    self, state: TrainState, batch: Mapping[str, jax.Array]
  ) -> jax.Array:
    """Predicts this device's rows.

    Args:
      state: the state, as the task's `predict` takes it.
      batch: recording_signal [b, 4, s], music_signal [b, 2, s] and the
        task's group [b].

    Returns:
      As the task's `predict`.
    """
    rest = {k: x for k, x in batch.items() if k not in _SIGNALS}
    found = self._extract(
      *(batch[name] for name in _SIGNALS),
      sample_rate_hz=self._task.spec.sample_rate_hz,
    )
    return self._task.predict(state, {"features": found, **rest})


class OurPredict:
  """One configuration's compiled prediction and everything it needs.

  Attributes:
    name: the name in the table.
    flops: matrix products and convolutions of one call, our own count.
    least_bytes: what a call must move: weights, inputs and poses, once each.
  """

  def __init__(self, config: Config, batch: int, source: str):
    """Compiles the step and runs it twice.

    Args:
      config: the configuration of the network.
      batch: windows a call.
      source: one of `SOURCES`.
    """
    self.name = f"bgm2pose_jax, {source}"
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    table = network.made_up_windows(_FIT_WINDOWS)
    task = network.task_of(config, table)
    statistics = network.statistics_of(task, table)
    state = inputs_only(task.init_state(config.seed, statistics))
    self._state = mesh_lib.replicate(mesh, state)
    self._spread = jax.NamedSharding(mesh, jax.P(mesh_lib.DATA_AXIS))
    (group,) = set(task.fields) - {"features", "pose"}
    self._host = make_inputs(source, batch, group)
    self._device = jax.device_put(self._host, self._spread)
    seen = task if source == "features" else FromAudio(task)
    step = steps.make_predict_step(seen, mesh)
    self.flops = product_count.count(step, self._state, self._device)
    self._step = step
    pose = self()
    if not np.isfinite(pose).all():
      raise ValueError("a prediction is not finite")
    read = jax.tree.leaves((self._state, self._device))
    self.least_bytes = sum(x.nbytes for x in read) + pose.nbytes
    self()

  def __call__(self) -> np.ndarray:
    """Inputs in the host's memory to poses in the host's memory."""
    with jax.transfer_guard_host_to_device("disallow"):
      # Said explicitly, the inputs may pass; a weight on the host may not.
      batch = jax.device_put(self._host, self._spread)
      return np.asarray(self._step(self._state, batch))

  def on_device(self) -> None:
    """The same with inputs that are there already and poses that stay."""
    with jax.transfer_guard("disallow"):
      self._step(self._state, self._device).block_until_ready()

  def run(self, count: int) -> list[tuple[float, float]]:
    """Runs whole calls now.

    Args:
      count: how many.

    Returns:
      (seconds, seconds of processor time) of each call.
    """
    return [harness.timed(self) for _ in range(count)]

  def run_on_device(self, count: int) -> list[tuple[float, float]]:
    """The same for `on_device`."""
    return [harness.timed(self.on_device) for _ in range(count)]

  def compiled_once(self) -> bool:
    """Whether one program served every call."""
    return self._step._cache_size() == 1  # pyright: ignore

  def close(self) -> None:
    """Nothing to end."""
