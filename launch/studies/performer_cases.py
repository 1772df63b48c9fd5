"""Cases of the performers' study: which windows train, which test."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21, in_own_heading
from bgm2pose_jax.systems.bgm2pose.performances import Performances
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

GROUPS = ("unseen", "hours", "performers")
# Of the training motion, or of the training performers.
SHARES = (0.125, 0.25, 0.5, 1.0)
# Left out in turn where actions are unseen.
ACTION_FOLDS = 3
# Quarters of the circle, left out in turn where headings are unseen.
SECTORS = 4
# Fewer windows that train or test say nothing.
FEWEST = 20


@dataclasses.dataclass(frozen=True)
class Fold:
  """One fit of a case.

  Attributes:
    train: int [m] rows of the table.
    test: int [n] rows of the table.
  """

  train: np.ndarray
  test: np.ndarray


@dataclasses.dataclass(frozen=True)
class Case:
  """One line of the study.

  Attributes:
    group: one of `GROUPS`.
    name: what is unseen, or how much is trained on.
    folds: the fits; their test windows together are the line's.
    heading: axes of the poses, `room` or `own`.
  """

  group: str
  name: str
  folds: tuple[Fold, ...]
  heading: str = "room"


def cases(
  table: MusicWindows, shown: Performances, tested: str
) -> Iterator[Case]:
  """Lists the cases of one tested performer.

  All are tested on windows of the last half of the performer's recording, so
  that what differs is what trained.

  Args:
    table: windows of one track.
    shown: what the performers show.
    tested: the performer.

  Yields:
    Cases with enough windows, those of `nothing` unseen first.
  """
  names, labels = table.named("subject"), table.named("label")
  usable = table.valid & table.has_pose
  mine = usable & (names == tested)
  late = table.window_index > np.median(table.window_index[mine])
  test = mine & late
  everything = usable & ~test
  others = everything & (names != tested)
  person = shown.persons[tested]
  apart = others & ~np.isin(labels, shown.same_performances(tested))
  strangers = others & ~np.isin(names, shown.made_of(person))
  strangers &= ~np.isin(labels, shown.of_person(person))
  for heading in ("room", "own"):
    for name, train in (
      ("nothing", everything),
      ("body", others),
      ("body, performances", apart),
      ("body, performances, person", strangers),
    ):
      yield from _case("unseen", name, [(train, test)], heading)
    action = _actions(shown, labels)
    yield from _case(
      "unseen",
      "action",
      [
        (everything & (action != k), test & (action == k))
        for k in range(ACTION_FOLDS)
      ],
      heading,
    )
    # Only where people look about: of one sector nothing is left to train on.
    sector = sectors(table.pose)
    yield from _case(
      "unseen",
      "heading",
      [
        (everything & (sector != k), test & (sector == k))
        for k in range(SECTORS)
      ],
      heading,
    )
  for share in SHARES:
    begun = _beginnings(table, share)
    yield from _case(
      "hours", f"{share:g} of the motion", [(apart & begun, test)]
    )
  performers = [name for name in shown.shows if name != tested]
  for share in SHARES:
    some = performers[: max(1, round(share * len(performers)))]
    train = apart & np.isin(names, some)
    yield from _case("performers", f"{len(some)} performers", [(train, test)])


def in_heading(pose: np.ndarray, heading: str) -> np.ndarray:
  """Returns poses [..., joint, 3] in the room's axes or in the own heading."""
  return in_own_heading(pose) if heading == "own" else pose


def sectors(pose: np.ndarray) -> np.ndarray:
  """The quarter of the circle that each window's person faces, int [n].

  Args:
    pose: [n, time, joint, 3] in the room's axes; the middle frame decides.

  Returns:
    0 to 3; sector 0 is the quarter around +z, then as +z turns to +x.
  """
  middle = pose[:, pose.shape[1] // 2]
  left = middle[:, BODY21.index("LeftUpLeg")]
  left = left - middle[:, BODY21.index("RightUpLeg")]
  facing_rad = np.arctan2(-left[:, 2], left[:, 0])
  quarter = 2 * np.pi / SECTORS
  return np.round(facing_rad / quarter).astype(np.int64) % SECTORS


def _case(
  group: str,
  name: str,
  folds: list[tuple[np.ndarray, np.ndarray]],
  heading: str = "room",
) -> Iterator[Case]:
  """The case of its folds that test anything, if all of them can be learnt."""
  found = [
    Fold(np.flatnonzero(train), np.flatnonzero(test))
    for train, test in folds
    if test.any()
  ]
  tested = sum(len(fold.test) for fold in found)
  if tested < FEWEST or any(len(fold.train) < FEWEST for fold in found):
    return
  yield Case(group, name, tuple(found), heading)


def _actions(shown: Performances, labels: np.ndarray) -> np.ndarray:
  """Each window's group of actions, int [n]; -1 where its clip is unknown."""
  order = sorted(shown.actions(shown.sources))
  number = {action: i % ACTION_FOLDS for i, action in enumerate(order)}
  of = {clip: number[each.action] for clip, each in shown.sources.items()}
  known, codes = np.unique(labels, return_inverse=True)
  return np.array([of.get(str(label), -1) for label in known])[codes]


def _beginnings(table: MusicWindows, share: float) -> np.ndarray:
  """Which windows lie in the first share of their recording, bool [n]."""
  last = np.zeros(len(table.recordings))
  np.maximum.at(last, table.recording, table.window_index + 1)
  return table.window_index < share * last[table.recording]
