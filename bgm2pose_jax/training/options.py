"""How a command trains: what is no part of what a run is."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import fields
from bgm2pose_jax.config.fields import field
from bgm2pose_jax.config.schema import MODES, REPLICAS, Config
from bgm2pose_jax.runtime.processes import TOKEN
from bgm2pose_jax.training import trackers


@dataclasses.dataclass(frozen=True)
class Options:
  """Where and how runs are carried out; each field is a flag.

  Attributes:
    mode: one of `schema.MODES`.
    replicas: one of `schema.REPLICAS`.
    seeds, folds: several runs; instead of the configuration's one.
    workdir: where the run writes.
    data_dir: cache of simulated and prepared data.
    tracker: a key of `trackers.PACKAGES`; None for no tracker.
    deterministic: GPU operations that give the same bits each time.
    hosts, coordinator, processes, process, processes_token: one run over
      several processes.
  """

  mode: str = field(
    "train_and_evaluate", choices=MODES, flag="mode", help="what to do"
  )
  replicas: str = field(
    "auto",
    choices=REPLICAS,
    flag="replicas",
    help="how the runs of --seeds and --folds share the device: separate (one "
    "after another), or in one program: unrolled, vmap, or products (vmap with "
    "convolutions as batched matrix products). auto tries them and takes the "
    "fastest; on CPU it tries unrolled alone, and only for long runs",
  )
  seeds: tuple | None = field(
    None,
    flag="seeds",
    help="several runs, one per seed, e.g. 0,1,2; instead of --seed",
  )
  folds: tuple | None = field(
    None,
    flag="folds",
    help="several runs, one per fold, e.g. 0,1,2; instead of --fold",
  )
  workdir: str | None = field(
    None,
    flag="workdir",
    help="where the run writes (default: runs/<what>-<model>-fold<f>-seed<s>-"
    "<8 hex of the configuration>); the same command resumes. With several "
    "runs the folder that theirs lie in, or the pattern of their own folders, "
    "in which {fold} and {seed} stand for each run's, as in "
    "runs/f{fold}-s{seed}",
  )
  data_dir: str | None = field(
    None,
    flag="data_dir",
    help="cache of simulated and prepared data (default: bgm2pose_jax in the "
    "user's cache folder)",
  )
  tracker: str | None = field(
    None,
    choices=(None, *trackers.PACKAGES),
    flag="tracker",
    help="also send the lines of metrics.jsonl, and the page at the end, to "
    "tensorboard (event files in the run's folder tensorboard), wandb (its "
    "WANDB_ variables hold), or mlflow (MLFLOW_TRACKING_URI, or the run's "
    "folder mlruns); each needs the extra of its name",
  )
  deterministic: bool = field(
    True,
    flag="deterministic",
    help="GPU operations that give the same bits each time, so that a resumed "
    "run equals one left alone (default); --nodeterministic may be faster. "
    "CPUs always do.",
  )
  hosts: str | None = field(
    None,
    choices=(None, "auto"),
    flag="hosts",
    help="auto: one run over all hosts of a TPU pod slice, or all tasks of a "
    "Slurm or Open MPI job; every one is given the same command, and sees the "
    "same work folder",
  )
  coordinator: str | None = field(
    None,
    flag="coordinator",
    help="HOST:PORT of process 0, for one run over several processes "
    "elsewhere; with --processes and --process",
  )
  processes: int | None = field(
    None, flag="processes", help="how many processes the run has"
  )
  process: int | None = field(
    None, flag="process", help="which of them this is, counted from 0"
  )
  processes_token: str | None = field(
    None,
    flag="processes_token",
    help="secret that all processes of the run are given, so that nobody else "
    f"joins; better by the environment, as {TOKEN}: other users "
    "of a host see flags",
  )

  def __post_init__(self):
    fields.check(Options, vars(self))

  def numbers(self, name: str, config: Config) -> list[int]:
    """Returns the seeds or folds asked for.

    Args:
      name: `seeds` or `folds`.
      config: has the one where no list is given.

    Raises:
      InputError: the list is none of numbers, or a field of the configuration
        names the one already.
    """
    given, one = getattr(self, name), name.removesuffix("s")
    if given is None:
      return [getattr(config, one)]
    where = f"--{name}={','.join(given)}"
    for key, _, rules in fields.walk(type(config)):
      if rules.replaces == one and getattr(config, key) is not None:
        raise InputError(
          where,
          f"given together with --{rules.flag}",
          f"drop one: each {one} names its own",
        )
    if not given or not all(text.isdecimal() for text in given):
      raise InputError(where, "is no list of numbers", f"write --{name}=0,1,2")
    return [int(text) for text in given]
