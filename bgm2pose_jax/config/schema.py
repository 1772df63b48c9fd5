"""What every system's configuration has: batches, optimiser, run.

A run is a pure function of its configuration, the data set it names and the
device type. A system adds its own fields and sections in a subclass of
`Config`. Everything ends in `<workdir>/config.json`; the first eight hex digits
of its hash name the default work folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import fields, tree
from bgm2pose_jax.config.fields import field

MODES = ("train_and_evaluate", "train", "evaluate")
# How several runs share the device, see `training.together`.
REPLICAS = ("auto", "separate", "unrolled", "vmap", "products")

AnyConfig = TypeVar("AnyConfig", bound="Config")


@dataclasses.dataclass(frozen=True)
class BatchConfig:
  """How windows become batches.

  Attributes:
    size: windows in a batch, over all devices.
    grouping: what windows of a batch have in common, one of the groupings of
      the system's table; `random` for nothing.
    dedup: no window twice in a batch.
    workers: processes of the input pipeline; 0 reads in this one.
    device_cache: `auto` keeps the split on the device when it fits, else
      `on` or `off`. Both ways give the same batches.
    cache_budget_gib: the most that `auto` puts on a device.
  """

  size: int = field(64, above=0)
  grouping: str = "random"
  dedup: bool = True
  workers: int = field(0, at_least=0)
  device_cache: str = field("auto", choices=("auto", "on", "off"))
  cache_budget_gib: float = field(4.0, at_least=0)


@dataclasses.dataclass(frozen=True)
class OptimConfig:
  """Optimiser and schedule.

  Attributes:
    optimizer: `adam`, `amsgrad` or `sgd`.
    learning_rate: rate of the first epoch.
    learning_rate_min: where the cosine ends, and the least of any schedule.
    schedule: `cosine` over the run, `exponential` or `constant`.
    schedule_by: an exponential rate falls each `epoch` or each `step`.
    decay: factor of an exponential rate.
    epochs: passes.
    steps_per_epoch: null is floor((windows - 1) / batch).
    weight_decay: decoupled, on kernels alone (not biases, norms, embeddings).
    clip_norm: global gradient norm limit; null is none.
    snapshot_average: `replace` (the mean of the last snapshots becomes the
      live model), `eval_only` or `off`.
    snapshots: how many epoch ends are averaged.
    input_noise: deviation of Gaussian noise added to the normalised inputs
      in training; 0 is none.
    max_skipped_steps: updates with a non-finite loss or gradient are left
      out; more than this many in a run end it.
  """

  optimizer: str = field("adam", choices=("adam", "amsgrad", "sgd"))
  learning_rate: float = field(3e-3, above=0)
  learning_rate_min: float = field(1e-3, at_least=0)
  schedule: str = field(
    "cosine", choices=("cosine", "exponential", "constant"), later=True
  )
  schedule_by: str = field("epoch", choices=("epoch", "step"), later=True)
  decay: float = field(1.0, above=0, later=True)
  epochs: int = field(30, above=0)
  steps_per_epoch: int | None = field(None, at_least=1)
  weight_decay: float = field(0.0, at_least=0)
  clip_norm: float | None = field(None, above=0)
  snapshot_average: str = field(
    "replace", choices=("replace", "eval_only", "off")
  )
  snapshots: int = field(3, above=0)
  input_noise: float = field(0.0, at_least=0)
  max_skipped_steps: int = field(10, at_least=0)


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """How a run is carried out.

  Attributes:
    parallel: `jit` over a mesh or `pmap`; the same step under both.
    batch_norm: whose moments batch normalisation takes: `global`, of the batch
      over all devices; `local`, of each device's own share, which sends nothing
      but depends on the number of devices. Running statistics are the mean over
      devices then. A network without batch normalisation has no use for it.
    compute_dtype: `float32` or `bfloat16`; parameters stay float32. `float64`
      (parameters too) is for checks and needs JAX_ENABLE_X64=1.
    steps_per_dispatch: null picks 1 on CPU, 8 elsewhere.
    eval_batch: windows per evaluation call.
    log_every_steps: one metrics line each.
    validate_every_epochs: how often validation runs.
    save_every_epochs: how often a checkpoint is written; "best" is the best
      of those written.
    report_weights: `final` or `best` on validation.
  """

  parallel: str = field(
    "jit",
    choices=("jit", "pmap"),
    flag="parallel",
    help="wrapper of the per-device train step",
  )
  batch_norm: str = field("global", choices=("global", "local"), later=True)
  compute_dtype: str = field(
    "float32", choices=("float32", "bfloat16", "float64")
  )
  steps_per_dispatch: int | None = field(None, at_least=1)
  eval_batch: int = field(128, above=0)
  log_every_steps: int = field(20, above=0)
  validate_every_epochs: int = field(1, above=0)
  save_every_epochs: int = field(1, above=0)
  report_weights: str = field("final", choices=("final", "best"))


@dataclasses.dataclass(frozen=True)
class Config:
  """One run; a system's configuration is a subclass.

  Attributes:
    preset: name of the preset this started from.
    model: name of the model; it implies the system.
    ablation: what was taken out of the model; a label here, its changes are
      laid over the preset.
    fold: position in the order of what folds leave out.
    seed: seed of initialisation, order, dropout and noise.
    init_from: checkpoint folder to take parameters from; null is none.
    network: the model's own fields.
    batch, optim, run: see their classes.
  """

  preset: str = "demo"
  model: str = ""
  ablation: str = "none"
  fold: int = field(
    0,
    at_least=0,
    flag="fold",
    help="which of those that folds leave out is tested on, counted from 0 in "
    "natural order",
  )
  seed: int = field(
    0,
    at_least=0,
    flag="seed",
    help="of initialisation, order, dropout and noise",
  )
  init_from: str | None = field(
    None,
    flag="init_from",
    help="start from the live weights of this work folder's newest checkpoint, "
    "or of the checkpoint given (FOLDER/checkpoints/STEP), e.g. pre-trained on "
    "simulated data",
  )
  network: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  batch: BatchConfig = BatchConfig()
  optim: OptimConfig = OptimConfig()
  run: RunConfig = RunConfig()

  def __post_init__(self):
    # A caller's dict must not change under a frozen config.
    object.__setattr__(
      self, "network", types.MappingProxyType(dict(self.network))
    )
    self.validate(flatten(self))

  def validate(self, flat: Mapping[str, Any]) -> None:
    """Checks every field that has a range.

    Args:
      flat: {dotted key: value} of this configuration.

    Raises:
      InputError: naming the first field that cannot be right.
    """
    fields.check(type(self), flat)
    if self.seed >= 2**32:
      raise InputError("seed", f"is {self.seed}", f"give {2**32 - 1} at most")
    if self.run.save_every_epochs % self.run.validate_every_epochs:
      raise InputError(
        "run.save_every_epochs",
        f"is {self.run.save_every_epochs}",
        "give a multiple of run.validate_every_epochs: a save needs its figure",
      )

  @classmethod
  def from_dict(cls, values: Mapping[str, Any]) -> Self:
    """Builds a configuration from `to_dict`'s output.

    Args:
      values: nested dicts.

    Raises:
      InputError: for an unknown field or a value of the wrong type.
    """
    return tree.build(cls, values)


def to_dict(config: Config) -> dict[str, Any]:
  """Returns nested dicts that JSON can hold."""
  return tree.to_dict(config)


def flatten(config: Config) -> dict[str, Any]:
  """Returns {dotted key: value}, the names `--set` takes."""
  return tree.flatten(config)


def overlay(config: AnyConfig, changes: Mapping[str, Any]) -> AnyConfig:
  """Replaces fields by dotted key.

  Args:
    config: where to start.
    changes: {dotted key: value}; a string is read as JSON where the field
      is no string itself, so "3", "true" and "null" work.

  Returns:
    A new configuration.

  Raises:
    InputError: for an unknown key (with the nearest known ones) or a value
      of another type than the field's.
  """
  return type(config).from_dict(tree.overlaid(config, changes))


def digest(config: Config) -> str:
  """Returns the first 8 hex digits of the configuration's SHA-256."""
  values = to_dict(config)
  for key, each, rules in fields.walk(type(config)):
    *parents, leaf = key.split(".")
    node = values
    for parent in parents:
      node = node[parent]
    if rules.later and node[leaf] == each.default:
      del node[leaf]
  text = json.dumps(values, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:8]
