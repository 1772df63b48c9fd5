"""Which environments, or which parts of each, train and which test."""

from __future__ import annotations

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import Split, Stretches, natural_key
from bgm2pose_jax.systems.posekernel.config import Config

# Stretches that each environment's samples are cut into.
BLOCKS = 5


def resolve(config: Config, environments: tuple[str, ...]) -> Split:
  """Returns the split that the configuration asks for.

  With `block`, a fifth of each environment's samples is tested, neighbours in
  number. What is left before and after it trains, and the last tenth of that
  validates.

  Args:
    config: the run's configuration; `split_by` and `fold` are read.
    environments: all of them.

  Raises:
    InputError: a fold that does not exist, or nothing left to train on.
  """
  environments = tuple(sorted(environments, key=natural_key))
  by, fold = config.split_by, config.fold
  if by == "environment":
    order = environments
    if len(order) < 2:
      raise InputError(
        "--split_by=environment",
        f"there is only {', '.join(order)}",
        "take --split_by=block",
      )
  else:
    order = tuple(map(str, range(BLOCKS)))
  if not fold < len(order):
    raise InputError(
      f"--fold={fold}",
      f"there is no such fold of --split_by={by}",
      f"give 0 to {len(order) - 1}",
    )
  train = test = {"environment": environments}
  dealt = None
  if by == "environment":
    others = tuple(name for name in order if name != order[fold])
    train, test = {"environment": others}, {"environment": (order[fold],)}
  else:
    dealt = Stretches(within="environment", groups=BLOCKS)
  return Split(
    train=train,
    test=test,
    fold=fold,
    fold_by=by,
    fold_order=order,
    sections=environments,
    label=f"--split_by={by}",
    dealt=dealt,
    validation_fraction=config.data.validation_fraction,
  )
