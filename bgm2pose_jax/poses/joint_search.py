"""Looks for the joints of `BODY21` among names, convention by convention."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bgm2pose_jax.poses import joint_names
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.joint_names import Limb, Middle, fold

# These can be placed between their neighbours.
MAY_LACK = frozenset(("Spine1", "Neck", "LeftShoulder", "RightShoulder"))
# Every name with a head in it costs a search: a file may have thousands.
_MOST_AFFIXES = 200
# Some rigs say that a joint lies in the middle: J_Bip_C_Hips, Head_M.
_CENTRES = ("", "c", "m")


@dataclasses.dataclass(frozen=True)
class Fit:
  """One convention with what stands before and behind its names.

  Attributes:
    affix: what stands before and behind.
    found: {joint: indices of points of that name}; more than one is a fault.
    lacking: joints that are not there.
    looked_for: {joint: words that were looked for}.
  """

  affix: tuple[str, str]
  found: dict[str, tuple[int, ...]]
  lacking: tuple[str, ...]
  looked_for: dict[str, tuple[str, ...]]

  @property
  def whole(self) -> bool:
    """Whether what is lacking can be placed between its neighbours."""
    return set(self.lacking) <= MAY_LACK


class Search:
  """Looks for conventions among the names of one file.

  Args:
    names: the file's names.
    parents: index of each point's parent, -1 for the root; or None.
    positions: [time, point, 3] of some frames, or None.
    fixed: {joint: its point} of what is known.
  """

  def __init__(
    self,
    names: Sequence[str],
    parents: Sequence[int] | None,
    positions: np.ndarray | None,
    fixed: Mapping[str, tuple[int, ...]],
  ):
    self.names = [fold(name) for name in names]
    self.places: dict[str, list[int]] = {}
    for index, name in enumerate(self.names):
      self.places.setdefault(name, []).append(index)
    self.parents = parents
    self.positions = positions
    # A part of it tells a bone from none, whatever the unit.
    with np.errstate(invalid="ignore"):
      spans = np.ptp(np.zeros((1, 1, 3)) if positions is None else positions, 1)
    spans = spans[np.isfinite(spans).all(axis=-1)]
    self.size = float(np.median(spans.max(axis=-1))) if len(spans) else 0.0
    self.fixed = fixed

  def fits(self) -> Iterator[Fit]:
    """The best fit of each affix, at least one."""
    for affix in self.affixes():
      middle = self._middles(affix)
      if affix == ("", "") or {"Spine", "Head"} <= {*middle.found, *self.fixed}:
        yield self._best(affix, middle)

  def affixes(self) -> list[tuple[str, str]]:
    """What may stand before and behind names, from where `head` stands."""
    heads = {word for middle in joint_names.MIDDLES for word in middle.head}
    heads |= {"hips", "pelvis"}
    found = {("", ""): None}
    for name in self.places:
      for head in heads:
        for before, word, behind in (
          name.partition(head),
          name.rpartition(head),
        ):
          for mark in _CENTRES if word else ():
            found[before.removesuffix(mark), behind] = None
            found[before, behind.removesuffix(mark)] = None
            found[before, behind.removeprefix(mark)] = None
    skip = joint_names.NOT_POSITIONS
    kept = [a for a in found if a[0] not in skip and a[1] not in skip]
    kept.sort(key=lambda affix: (len(affix[0]) + len(affix[1]), affix))
    return kept[:_MOST_AFFIXES]

  def _middles(self, affix: tuple[str, str]) -> Fit:
    middles = [self._middle(affix, one) for one in joint_names.MIDDLES]
    return min(middles, key=lambda part: len(part.lacking))

  def _best(self, affix: tuple[str, str], middle: Fit) -> Fit:
    pairs = []
    for sides in joint_names.SIDES:
      for place in range(4):
        say = functools.partial(_sided, affix, sides, place)
        arm = min(
          (self._limb(say, limb) for limb in joint_names.ARMS),
          key=lambda part: len(part.lacking),
        )
        leg = min(
          (self._limb(say, limb) for limb in joint_names.LEGS),
          key=lambda part: len(part.lacking),
        )
        pairs.append((len(arm.lacking) + len(leg.lacking), say, arm, leg))
    _, say, arm, leg = min(pairs, key=lambda pair: pair[0])
    if "humerus" in arm.looked_for["LeftArm"] and self._names_ends(say):
      middle = self._middle(affix, joint_names.ENDS_MIDDLE)
      arm = self._limb(say, joint_names.ENDS_ARM)
      leg = self._limb(say, joint_names.ENDS_LEG)
      # The collars begin where the thorax ends.
      for side in ("Left", "Right"):
        if "Neck" in middle.found:
          arm.found[f"{side}Shoulder"] = middle.found["Neck"]
    parts = (middle, arm, leg)
    found = {j: where for part in parts for j, where in part.found.items()}
    looked = {j: w for part in parts for j, w in part.looked_for.items()}
    found |= self.fixed
    for name in (2 * affix[0], affix[0]):
      # Motive gives the hips the name of the skeleton itself.
      if "Hips" not in found and name and name in self.places:
        found["Hips"] = tuple(self.places[name])
    if "Hips" not in found and (hips := self._unnamed_hips(found)):
      found["Hips"], looked["Hips"] = hips, ()
    lacking = tuple(joint for joint in BODY21.joints if joint not in found)
    return Fit(affix, found, lacking, looked)

  def _middle(self, affix: tuple[str, str], middle: Middle) -> Fit:
    before, behind = affix

    def at(words: tuple[str, ...]) -> Iterator[tuple[int, ...]]:
      for word in words:
        for mark in _CENTRES:
          for name in (
            before + mark + word + behind,
            before + word + mark + behind,
            before + word + behind + mark,
          ):
            if name in self.places:
              yield tuple(self.places[name])
              break
          else:
            continue
          break

    found: dict[str, tuple[int, ...]] = {}
    ladder = list(dict.fromkeys(at(middle.spine)))
    # Some programs number the spine downwards; the hierarchy knows better.
    ladder.sort(key=lambda place: len(self.above(place[0])))
    ends: dict[str, list[tuple[int, ...]]] = {}
    for joint, words in (
      ("Hips", middle.hips),
      ("Neck", middle.neck),
      ("Head", middle.head),
    ):
      ends[joint] = list(itertools.islice(at(words), 1))
    if not ends["Hips"]:
      # A root without what stands before all others.
      bare = (self.places.get(word) for word in middle.hips)
      ends["Hips"] = [tuple(place) for place in bare if place][:1]
    if ends["Hips"]:
      # A joint of the spine that only turns with the hips lies in them.
      above = [p for p in ladder if not self._coincide(p, ends["Hips"][0])]
      ladder = above or ladder
    ends |= {"Spine": ladder[:1], "Spine1": ladder[1:][-1:]}
    for joint, places in ends.items():
      if places:
        found[joint] = places[0]
    words = {
      "Hips": middle.hips,
      "Spine": middle.spine,
      "Spine1": middle.spine,
      "Neck": middle.neck,
      "Head": middle.head,
    }
    return self._part(affix, found, words)

  def _limb(self, say, limb: Limb) -> Fit:
    found, looked = {}, {}
    for number, side in enumerate(("Left", "Right")):
      for joint, words in limb.words.items():
        looked[side + joint] = words
        for word in words:
          if place := self.places.get(say(number, word)):
            found[side + joint] = tuple(place)
            break
    return self._part(("", ""), found, looked)

  def _part(self, affix, found, looked) -> Fit:
    lacking = tuple(j for j in looked if j not in found and j not in self.fixed)
    return Fit(affix, found, lacking, looked)

  def _unnamed_hips(self, found) -> tuple[int, ...] | None:
    """The point that carries both legs and the spine."""
    legs = [found.get(f"{side}UpLeg") for side in ("Left", "Right")]
    if self.parents is None or not all(legs) or "Spine" not in found:
      return None
    chains = [self.above(places[0]) for places in (*legs, found["Spine"])]
    common = [i for i in chains[0] if all(i in chain for chain in chains)]
    return (common[0],) if common else None

  def _names_ends(self, say) -> bool:
    """Whether the points of ASF's bones lie where the bones end.

    Where they begin both hip joints lie in the root.
    """
    left, right = (self.places.get(say(i, "hipjoint")) for i in (0, 1))
    if self.positions is None or not left or not right:
      return False
    return not self._coincide(left, right)

  def above(self, index: int) -> list[int]:
    """A point's parent, its parent's and so on; empty without a hierarchy."""
    chain: list[int] = []
    while self.parents is not None and len(chain) < len(self.names):
      index = self.parents[index]
      if index < 0:
        break
      chain.append(index)
    return chain

  def _coincide(self, one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two points lie in one place, as far as positions are known."""
    if self.positions is None:
      return False
    apart = self.positions[:, one[0]] - self.positions[:, other[0]]
    apart = apart[np.isfinite(apart).all(axis=-1)]
    return bool(len(apart)) and bool(
      np.median(np.linalg.norm(apart, axis=-1)) < 0.002 * self.size
    )


def _sided(affix, sides, place: int, number: int, word: str) -> str:
  """A name on the side of that number, with its side at one of four places."""
  before, behind = affix
  side = sides[number]
  end = ""
  if word.endswith("$"):
    word, end = word[:-1], "endsite"
  return (
    before + side + word + behind,
    before + word + side + behind,
    before + word + behind + side,
    side + before + word + behind,
  )[place] + end
