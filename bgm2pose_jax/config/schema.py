"""The configuration of a run: frozen dataclasses, checked when made.

A run is a pure function of its `Config`, the dataset it names and the device
type. Everything here ends in `<workdir>/config.json`; the first eight hex
digits of its hash name the default work folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import tree

SETTINGS = ("single", "cross_music", "cross_genre", "plain_clothes")
MODES = ("train_and_evaluate", "train", "evaluate")
# First-order channels W, X, Y, Z; the names say their gains.
AMBISONIC_FORMATS = ("ambix", "fuma", "n3d")
# How several runs share the device, see `together`.
REPLICAS = ("auto", "separate", "unrolled", "vmap", "products")
# Six seconds on either side of a window.
LONGEST_CONTEXT = 120
DATASETS = ("ampl/simulated", "ampl/released", "ampl/raw")


@dataclasses.dataclass(frozen=True)
class SimulateConfig:
  """What the simulator makes when no recordings are given.

  Attributes:
    subjects: number of procedural people (with motion files: all of theirs).
    minutes: length of each recording; one is made per subject and track.
    seed: of motion, music, body sizes, noise and their order.
    snr_db: background noise below the recording; null switches it off.
  """

  subjects: int = 7
  minutes: float = 5.0
  seed: int = 0
  snr_db: float | None = 40.0


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where windows come from and how they are normalised.

  Attributes:
    dataset: one of `ampl/simulated`, `ampl/released`, `ampl/raw`.
    ampl_dir: folder that holds AMPL, for `released` and `raw`.
    mocap_dir: motion files to simulate from; null for procedural motion.
    music_dir: music files to simulate from; null for procedural music.
    feature_set: name of the feature set, see `systems.bgm2pose.features`.
    static_response: for sets that measure against the static room, what that
      is learnt from: `whole` recording, `causal`, `first:SECONDS`,
      `around:SECONDS`, or a file; see `still_room.static_form.StaticForm`.
    ambisonic_format: gains of the recordings' channels, `ambix` (SN3D), `fuma`
      (W 3 dB down) or `n3d`; null is not stated (AMPL does not), or what a
      simulated recording says of itself. The order is W, X, Y, Z. Nothing is
      converted: it goes with the weights, and predictions from sound of
      another convention are refused.
    noise_snr_db: white noise added to recording and music of every window, in
      training and test; null adds none. Not for `released`.
    feature_norm: `track_channel` (the paper's), `per_band`, or
      `per_recording`, whose statistics are those of each recording's own sound,
      the test recording's too (`features.normalisation`); ridge gets the same.
    norm_stats: `fitted` on the training rows, or `table`: the published code's
      constants for AMPL's four tracks (`features.ampl_statistics`). Those are
      the same for all folds, computed over recordings of test subjects and
      test tracks too. Other tracks, and simulated data, stay fitted. For
      `track_channel` alone.
    inputs: what the network sees, one of `features.LAYOUTS`; null is the
      network's own.
    context_frames: frames of the recording on either side of a window that a
      network sees as well, an even number; the poses stay the window's. Beyond
      the recording's ends, or where released data leave windows out, its first
      and last frame are repeated.
    pose_norm: `none` (the paper's: heights of a dozen hip-spine lengths are
      learned from zero) or `center` (the network learns the deviation from
      the training mean pose).
    validation_fraction: the last part of every training recording, kept for
      choosing the best weights; never trained on.
    simulate: the simulator's plan, used by `ampl/simulated` alone.
  """

  dataset: str = "ampl/simulated"
  ampl_dir: str | None = None
  mocap_dir: str | None = None
  music_dir: str | None = None
  feature_set: str = "logmel_intensity"
  static_response: str = "whole"
  ambisonic_format: str | None = None
  noise_snr_db: float | None = None
  feature_norm: str = "track_channel"
  norm_stats: str = "fitted"
  inputs: str | None = None
  context_frames: int = 0
  pose_norm: str = "none"
  validation_fraction: float = 0.1
  simulate: SimulateConfig = SimulateConfig()


@dataclasses.dataclass(frozen=True)
class BatchConfig:
  """How windows become batches.

  Attributes:
    size: windows in a batch, over all devices.
    grouping: `segment` (windows of the same music segment share a batch, the
      paper's hard negatives), `track` or `random`.
    dedup: no window twice in a batch; the official code allows it.
    workers: processes of the input pipeline; 0 reads in this one.
    device_cache: `auto` keeps the split on the device when it fits, else
      `on` or `off`. Both ways give the same batches.
    cache_budget_gib: the most that `auto` puts on a device.
  """

  size: int = 64
  grouping: str = "segment"
  dedup: bool = True
  workers: int = 0
  device_cache: str = "auto"
  cache_budget_gib: float = 4.0


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """Weights of the training loss (paper, section 3; project page).

  Attributes:
    smoothness: weight of the squared frame-difference error.
    contrastive: weight of the pose-audio InfoNCE.
    contrastive_scale: multiplies the cosines: 1 / 0.07 in the text, ln of it
      in the official code.
  """

  smoothness: float = 100.0
  contrastive: float = 1.0
  contrastive_scale: float = 1.0 / 0.07


@dataclasses.dataclass(frozen=True)
class OptimConfig:
  """Optimiser and schedule.

  Attributes:
    optimizer: `adam` or `sgd`.
    learning_rate: of the first epoch.
    learning_rate_min: where the cosine ends.
    epochs: passes; the learning rate changes between epochs only.
    steps_per_epoch: null is floor((windows - 1) / batch), the paper's.
    weight_decay: decoupled, on kernels alone (not biases, norms, embeddings).
    clip_norm: global gradient norm limit; null is none.
    snapshot_average: `replace` (official: the mean of the last snapshots
      becomes the live model), `eval_only` or `off`.
    snapshots: how many epoch ends are averaged.
    input_noise: deviation of Gaussian noise added to the normalised inputs
      in training; 0 is none.
    max_skipped_steps: updates with a non-finite loss or gradient are left
      out; more than this many in a run end it.
  """

  optimizer: str = "adam"
  learning_rate: float = 3e-3
  learning_rate_min: float = 1e-3
  epochs: int = 30
  steps_per_epoch: int | None = None
  weight_decay: float = 0.0
  clip_norm: float | None = None
  snapshot_average: str = "replace"
  snapshots: int = 3
  input_noise: float = 0.0
  max_skipped_steps: int = 10


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """How a run is carried out.

  Attributes:
    parallel: `jit` over a mesh or `pmap`; the same step under both.
    compute_dtype: `float32` or `bfloat16`; parameters stay float32. `float64`
      (parameters too) is for checks and needs JAX_ENABLE_X64=1.
    steps_per_dispatch: null picks 1 on CPU, 8 elsewhere.
    eval_batch: windows per evaluation call.
    log_every_steps: one metrics line each.
    validate_every_epochs: how often validation runs.
    save_every_epochs: how often a checkpoint is written; "best" is the best
      of those written.
    report_weights: `final` (the paper's) or `best` on validation.
  """

  parallel: str = "jit"
  compute_dtype: str = "float32"
  steps_per_dispatch: int | None = None
  eval_batch: int = 128
  log_every_steps: int = 20
  validate_every_epochs: int = 1
  save_every_epochs: int = 1
  report_weights: str = "final"


@dataclasses.dataclass(frozen=True)
class Config:
  """One run.

  Attributes:
    preset: name of the preset this started from.
    setting: `single`, `cross_music`, `cross_genre` or `plain_clothes`.
    model: name in `models.registry`; it implies the task.
    ablation: name in `presets.ablations`, whose changes are laid
      over the preset; a label here.
    test_track: track to test on; null is the setting's first.
    test_subject: subject to test on; null takes `fold`.
    fold: position in the stated order of test subjects (or clip groups).
    fold_by: `subject` or `clip`.
    seed: of initialisation, order, dropout and noise.
    init_from: checkpoint folder to take parameters from; null is none.
    network: the model's own fields.
    data, batch, loss, optim, run: see their classes.
  """

  preset: str = "demo"
  setting: str = "single"
  model: str = "bgm2pose"
  ablation: str = "none"
  test_track: str | None = None
  test_subject: str | None = None
  fold: int = 0
  fold_by: str = "subject"
  seed: int = 0
  init_from: str | None = None
  network: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  data: DataConfig = DataConfig()
  batch: BatchConfig = BatchConfig()
  loss: LossConfig = LossConfig()
  optim: OptimConfig = OptimConfig()
  run: RunConfig = RunConfig()

  def __post_init__(self):
    # A caller's dict must not change under a frozen config.
    object.__setattr__(
      self, "network", types.MappingProxyType(dict(self.network))
    )
    validate(self)


_CHOICES = {
  "setting": SETTINGS,
  "fold_by": ("subject", "clip"),
  "data.dataset": DATASETS,
  "data.ambisonic_format": (None, *AMBISONIC_FORMATS),
  "data.feature_norm": ("track_channel", "per_band", "per_recording"),
  "data.norm_stats": ("fitted", "table"),
  "data.pose_norm": ("none", "center"),
  "batch.grouping": ("segment", "track", "random"),
  "batch.device_cache": ("auto", "on", "off"),
  "optim.optimizer": ("adam", "sgd"),
  "optim.snapshot_average": ("replace", "eval_only", "off"),
  "run.parallel": ("jit", "pmap"),
  "run.compute_dtype": ("float32", "bfloat16", "float64"),
  "run.report_weights": ("final", "best"),
}
_POSITIVE = (
  "data.simulate.subjects",
  "data.simulate.minutes",
  "batch.size",
  "optim.epochs",
  "optim.learning_rate",
  "optim.snapshots",
  "run.eval_batch",
  "run.log_every_steps",
  "run.validate_every_epochs",
  "run.save_every_epochs",
)
_NOT_NEGATIVE = (
  "data.context_frames",
  "fold",
  "seed",
  "batch.workers",
  "batch.cache_budget_gib",
  "loss.smoothness",
  "loss.contrastive",
  "optim.learning_rate_min",
  "optim.weight_decay",
  "optim.input_noise",
  "optim.max_skipped_steps",
)


def validate(config: Config) -> None:
  """Checks every field that has a range.

  Args:
    config: the configuration.

  Raises:
    InputError: naming the first field that cannot be right.
  """
  flat = flatten(config)
  for key, choices in _CHOICES.items():
    if flat[key] not in choices:
      raise InputError(
        key,
        f"is {flat[key]!r}",
        f"choose one of {', '.join(c or 'null' for c in choices)}",
      )
  for key in _POSITIVE:
    if not flat[key] > 0:
      raise InputError(key, f"is {flat[key]}", "give a number above zero")
  for key in _NOT_NEGATIVE:
    if not flat[key] >= 0:
      raise InputError(key, f"is {flat[key]}", "give zero or more")
  for key, value in flat.items():
    if isinstance(value, float) and not math.isfinite(value):
      raise InputError(key, f"is {value}", "give a finite number")
  if flat["seed"] >= 2**32:
    raise InputError("seed", f"is {flat['seed']}", f"give {2**32 - 1} at most")
  clip_norm = flat["optim.clip_norm"]
  if clip_norm is not None and not clip_norm > 0:
    raise InputError(
      "optim.clip_norm", f"is {clip_norm}", "give more than zero, or null"
    )
  if flat["run.save_every_epochs"] % flat["run.validate_every_epochs"]:
    raise InputError(
      "run.save_every_epochs",
      f"is {flat['run.save_every_epochs']}",
      "give a multiple of run.validate_every_epochs: a save needs its figure",
    )
  for key in ("optim.steps_per_epoch", "run.steps_per_dispatch"):
    if flat[key] is not None and flat[key] < 1:
      raise InputError(key, f"is {flat[key]}", "give 1 or more, or null")
  norm = flat["data.feature_norm"]
  if flat["data.norm_stats"] == "table" and norm != "track_channel":
    raise InputError(
      "data.norm_stats",
      f"is table with data.feature_norm={norm}",
      "the constants are for track_channel: take that, or "
      "data.norm_stats=fitted",
    )
  context = flat["data.context_frames"]
  if context % 2 or context > LONGEST_CONTEXT:
    raise InputError(
      "data.context_frames",
      f"is {context}",
      f"give an even number up to {LONGEST_CONTEXT}: networks halve time twice",
    )
  if not 0.0 < flat["data.validation_fraction"] < 0.5:
    raise InputError(
      "data.validation_fraction",
      f"is {flat['data.validation_fraction']}",
      "give a fraction above 0 and below 0.5",
    )


def from_dict(values: Mapping[str, Any]) -> Config:
  """Builds a `Config` from `config_tree.to_dict`'s output.

  Args:
    values: nested dicts.

  Returns:
    The configuration.

  Raises:
    InputError: for an unknown field or a value of the wrong type.
  """
  return tree.build(Config, values)


def to_dict(config: Config) -> dict[str, Any]:
  """Returns nested dicts that JSON can hold."""
  return tree.to_dict(config)


def flatten(config: Config) -> dict[str, Any]:
  """Returns {dotted key: value}, the names `--set` takes."""
  return tree.flatten(config)


def overlay(config: Config, settings: Mapping[str, Any]) -> Config:
  """Replaces fields by dotted key.

  Args:
    config: where to start.
    settings: {dotted key: value}; a string is read as JSON where the field
      is no string itself, so "3", "true" and "null" work.

  Returns:
    A new configuration.

  Raises:
    InputError: for an unknown key (with the nearest known ones) or a value
      of another type than the field's.
  """
  return from_dict(tree.overlaid(config, settings))


def digest(config: Config) -> str:
  """Returns the first 8 hex digits of the configuration's SHA-256."""
  text = json.dumps(to_dict(config), sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:8]
