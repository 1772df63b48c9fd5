"""The configuration, windows and train step that benchmarks measure.

Everything that they take from the trained systems is here: presets, tasks and
features. The windows are random numbers of the size that features and poses
have.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema, tree
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import features, presets
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.models import registry as models
from bgm2pose_jax.systems.bgm2pose.presets import rivals
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.systems.mapnet import presets as take_presets
from bgm2pose_jax.systems.mapnet.config import Config as TakeConfig
from bgm2pose_jax.systems.mapnet.models import registry as take_models
from bgm2pose_jax.systems.mapnet.task import RefinePoses
from bgm2pose_jax.systems.posekernel import presets as sample_presets
from bgm2pose_jax.systems.posekernel.config import Config as SampleConfig
from bgm2pose_jax.systems.posekernel.models import registry as sample_models
from bgm2pose_jax.systems.posekernel.task import LiftPoses
from bgm2pose_jax.training import steps
from launch.bench import made_up_samples, made_up_takes

# Presets of the models that `--model` names.
_PRESETS_OF: dict[str, Any] = {
  **dict.fromkeys(rivals.NETWORKS["official"], presets),
  **dict.fromkeys(take_models.MODELS, take_presets),
  **dict.fromkeys(sample_models.MODELS, sample_presets),
}
# Flags that stand for a field of the configuration.
_FIELDS = {
  "compute_dtype": "run.compute_dtype",
  "width": "network.width",
  "batch": "batch.size",
}


def define_flags(
  preset: str, *, any_model: bool = False, **defaults: Any
) -> None:
  """Defines `--preset`, `--set`, and those of the network's fields.

  Args:
    preset: the default preset.
    any_model: define `--model` too.
    **defaults: values of `width`, `batch` and `compute_dtype`, texts with
      commas; None is the preset's.
  """
  flags.DEFINE_enum("preset", preset, list(presets.PRESETS), "where to start")
  if any_model:
    flags.DEFINE_enum(
      "model",
      None,
      list(_PRESETS_OF),
      "another network (default: the preset's of BGM2Pose)",
    )
  for name, field in _FIELDS.items():
    flags.DEFINE_list(
      name, defaults.get(name), f"{field}, several by commas where that makes "
      "sense (default: the preset's)"
    )  # fmt: skip
  flags.DEFINE_multi_string("set", [], "key.path=value, as in the main command")


def config(
  preset: str, changes: dict[str, Any], model: str | None = None
) -> Any:
  """A preset with some fields changed.

  Args:
    preset: the preset's name.
    changes: {dotted key: value}.
    model: another network; None is BGM2Pose.

  Raises:
    InputError: a value that cannot be right.
  """
  changes = {"preset": preset} | changes
  if model is None:
    return schema.overlay(presets.get_config(preset), changes)
  own = _PRESETS_OF[model]
  if preset not in own.PRESETS:
    raise InputError(
      f"--preset={preset}",
      f"no preset of {model}",
      f"choose one of {', '.join(own.PRESETS)}",
    )
  return schema.overlay(own.get_config(preset, model), changes)


def configs(*apart: str, **changes: Any) -> list[Config]:
  """One configuration for each combination of the flags' values.

  Args:
    *apart: names of flags that the caller lays over by itself.
    **changes: {dotted key: value}, laid below the flags.

  Raises:
    InputError: a value that cannot be right.
  """
  values = flags.FLAGS
  names = [name for name in _FIELDS if name not in apart]
  found = []
  for chosen in itertools.product(*(values[n].value or [None] for n in names)):
    given = dict(zip([_FIELDS[n] for n in names], chosen))
    given = {key: value for key, value in given.items() if value is not None}
    model = values["model"].value if "model" in values else None
    made = config(values.preset, changes | given, model)
    made = schema.overlay(made, tree.parse_assignments(values.set))
    found.append(made)
  return found


def one_config(*apart: str, **changes: Any) -> Config:
  """The configuration of flags that hold one value each.

  Args:
    *apart: names of flags, as `configs` takes them.
    **changes: {dotted key: value}, as `configs` takes them.

  Raises:
    InputError: a value that cannot be right, or several of them.
  """
  found = configs(*apart, **changes)
  if len(found) > 1:
    raise InputError("flags", "more than one network", "give one of each")
  return found[0]


def title(config: Config) -> str:
  """One line that says which network this is."""
  return (
    f"{config.preset}, width {config.network['width']:g}, batch "
    f"{config.batch.size}, {config.run.compute_dtype}"
  )


def made_up_windows(count: int, seed: int = 0) -> MusicWindows:
  """Random windows: decibels, unit intensity vectors, poses of a person.

  Args:
    count: how many windows.
    seed: the seed of the numbers.
  """
  rng = np.random.default_rng(seed)
  spec = features.get_feature_set("logmel_intensity").spec
  x = rng.normal(-40, 12, (count, 12, 128, 9)).astype(np.float32)
  intensity = rng.normal(size=(count, 12, 128, 3))
  intensity /= np.linalg.norm(intensity, axis=-1, keepdims=True)
  x[..., list(spec.indices("intensity"))] = intensity
  pose = rng.normal(0, 0.5, (count, 12, 21, 3)).cumsum(axis=1)
  pose[..., 1] += np.linspace(0, 15, 21)
  zeros = np.zeros(count, np.int32)
  return MusicWindows(
    features=x,
    pose=pose.astype(np.float32),
    subject=zeros,
    track=zeros,
    genre=zeros,
    recording=zeros,
    label=zeros,
    window_index=np.arange(count, dtype=np.int32),
    valid=np.ones(count, bool),
    has_pose=np.ones(count, bool),
    subjects=("0",),
    tracks=("noise",),
    genres=("noise",),
    recordings=("0",),
    labels=("",),
    spec=spec,
    simulated=True,
    fingerprint="made up",
  )


def made_up_for(config: schema.Config, count: int) -> WindowTable:
  """Random windows of the kind that a configuration's task reads.

  Args:
    config: the run's configuration.
    count: how many windows.
  """
  if isinstance(config, TakeConfig):
    return made_up_takes.windows(count)
  if isinstance(config, SampleConfig):
    return made_up_samples.samples(count)
  return made_up_windows(count)


def task_of(config: Any, table: Any) -> Any:
  """The task of a configuration on a table's windows.

  Args:
    config: the run's configuration.
    table: its windows.

  Raises:
    InputError: a field of the network that cannot be right.
  """
  if isinstance(config, TakeConfig):
    take_models.make_config(config.model, config.network)
    return RefinePoses(config)
  if isinstance(config, SampleConfig):
    sample_models.make_config(config.model, config.network)
    return LiftPoses(config)
  models.make_config(config.model, config.network)
  return PoseFromMusic(config, table.spec, len(table.tracks))


def statistics_of(task: Any, table: Any) -> Any:
  """The task's statistics of all windows of a table."""
  return task.fit(table, np.arange(len(table)))


class Training:
  """What a train step needs, on its devices.

  Attributes:
    task: the run's task.
    statistics: the statistics of the table.
    state: fresh, replicated.
    cache: the table's windows on every device.
    control: the control of a step at the configured rate.
    step: compiled at its first call.
    per_call: steps of one call.
  """

  def __init__(
    self,
    config: schema.Config,
    table: Any,
    mesh: jax.sharding.Mesh,
    *,
    rate: float | None = None,
  ):
    """Puts everything on the devices.

    Args:
      config: the run's configuration.
      table: its windows.
      mesh: the devices.
      rate: the learning rate; the configured one if not given.
    """
    self.task = task_of(config, table)
    self.statistics = statistics_of(self.task, table)
    state = self.task.init_state(config.seed, self.statistics)
    self.state = mesh_lib.replicate(mesh, state)
    whole = jax.NamedSharding(mesh, jax.P())
    self.cache = device_cache.put(table, self.task.fields, whole)
    rate = config.optim.learning_rate if rate is None else rate
    control = steps.make_control(config.seed, rate, 0)
    self.control = mesh_lib.replicate(mesh, control)
    self.step: Any = steps.make_train_step(
      self.task, mesh, cached=True, parallel=config.run.parallel
    )
    self.per_call = steps.steps_per_dispatch(config.run.steps_per_dispatch)
