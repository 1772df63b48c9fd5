"""Which takes, players or noisy variants train and which test."""

from __future__ import annotations

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import Dealt, Split, natural_key
from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.take import HOP_FRAMES, WINDOW_FRAMES

# Groups that each player's takes are dealt into.
TAKE_FOLDS = 5
# Windows before a window that share frames with it.
OVERLAP = -(-WINDOW_FRAMES // HOP_FRAMES) - 1


def variant_names(count: int) -> tuple[str, ...]:
  """Names of the noisy variants of a take, in order."""
  return tuple(str(variant) for variant in range(count))


def resolve(config: Config, players: tuple[str, ...]) -> Split:
  """Returns the split that the configuration asks for.

  Args:
    config: the run's configuration; `split_by` and `fold` are read.
    players: everybody who plays.

  Raises:
    InputError: a fold that does not exist, or nobody left to train on.
  """
  players = tuple(sorted(players, key=natural_key))
  by, fold = config.split_by, config.fold
  everybody = {"player": players}
  train, test, dealt = everybody, everybody, None
  if by == "take":
    order = tuple(str(group) for group in range(TAKE_FOLDS))
    dealt = Dealt("take", within="player", groups=TAKE_FOLDS)
  elif by == "player":
    order = players
    if len(players) < 2:
      raise InputError(
        "--split_by=player",
        f"there is only {', '.join(players)}",
        "take --split_by=take",
      )
  else:
    order = variant_names(config.data.variants)
  if not fold < len(order):
    raise InputError(
      f"--fold={fold}",
      f"there is no such fold of --split_by={by}",
      f"give 0 to {len(order) - 1}",
    )
  if by != "take":
    key = "player" if by == "player" else "variant"
    train = {key: tuple(name for name in order if name != order[fold])}
    test = {key: (order[fold],)}
  return Split(
    train=train,
    test=test,
    fold=fold,
    fold_by=by,
    fold_order=order,
    sections=players,
    label=f"--split_by={by}",
    dealt=dealt,
    validation_fraction=config.data.validation_fraction,
    overlap=OVERLAP,
  )
